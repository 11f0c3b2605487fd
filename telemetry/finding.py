"""What a verifier noticed about a ledger. A finding is shown and kept, and never in the way of later records."""

from enum import StrEnum
from typing import NamedTuple


class FindingKind(StrEnum):
    """What was noticed; the text is the same everywhere: in vectors, in tables, on the screen."""

    HOLE = "hole"
    FORK = "fork"
    BROKEN_LINK = "broken-link"
    UNEXPLAINED_GAP = "unexplained-gap"
    CLOCK_STEP = "clock-step"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"
    REJECTION = "rejection"
    NEW_LEDGER = "new-ledger"
    FOREIGN_KIND = "foreign-kind"
    UNREADABLE_BODY = "unreadable-body"
    HEAD_CONTRADICTS = "head-contradicts"


class Finding(NamedTuple):
    """`seq`: the record that shows it, None when it is about the ledger. `detail`: one sentence for a person.

    `is_stated`: the station itself says so in a signed record (a clock step that was set on purpose).
    """

    what: FindingKind
    ledger: bytes
    seq: int | None
    detail: str
    is_stated: bool = False
