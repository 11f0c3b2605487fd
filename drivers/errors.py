"""What can go wrong between us and an instrument.

    DriverError
    ├── Unreachable     the line itself is down: adapter missing, port held, host refuses. Try again later
    ├── NoAnswer        the line is up and the instrument said nothing in time
    ├── Garbled         something was heard that is not the answer to the question. Never used as a value
    ├── Refused         the instrument answered with a Modbus exception. Asking again gives the same
    ├── Misconfigured   no repetition helps: the settings must change
    └── Defect          the driver itself failed; who calls it says so

`what` says what happened and where, `hint` what to do, `evidence` the bytes that were heard.
"""

from typing import ClassVar

from telemetry.reading import Flag

SHOWN_BYTES = 48


class DriverError(Exception):
    """Base of all; `flags` is what the readings that are missing because of it carry."""

    flags: ClassVar[int] = int(Flag.NO_COMMUNICATION)

    def __init__(self, what: str, *, hint: str = "", evidence: bytes = b"") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.evidence = evidence

    def __str__(self) -> str:
        heard = ""
        if self.evidence:
            more = " ..." if len(self.evidence) > SHOWN_BYTES else ""
            heard = f" (heard {self.evidence[:SHOWN_BYTES].hex(' ')}{more})"
        return f"{self.what}{heard}{'; ' if self.hint else ''}{self.hint}"


class Unreachable(DriverError):
    """The line is down."""


class NoAnswer(DriverError):
    """Silence until the timeout."""


class Garbled(DriverError):
    """Bytes that are not the answer: damaged, of another unit, of another request."""


class Refused(DriverError):
    """A Modbus exception; `code` is its number (Modbus Application Protocol V1.1b3, section 7)."""

    flags: ClassVar[int] = int(Flag.INSTRUMENT_FAULT)

    def __init__(self, what: str, *, code: int, hint: str = "", evidence: bytes = b"") -> None:
        super().__init__(what, hint=hint, evidence=evidence)
        self.code = code


class Misconfigured(DriverError):
    """The settings ask for what cannot be."""


class Defect(DriverError):
    """What a driver should never raise."""

    flags: ClassVar[int] = int(Flag.INSTRUMENT_FAULT)
