"""Serial lines in trouble: answers damaged on their way, late, or another unit's; the adapter pulled and put back."""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Final

from agent.clock import SystemClock
from sim.faults import (
    Fault as WireFault,
)
from sim.faults import (
    Flipped,
    Noisy,
    Reply,
    Shortened,
    Silent,
    Slow,
    Truncated,
    WrongFunction,
    WrongUnit,
)
from sim.hosts.pty import PtyHost
from sim.script import Rule, Script
from sim.served import Served
from telemetry.bodies import GapBody, GapReason
from telemetry.pack import decode_pack, device_of
from telemetry.reading import Flag
from telemetry.record import Kind, Record
from tests.chaos.disk import longest_wait_s
from tests.chaos.fault import Fault, Outcome
from tests.chaos.reckoning import Reckoning
from tests.system.patience import until
from tests.system.plant import Line
from tests.system.station import Station, station_at

EVERY_MS: Final = 300
GUARD_MS: Final = 800
"""The latest answer is 150 ms late, by a simulator that shares its machine with others."""
LATE_S: Final = 1.5
SILENT: Final = int(Flag.NO_COMMUNICATION)


@dataclass(frozen=True, slots=True)
class Gappy(Reply):
    """A reply of which single bytes never come; places as in `Reply.flips`."""

    missing: tuple[float, ...] = ()

    def on_the_wire(self, frame: Callable[[int, bytes], bytes]) -> bytes:
        """Without them."""
        wire = bytearray(Reply.on_the_wire(self, frame))
        for place in self.missing:
            at = int(place * len(wire))
            del wire[at : at + 1]
        return bytes(wire)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Bytes are missing from the middle of the frame: a receiver that was overrun."""

    most: int = 3
    name: str = "dropped"

    def bend(self, reply: Reply, rng: Random) -> Reply:
        """One to `most` of them."""
        as_it_is = {field.name: getattr(reply, field.name) for field in fields(reply)}
        return Gappy(**as_it_is, missing=tuple(rng.random() for _ in range(rng.randint(1, self.most))))


def troubles(timeout_s: float) -> Sequence[tuple[WireFault, float]]:
    """What happens to an answer, and how often: to more than a quarter of them something."""
    return (
        (Flipped(1), 0.04),
        (Flipped(5, name="flips"), 0.03),
        (Dropped(), 0.04),
        (Truncated(), 0.04),
        (Noisy(), 0.04),
        (WrongUnit(), 0.03),
        (WrongFunction(), 0.02),
        (Shortened(), 0.02),
        (Silent(), 0.02),
        (Slow(timeout_s, 0.15, name="late"), 0.04),
    )


def corrupted(lines: int, lasts_s: float) -> Callable[[Path, Random], Outcome]:
    """Some lines with three units each, for a while."""

    def inject(folder: Path, rng: Random) -> Outcome:
        with station_at(folder, gauges=1, every_ms=EVERY_MS) as station:
            wires = [_line(station, f"rs485-{number}") for number in range(lines)]
            station.lines += wires
            station.trust()
            station.describe(station.receipted())
            agent = station.start()
            reckoning = Reckoning(station)
            station.arrives()
            for wire in wires:
                _bend(station, wire, rng)
            began_s = time.monotonic()
            until(lambda: time.monotonic() - began_s > lasts_s, "the end", within_s=2 * lasts_s)
            for wire in wires:
                station.plant.do(_script(wire).rules.clear)
            ended_ms, ended_s = SystemClock().mono_ms(), time.monotonic()
            until(lambda: _all_answer(station, ended_ms), "an answer of every unit", within_s=60)
            back_s = time.monotonic() - ended_s
            station.grows()
            station.arrives(within_s=30)
            assert agent.is_running(), f"the agent ended; see {agent.log}"
            found = reckoning.close(refusable={fault.name for fault, _ in troubles(0)} - {"noise", "late"})
            silences = _silences_are_explained(station.records())
            assert silences, "no poll failed"
            words = _injected(station.plant.answers(), wires)
            _others_kept_their_period(station)
        note = f"no wrong value; {silences} silences, each with flagged readings and a gap record"
        return Outcome(words, found.records, found.lost, found.doubled, back_s, note)

    return inject


def _line(station: Station, name: str) -> Line:
    wire = station.plant.serial(name, *(f"{name}-{unit}" for unit in (1, 2, 3)), every_ms=EVERY_MS)
    wire.guard_ms = GUARD_MS
    return wire


def _bend(station: Station, line: Line, rng: Random) -> None:
    rules = [Rule(fault, probability=share) for fault, share in troubles(line.timeout_ms / 1_000)]
    script = Script(rules, rng.randrange(2**32))

    def begin() -> None:
        line.host.wire.script = script

    station.plant.do(begin)


def _script(line: Line) -> Script:
    return line.host.wire.script


def _all_answer(station: Station, since_ms: int) -> bool:
    """Whether the newest readings of every device are of this time and have values."""
    newest = {device_of(record.body): record for record in station.records(Kind.READINGS)}
    return all(_has_values(record) and record.moment.mono_ms > since_ms for record in newest.values())


def _has_values(record: Record) -> bool:
    return any(reading.value is not None for reading in decode_pack(record.body))


def _silences_are_explained(records: Sequence[Record]) -> int:
    """How many there were: of each device failed cycles, flagged, then one gap record, then values again."""
    silent: dict[str, bool] = {}
    silences = 0
    for record in records:
        if record.kind == Kind.GAP:
            body = GapBody.decode(record.body)
            assert silent.get(body.device), f"gap record {record.seq} explains no silence of {body.device}"
            silent[body.device] = False
        elif record.kind == Kind.READINGS and _has_values(record):
            device = device_of(record.body)
            assert not silent.get(device), f"{device} is back in record {record.seq} without a gap record"
        elif record.kind == Kind.READINGS:
            flags = [reading.flags for reading in decode_pack(record.body)]
            assert all(flag & SILENT for flag in flags), (
                f"record {record.seq} does not say why it has no value"
            )
            silences += not silent.get(device_of(record.body))
            silent[device_of(record.body)] = True
    assert not any(silent.values()), f"no gap record for {[name for name, still in silent.items() if still]}"
    return silences


def _injected(answers: Sequence[Served], wires: Sequence[Line]) -> str:
    """In words: each fault must have happened, to a quarter of the answers or so."""
    names = {wire.id for wire in wires}
    faults = [answer.faults for answer in answers if answer.wire in names]
    each = Counter(fault for on_one in faults for fault in on_one)
    missing = {fault.name for fault, _ in troubles(0)} - each.keys()
    assert not missing, f"never happened: {missing}"
    told = ", ".join(f"{name} {count}" for name, count in sorted(each.items()))
    return f"{sum(map(bool, faults))} of {len(faults)} answers on {len(names)} lines spoilt: {told}"


def _others_kept_their_period(station: Station) -> None:
    gauge = [answer for answer in station.plant.answers() if answer.device.startswith("gauge")]
    waited_s = longest_wait_s(gauge)
    assert waited_s < EVERY_MS / 1_000 + LATE_S, (
        f"a device of another line was not polled for {waited_s:.1f} s"
    )


GONE_S: Final = 75.0
ADAPTER_EVERY_MS: Final = 1_000
PROBE_S: Final = 60.0
"""The longest pause between two tries; from periods of 1 s it is reached after 64 s."""


def unplugged(folder: Path, rng: Random) -> Outcome:
    """The adapter goes, and comes back under its lasting name with another number."""
    by_id = folder / "by-id"
    by_id.mkdir()
    link = by_id / "usb-adapter-port0"
    with station_at(folder, gauges=2, every_ms=EVERY_MS) as station:
        rs485 = station.plant.serial("rs485", "probe", "meter", every_ms=ADAPTER_EVERY_MS, link=link)
        station.lines.append(rs485)
        station.trust()
        station.describe(station.receipted())
        agent = station.start()
        reckoning = Reckoning(station)
        station.arrives()
        station.grows(10 + rng.randrange(5))
        adapter, before = rs485.host, link.readlink()
        assert isinstance(adapter, PtyHost)
        station.plant.do(adapter.unplug)
        gone_ms, gone_s = SystemClock().mono_ms(), time.monotonic()
        until(lambda: time.monotonic() - gone_s > GONE_S, "the adapter's time away", within_s=2 * GONE_S)
        taken = os.openpty()  # the number of before
        try:
            station.plant.do(adapter.plug_in)
            back_ms, back_at_s = SystemClock().mono_ms(), time.monotonic()
            assert link.readlink() != before, "the adapter came back under the same number"
            until(lambda: _all_answer(station, back_ms), "an answer of both", within_s=PROBE_S + 20)
            back_s = time.monotonic() - back_at_s
            station.grows()
            station.arrives(within_s=30)
            assert agent.is_running(), f"the agent ended; see {agent.log}"
            found = reckoning.close()
        finally:
            for end in taken:
                os.close(end)
        assert _silences_are_explained(station.records()) == 2
        _gaps_say_so(station, gone_ms, back_ms, link)
        _others_kept_their_period(station)
        after = link.readlink()
    words = f"the adapter away for {GONE_S:g} s, {before} before, {after} after"
    note = (
        f"two gap records (line down); the pause between tries has reached its {PROBE_S:g} s, which also bounds"
        " the recovery after an hour"
    )
    return Outcome(words, found.records, found.lost, found.doubled, back_s, note)


def _gaps_say_so(station: Station, gone_ms: int, back_ms: int, link: Path) -> None:
    gaps = [GapBody.decode(record.body) for record in station.records(Kind.GAP)]
    assert sorted(gap.device for gap in gaps) == ["meter", "probe"], gaps
    for gap in gaps:
        assert gap.reason == GapReason.LINE_DOWN, gap
        assert gone_ms - 2 * ADAPTER_EVERY_MS - LATE_S * 1_000 < gap.from_mono_ms <= gone_ms, gap
        assert gap.to_mono_ms >= back_ms, gap
        assert str(link) in str(gap.detail), gap


FAULTS: Final = (
    Fault("serial line: spoilt answers", (), corrupted(4, 45.0), short=False, about_s=60),
    Fault("serial adapter: unplugged and back", (), unplugged, short=False, about_s=120),
)
