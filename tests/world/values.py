"""Whether every signed value is what its instrument served for that channel at that poll."""

from collections.abc import Iterator

from telemetry.pack import decode_pack
from telemetry.record import Kind, Record
from tests.world.instruments import LAYOUT, Answered, Instrument, told_by
from tests.world.ledgers import Ledgers
from tests.world.witness import Place
from tests.world.world import World

SIGNED_WITHIN_MS = 15_000
"""A poll takes two questions, each with a second try, and the guard between them."""


def values(world: World, known: Ledgers) -> Iterator[str]:
    """What is wrong with the values in every record that was ever seen."""
    instruments = {instrument.name: instrument for instrument in world.instruments}
    signed: dict[tuple[str, int, str], Place] = {}
    for envelope in list(world.witness.records):
        record = world.witness.record(envelope)
        if record.kind != Kind.READINGS:
            continue
        place = Place(record.ledger, record.seq)
        readings = decode_pack(record.body)
        for reading in readings:
            if reading.value is None:
                continue
            instrument = instruments[reading.device]
            wrong, question = _checked(world, record, instrument, reading.channel, reading.value)
            if wrong:
                yield f"{place} {reading.device} {reading.channel} = {reading.value!r}: {wrong}"
                continue
            before = signed.setdefault((reading.device, question, reading.channel), place)
            if before != place:
                yield f"{place} {reading.device} {reading.channel}: the answer {question} is in {before} too"
        if len(readings) != len(LAYOUT):
            yield f"{place} has {len(readings)} readings of {len(LAYOUT)} channels"


def _checked(
    world: World, record: Record, instrument: Instrument, channel: str, value: float | str
) -> tuple[str, int]:
    """What is wrong, and the number of the question whose answer it is."""
    told = told_by(channel, value)
    if told is None:
        return "no instrument served that", 0
    names = [layout.channel for layout in LAYOUT]
    if told.device != instrument.number or names[told.channel - 1] != channel:
        return f"that is channel {told.channel} of device {told.device}", told.question
    if not 1 <= told.question <= len(instrument.questions):
        return f"question {told.question} was never asked", told.question
    question = instrument.questions[told.question - 1]
    if question.answered is Answered.NEVER:
        return f"the answer to question {told.question} was {question.how}", told.question
    signed_ms = world.clock.virtual_ms(record.boot.boot_id, record.moment.mono_ms)
    if not question.asked_ms - 1 <= signed_ms <= question.asked_ms + SIGNED_WITHIN_MS:
        return f"it was asked for {signed_ms - question.asked_ms} ms before", told.question
    return "", told.question
