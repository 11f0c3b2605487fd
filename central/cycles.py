"""What is stored of a station, one poll cycle at a time: the values as the centre decoded them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from central.folder import Folder
from central.snapshot import snapshot
from telemetry.envelope import RECORD, peek
from telemetry.pack import Value
from telemetry.record import Kind, decode_record

_CYCLES = """
    SELECT e.ledger, e.seq, e.envelope FROM envelope e
    JOIN ledger l ON l.id = e.ledger JOIN station s ON s.id = l.station
    WHERE s.name = ? AND e.kind = ? ORDER BY e.ledger, e.seq
"""
_VALUES = """
    SELECT m.ledger, m.seq, c.device, c.channel, m.value, m.flags FROM measured m
    JOIN channel c ON c.id = m.channel JOIN station s ON s.id = c.station
    WHERE s.name = ? AND m.value IS NOT NULL
"""


class Cycle(NamedTuple):
    """One record of readings. `mono_ms`: the station's CLOCK_BOOTTIME when the cycle ended.

    `values` leaves out the channels that came without a value, `flags` those whose value carries none; `device` is ""
    when there is no value.
    """

    seq: int
    mono_ms: int
    device: str
    values: dict[str, Value]
    flags: dict[str, int]


def cycles(folder: Path, station: str) -> Iterator[Cycle]:
    """Every stored cycle of a station, by ledger and seq. FolderError when there is no store."""
    values: dict[tuple[int, int], dict[str, Value]] = {}
    flags: dict[tuple[int, int], dict[str, int]] = {}
    devices: dict[tuple[int, int], str] = {}
    with snapshot(Folder(folder)) as connection:
        for ledger, seq, device, channel, value, bits in connection.execute(_VALUES, (station,)):
            values.setdefault((ledger, seq), {})[channel] = value
            if bits:
                flags.setdefault((ledger, seq), {})[channel] = bits
            devices[ledger, seq] = device
        for ledger, seq, envelope in connection.execute(_CYCLES, (station, int(Kind.READINGS))):
            record = decode_record(peek(envelope, RECORD).payload)
            place = ledger, seq
            yield Cycle(
                seq,
                record.moment.mono_ms,
                devices.get(place, ""),
                values.get(place, {}),
                flags.get(place, {}),
            )


def envelopes(folder: Path, station: str) -> Iterator[bytes]:
    """The untouched envelopes of a station, by ledger and seq. FolderError when there is no store."""
    with snapshot(Folder(folder)) as connection:
        rows = connection.execute(
            "SELECT e.envelope FROM envelope e JOIN ledger l ON l.id = e.ledger"
            " JOIN station s ON s.id = l.station WHERE s.name = ? ORDER BY e.ledger, e.seq",
            (station,),
        )
        for (envelope,) in rows:
            yield bytes(envelope)
