"""What can go wrong at the centre.

CentreError
├── FolderError     the folder cannot be used: no store, an unreadable key (exit, say which file)
│   └── Busy        another process serves this folder (stop it first)
├── EnrolRefused    the key that was typed is not the key that was heard (look again at the station)
└── StoreFailed     the database refused a transaction; nothing of it was kept (reopen and try again)

Each message is one line for the operator: what happened, where, what to do.
"""


class CentreError(Exception):
    """One line for the operator."""


class FolderError(CentreError):
    """The centre's folder is not usable as it is."""


class Busy(FolderError):
    """`tram central serve` holds this folder."""


class EnrolRefused(CentreError):
    """No boot record of that station carries the key whose fingerprint was typed."""


class StoreFailed(CentreError):
    """A transaction was rolled back; what it carried is not acknowledged and will come again."""
