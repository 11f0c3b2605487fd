"""What a record says, by its kind."""

from collections.abc import Callable

from telemetry.bodies import BootBody, ClockStepBody, ConfigurationBody, EventBody, GapBody
from telemetry.fields import RecordError
from telemetry.loss import RecoveryBody, TombstoneBody
from telemetry.pack import Measured, decode_pack
from telemetry.record import Kind, Record

Body = BootBody | GapBody | ConfigurationBody | EventBody | TombstoneBody | ClockStepBody | RecoveryBody

_DECODERS: dict[int, Callable[[object], Body]] = {
    Kind.BOOT: BootBody.decode,
    Kind.GAP: GapBody.decode,
    Kind.CONFIGURATION: ConfigurationBody.decode,
    Kind.EVENT: EventBody.decode,
    Kind.TOMBSTONE: TombstoneBody.decode,
    Kind.CLOCK_STEP: ClockStepBody.decode,
    Kind.RECOVERY: RecoveryBody.decode,
}


def is_foreign(kind: int) -> bool:
    """Whether this version cannot read the kind: such a record is stored, linked and reported."""
    return kind != Kind.READINGS and kind not in _DECODERS


def body_of(record: Record) -> Body | None:
    """The body of a kind that is not readings; None for a foreign kind and for readings. RecordError: unreadable."""
    decoder = _DECODERS.get(record.kind)
    return None if decoder is None else decoder(record.body)


def readings_of(record: Record) -> list[Measured]:
    """The readings of a kind-1 record. RecordError when they are unreadable or another station's."""
    measured = decode_pack(record.body)
    if measured[0].station != record.station:
        raise RecordError(f"a pack of station {measured[0].station} in a record of {record.station}")
    return measured
