"""What can go wrong with the store; every error says what happened and what to do.

StoreError
├── StoreBusy      another process has the store open: stop that one first
├── StoreFull      there is no room: keep the envelopes, try again later
│   └── QuotaUsedUp    by records that nobody has received yet: let some go in a write that says so, or wait
├── StoreBroken    the file cannot be read or written now: keep the envelopes, try again later
│   └── StoreDamaged   the file itself is damaged: set it aside and go on with a new one
└── StoreForeign   the file is not ours, or what is left of one of ours: look for records before touching it
    └── StoreNewer     the file is ours, written by a newer version: do not touch it

OutOfSequence (a ValueError) stands apart: a caller that offers a wrong seq, or other bytes under a seq that
is taken, has a defect that no retry can mend.
"""


class StoreError(Exception):
    """One line for the technician: what happened, and the hint what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"{what}; {hint}")
        self.what = what
        self.hint = hint


class StoreBusy(StoreError):
    """Another process has the store open."""


class StoreFull(StoreError):
    """No room for new records, and nothing delivered is left that could go."""


class QuotaUsedUp(StoreFull):
    """The file has reached its quota; the disk may have room."""


class StoreBroken(StoreError):
    """The file could not be read or written, also not after it was opened again."""


class StoreDamaged(StoreBroken):
    """What is in the file is no sound database any more, also not after it was opened again."""


class StoreForeign(StoreError):
    """The file is something else, or newer than this program."""


class StoreNewer(StoreForeign):
    """The file is newer than this program."""


class OutOfSequence(ValueError):
    """A batch that does not continue the ledger, or that would put other bytes under a used seq."""
