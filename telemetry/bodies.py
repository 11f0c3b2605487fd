"""The bodies of the kinds that are not readings: one frozen value each, both directions (docs/wire.md).

`decode` takes the decoded body of a record and raises RecordError when it is not that body.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from telemetry import cbor, fields
from telemetry.fields import RecordError


def _keys(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


class BootReason(IntEnum):
    """How the run before this one ended, or why the ledger is new."""

    CLEAN_STOP = 0
    UNCLEAN_STOP = 1
    ENROLMENT = 2
    STORE_LOST = 3
    STORE_RESTORED = 4
    QUARANTINE = 5


@dataclass(frozen=True, slots=True)
class BootBody:
    """The first record of a run.

    `last_sign` is (wall ms, mono ms) of the last sign of life before, None at the very first.
    `before` is (ledger, last seq known, its hash) of the ledger that this one follows, or None.
    """

    public: bytes
    reason: BootReason | int
    last_sign: tuple[int, int] | None
    before: tuple[bytes, int, bytes] | None
    software: str

    def encode(self) -> bytes:
        """The body as CBOR."""
        before = {} if self.before is None else {4: self.before}
        return cbor.encode(
            {1: self.public, 2: int(self.reason), 3: self.last_sign, **before, 5: self.software}
        )

    @classmethod
    def decode(cls, body: object) -> "BootBody":
        """From a decoded body."""
        said = fields.table(body, "the boot body", _keys(1, 2, 3, 5), _keys(4))
        return cls(
            public=fields.octets(said[1], 32, "public key (1)"),
            reason=fields.known(BootReason, said[2], "reason (2)"),
            last_sign=_pair_or_none(said[3], "last sign of life (3)"),
            before=_ledger_before(said[4]) if 4 in said else None,
            software=fields.text(said[5], "software (5)"),
        )


def _pair_or_none(value: object, what: str) -> tuple[int, int] | None:
    if value is None:
        return None
    one, other = fields.array(value, what, 2)
    return fields.uint(one, what), fields.uint(other, what)


def _ledger_before(value: object) -> tuple[bytes, int, bytes]:
    ledger, seq, last_hash = fields.array(value, "ledger before (4)", 3)
    return (
        fields.octets(ledger, 16, "ledger before (4)"),
        fields.uint(seq, "last seq of the ledger before (4)"),
        fields.octets(last_hash, 32, "hash of the ledger before (4)"),
    )


class GapReason(IntEnum):
    """Why a device has no records for a while."""

    PROCESS_DOWN = 0
    ANALYZER_SILENT = 1
    LINE_DOWN = 2
    MAINTENANCE = 3
    CLOCK = 4
    OVERFLOW = 5
    QUARANTINE = 6


@dataclass(frozen=True, slots=True)
class GapBody:
    """A silence within one boot, on its monotonic clock. `device` "" means every device of the station."""

    reason: GapReason | int
    device: str
    from_mono_ms: int
    to_mono_ms: int
    detail: str | None = None

    def encode(self) -> bytes:
        """The body as CBOR."""
        detail = {} if self.detail is None else {5: self.detail}
        return cbor.encode(
            {1: int(self.reason), 2: self.device, 3: self.from_mono_ms, 4: self.to_mono_ms, **detail}
        )

    @classmethod
    def decode(cls, body: object) -> "GapBody":
        """From a decoded body."""
        said = fields.table(body, "the gap body", _keys(1, 2, 3, 4), _keys(5))
        start, end = fields.uint(said[3], "from (3)"), fields.uint(said[4], "to (4)")
        if start > end:
            raise RecordError(f"the gap ends at {end}, before it begins at {start}")
        return cls(
            reason=fields.known(GapReason, said[1], "reason (1)"),
            device=_device_or_all(said[2], "device (2)"),
            from_mono_ms=start,
            to_mono_ms=end,
            detail=fields.text(said[5], "detail (5)") if 5 in said else None,
        )


def _device_or_all(value: object, what: str) -> str:
    return "" if value == "" else fields.identifier(value, what)


@dataclass(frozen=True, slots=True)
class ConfigurationBody:
    """One part of what a device (None: the station) measures and how; parts are counted 1..`parts`."""

    hash8: bytes
    device: str | None
    part: int
    parts: int
    content: object

    def unnamed(self) -> bytes:
        """The body without field 1: what the configuration's hash is taken over."""
        return cbor.encode({2: self.device, 3: self.part, 4: self.parts, 5: self.content})

    def encode(self) -> bytes:
        """The body as CBOR."""
        return b"\xa5\x01" + cbor.encode_bytes(self.hash8) + self.unnamed()[1:]

    @classmethod
    def decode(cls, body: object) -> "ConfigurationBody":
        """From a decoded body."""
        said = fields.table(body, "the configuration body", _keys(1, 2, 3, 4, 5))
        part, parts = fields.uint(said[3], "part (3)"), fields.uint(said[4], "parts (4)")
        if not 1 <= part <= parts:
            raise RecordError(f"part {part} of {parts}: parts are counted from 1")
        return cls(
            hash8=fields.octets(said[1], 8, "hash (1)"),
            device=None if said[2] is None else fields.identifier(said[2], "device (2)"),
            part=part,
            parts=parts,
            content=said[5],
        )


def configuration_hash(bodies: Sequence[bytes]) -> bytes:
    """Field 11 of a record: 8 bytes of SHA-256 over the bodies in force, in order, without their field 1."""
    return hashlib.sha256(b"".join(bodies)).digest()[:8]


def named(parts: Sequence[ConfigurationBody]) -> tuple[ConfigurationBody, ...]:
    """The same parts, each with the hash that they have together."""
    hash8 = configuration_hash([part.unnamed() for part in parts])
    return tuple(replace(part, hash8=hash8) for part in parts)


@dataclass(frozen=True, slots=True)
class EventBody:
    """Something that happened at the station: a short name, and details that CBOR can carry."""

    what: str
    detail: object = None

    def encode(self) -> bytes:
        """The body as CBOR."""
        return cbor.encode({1: self.what} if self.detail is None else {1: self.what, 2: self.detail})

    @classmethod
    def decode(cls, body: object) -> "EventBody":
        """From a decoded body."""
        said = fields.table(body, "the event body", _keys(1), _keys(2))
        return cls(fields.text(said[1], "what (1)"), said.get(2))


@dataclass(frozen=True, slots=True)
class ClockStepBody:
    """The wall clock jumped: what it said before and after, and when that was seen on the monotonic clock."""

    before_wall_ms: int
    after_wall_ms: int
    mono_ms: int

    def encode(self) -> bytes:
        """The body as CBOR."""
        return cbor.encode({1: self.before_wall_ms, 2: self.after_wall_ms, 3: self.mono_ms})

    @classmethod
    def decode(cls, body: object) -> "ClockStepBody":
        """From a decoded body."""
        said = fields.table(body, "the clock step body", _keys(1, 2, 3))
        return cls(
            fields.uint(said[1], "before (1)"),
            fields.uint(said[2], "after (2)"),
            fields.uint(said[3], "mono (3)"),
        )
