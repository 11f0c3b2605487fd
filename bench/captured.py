"""From the centre's events to what became of each record."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.trace import ARRIVED, SAID, STORED, Event
from mqtt.session import packet_bytes
from telemetry import cbor
from telemetry.envelope import RECEIPT, RECORD, peek
from telemetry.pack import device_of
from telemetry.receipt import decode_receipt
from telemetry.record import Kind, decode_record


@dataclass(slots=True)
class Captured:
    """One record with its instants, µs on CLOCK_BOOTTIME. None: not yet."""

    ledger: bytes
    seq: int
    kind: int
    device: str
    values: int
    envelope_bytes: int
    captured_us: int
    arrived_us: int
    live: bool
    stored_us: int | None = None
    receipted_us: int | None = None


@dataclass(slots=True)
class Message:
    """A message of the agent: its records, and its size as an MQTT packet."""

    live: bool
    payload_bytes: int
    packet_bytes: int
    records: list[Captured]


def messages(events: Sequence[Event], *, receipts: bool = True) -> list[Message]:
    """The agent's `live` and `past` messages in the order of their arrival. `receipts`: notes those too."""
    stored = {event.number: event.at_us for event in events if event.kind == STORED}
    found = [
        _message(event, stored.get(event.number))
        for event in events
        if event.kind == ARRIVED and event.topic.endswith(("/live", "/past"))
    ]
    if receipts:
        _receipt(records_of(found), events)
    return found


def records_of(found: Iterable[Message]) -> list[Captured]:
    """All records."""
    return [record for message in found for record in message.records]


def readings(records: Iterable[Captured], from_us: int, to_us: int) -> list[Captured]:
    """The readings that were captured in this time."""
    return [r for r in records if r.kind == Kind.READINGS and from_us <= r.captured_us < to_us]


def period_deviation_ms(records: Iterable[Captured]) -> float:
    """Standard deviation of the time between two readings of a device, over all devices."""
    by_device: dict[str, list[int]] = defaultdict(list)
    for record in sorted(records, key=lambda r: r.captured_us):
        by_device[record.device].append(record.captured_us)
    return deviation_ms(by_device.values())


def deviation_ms(instants_us: Iterable[Sequence[int]]) -> float:
    """The same for instants by device."""
    periods = [(later - earlier) / 1000 for instants in instants_us for earlier, later in pairwise(instants)]
    return statistics.pstdev(periods) if len(periods) > 1 else 0.0


def _message(event: Event, stored_us: int | None) -> Message:
    live = event.topic.endswith("/live")
    size = packet_bytes(event.topic, event.payload)
    found = [_captured(item, event.at_us, stored_us, live=live) for item in cbor.sequence(event.payload)]
    return Message(live, len(event.payload), size, found)


def _captured(envelope: bytes, arrived_us: int, stored_us: int | None, *, live: bool) -> Captured:
    record = decode_record(peek(envelope, RECORD).payload)
    device, values = "", 0
    if record.kind == Kind.READINGS and isinstance(record.body, list):
        device, values = device_of(record.body), len(record.body)
    captured_us = record.moment.mono_ms * 1000
    return Captured(
        record.ledger,
        record.seq,
        record.kind,
        device,
        values,
        len(envelope),
        captured_us,
        arrived_us,
        live,
        stored_us,
    )


def _receipt(records: Sequence[Captured], events: Sequence[Event]) -> None:
    """Notes at each record when the first receipt that covers it was said."""
    for said_us, ledger, through in _receipts(events):
        for record in records:
            if record.receipted_us is None and record.ledger == ledger and record.seq <= through:
                record.receipted_us = said_us


def _receipts(events: Iterable[Event]) -> Iterator[tuple[int, bytes, int]]:
    for event in events:
        if event.kind == SAID:
            said = decode_receipt(peek(event.payload, RECEIPT).payload)
            yield event.at_us, said.ledger, said.through
