"""The record that is signed: docs/wire.md, design section 3."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from telemetry import cbor, fields
from telemetry.fields import RecordError

__all__ = [
    "ZERO_HASH",
    "Boot",
    "ClockState",
    "Kind",
    "Moment",
    "Record",
    "RecordError",
    "decode_record",
    "encode_record",
]

VERSION = 1
ZERO_HASH = bytes(32)


class Kind(IntEnum):
    """What a record's body is. 3, 9 and 10 are reserved."""

    BOOT = 0
    READINGS = 1
    GAP = 2
    KEY_HANDOVER = 3
    CONFIGURATION = 4
    EVENT = 5
    TOMBSTONE = 6
    CLOCK_STEP = 7
    RECOVERY = 8
    AVERAGES = 9
    CALIBRATION_RESULT = 10


class ClockState(IntEnum):
    """What is known of the wall clock. HOLDOVER: it was synchronised in this boot and no longer is."""

    UNKNOWN = 0
    UNSYNCHRONISED = 1
    SYNCHRONISED = 2
    HOLDOVER = 3


class Moment(NamedTuple):
    """When: Unix ms UTC, CLOCK_BOOTTIME ms, and how good the first is (`max_error_ms` as the kernel says)."""

    wall_ms: int
    mono_ms: int
    clock: ClockState | int
    max_error_ms: int


@dataclass(frozen=True, slots=True)
class Boot:
    """Which run of the machine: a counter that only grows, and the first 8 bytes of the kernel's boot id."""

    count: int
    boot_id: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """One record as decoded. `body` is decoded CBOR; `telemetry.bodies` and `.pack` read it by kind."""

    station: str
    ledger: bytes
    seq: int
    prev: bytes
    kind: int
    boot: Boot
    moment: Moment
    configuration: bytes
    body: object


def encode_record(  # noqa: PLR0917  (in the order of the wire)
    station: str,
    ledger: bytes,
    seq: int,
    prev: bytes,
    kind: int,
    boot: Boot,
    moment: Moment,
    configuration: bytes,
    body: bytes,
) -> bytes:
    """The payload to be signed; `body` is CBOR already. The caller vouches for lengths: the hot path."""
    number = cbor.encode_uint
    wall_ms, mono_ms, clock, max_error_ms = moment
    return b"".join(
        (
            b"\xac\x01\x01\x02",
            cbor.encode_text(station),
            b"\x03\x50",
            ledger,
            b"\x04",
            number(seq),
            b"\x05\x58\x20",
            prev,
            b"\x06",
            number(kind),
            b"\x07\x82",
            number(boot.count),
            b"\x48",
            boot.boot_id,
            b"\x08",
            number(wall_ms),
            b"\x09",
            number(mono_ms),
            b"\x0a\x82",
            number(clock),
            number(max_error_ms),
            b"\x0b\x48",
            configuration,
            b"\x0c",
            body,
        )
    )


_FIELDS = frozenset(range(1, 13))


def decode_record(payload: bytes) -> Record:
    """The record in a payload. RecordError on any deviation; an unknown kind is accepted, body as it is."""
    said = fields.payload(payload, "the record", _FIELDS, VERSION)
    seq = fields.uint(said[4], "seq (4)")
    prev = fields.octets(said[5], 32, "prev (5)")
    if seq == 0 or (seq == 1) != (prev == ZERO_HASH):
        raise RecordError(
            f"seq (4) is {seq} and prev (5) {prev.hex()}: seq 1, and only seq 1, follows nothing"
        )
    return Record(
        station=fields.identifier(said[2], "station (2)"),
        ledger=fields.octets(said[3], 16, "ledger (3)"),
        seq=seq,
        prev=prev,
        kind=fields.uint(said[6], "kind (6)"),
        boot=_boot(said[7]),
        moment=_moment(said),
        configuration=fields.octets(said[11], 8, "configuration (11)"),
        body=said[12],
    )


def _boot(value: object) -> Boot:
    count, boot_id = fields.array(value, "boot (7)", 2)
    return Boot(fields.uint(count, "boot counter (7)"), fields.octets(boot_id, 8, "boot id (7)"))


def _moment(said: Mapping[object, object]) -> Moment:
    state, error = fields.array(said[10], "clock (10)", 2)
    return Moment(
        fields.uint(said[8], "wall (8)"),
        fields.uint(said[9], "mono (9)"),
        fields.known(ClockState, state, "clock state (10)"),
        fields.uint(error, "clock error (10)"),
    )
