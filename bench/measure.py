"""The measurements: an agent is started, left alone until it is steady, and looked at over whole seconds."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench import captured, probe
from bench.captured import Captured
from bench.load import Load
from bench.stage import BenchError, Stage, forget, is_live, running
from bench.trace import ARRIVED, SAID, Event, now_us
from telemetry.record import Kind

RECEIPTS_S = 3.0
"""After a window: until what was captured in it has its receipt."""
START_S = 20.0
BACK_S = 40.0

Mark = tuple[int, probe.Usage]
Span = tuple[float, float]
"""p50 and p99, ms."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to look. `outage_s` 0: no backlog is made."""

    settle_s: float
    windows: int
    window_s: int
    outage_s: float


@dataclass(frozen=True, slots=True)
class Start:
    """From the start of the process, s: the first readings at the centre, and the first receipt for some.

    `head_ms`: from the first head's arrival at the centre to the receipt that answers it; None: none did.
    """

    published_s: float
    receipted_s: float
    head_ms: float | None


@dataclass(frozen=True, slots=True)
class Window:
    """What the agent used and did in some whole seconds."""

    values: int
    records: int
    cpu_us_per_value: float
    cpu_us_per_record: float
    commits_per_record: float
    file_bytes_per_record: float
    disk_bytes_per_record: float
    period_deviation_ms: float


@dataclass(frozen=True, slots=True)
class Steady:
    """One agent that polls and delivers. Bytes are per value; memory is in bytes.

    `stored_ms`: from capture to the commit at the centre. `receipt_ms`: from the arrival at the centre to the receipt.
    """

    load: Load
    windows: tuple[Window, ...]
    memory: probe.Memory
    envelope_bytes: float
    payload_bytes: float
    packet_bytes: float
    stored_ms: Span
    receipt_ms: Span

    def median(self, figure: Callable[[Window], float]) -> float:
        """Of one figure over the windows: neither the luckiest nor the most disturbed one."""
        return statistics.median(map(figure, self.windows))


@dataclass(frozen=True, slots=True)
class Drained:
    """Fresh records while a backlog was drained. `fresh_ms`: from capture until stored at the centre."""

    outage_s: float
    backlog: int
    drain_s: float
    fresh: int
    fresh_ms: Span


def start(stage: Stage, *, anew: bool) -> Start:
    """Start an agent and end it when some of its readings have a receipt. `anew`: with no store from before."""
    if anew:
        forget(stage)
    stage.pass_over()
    deadline = time.monotonic() + START_S
    events: list[Event] = []
    with running(stage) as process:
        while (begun := _begun(process.began_us, events)) is None:
            if time.monotonic() > deadline:
                raise BenchError(f"no readings were receipted: see {process.log}")
            time.sleep(0.02)
            events += stage.centre.new()
    return begun


def _begun(began_us: int, events: Sequence[Event]) -> Start | None:
    records = captured.records_of(captured.messages(events))
    mine = [r for r in records if r.kind == Kind.READINGS and r.captured_us >= began_us]
    receipted = [r.receipted_us for r in mine if r.receipted_us is not None]
    if not receipted:
        return None
    published_us = min(record.arrived_us for record in mine)
    return Start((published_us - began_us) / 1e6, (min(receipted) - began_us) / 1e6, _head_ms(events))


def _head_ms(events: Sequence[Event]) -> float | None:
    heads = [e for e in events if e.kind == ARRIVED and "/head/" in e.topic]
    topics = {head.topic.replace("/head/", "/receipt/"): head.at_us for head in heads[:1]}
    for event in events:
        if event.kind == SAID and event.at_us > topics.get(event.topic, event.at_us):
            return (event.at_us - topics[event.topic]) / 1000
    return None


def steady(stage: Stage, pid: int, pace: Pace) -> Steady:
    """Look at an agent that was just started, window after window."""
    time.sleep(pace.settle_s)
    stage.pass_over()
    sleep_between_polls(0)
    marks: list[Mark] = [(now_us(), probe.usage(pid, stage.store))]
    for _ in range(pace.windows):
        sleep_between_polls(pace.window_s)
        marks.append((now_us(), probe.usage(pid, stage.store)))
    memory = probe.memory(pid)
    time.sleep(RECEIPTS_S)
    found = captured.messages(list(stage.centre.new()))
    records = captured.records_of(found)
    looked = captured.readings(records, marks[0][0], marks[-1][0])
    if not looked:
        raise BenchError(f"the agent delivered nothing: the logs are in {stage.folder}")
    live = [message for message in found if message.live and message.records[0].captured_us >= marks[0][0]]
    values = sum(record.values for message in live for record in message.records)
    return Steady(
        load=stage.load,
        windows=tuple(_window(records, then, now) for then, now in pairwise(marks)),
        memory=memory,
        envelope_bytes=statistics.fmean(r.envelope_bytes / r.values for r in looked),
        payload_bytes=sum(message.payload_bytes for message in live) / values,
        packet_bytes=sum(message.packet_bytes for message in live) / values,
        stored_ms=span([(r.captured_us, r.stored_us) for r in looked]),
        receipt_ms=span([(r.arrived_us, r.receipted_us) for r in looked]),
    )


def _window(records: Sequence[Captured], then: Mark, now: Mark) -> Window:
    used = now[1] - then[1]
    mine = captured.readings(records, then[0], now[0])
    values, count = sum(record.values for record in mine), len(mine)
    if not values:
        raise BenchError("nothing was captured in one of the windows")
    return Window(
        values=values,
        records=count,
        cpu_us_per_value=used.cpu_ns / 1000 / values,
        cpu_us_per_record=used.cpu_ns / 1000 / count,
        commits_per_record=used.commits / count,
        file_bytes_per_record=used.file_bytes / count,
        disk_bytes_per_record=used.disk_bytes / count,
        period_deviation_ms=captured.period_deviation_ms(mine),
    )


def drained(stage: Stage, outage_s: float) -> Drained:
    """Stop the broker under a running agent, start it again, and follow the records until the backlog is in."""
    stage.pass_over()
    stage.broker.stop()
    stopped_us = now_us()
    time.sleep(outage_s)
    stage.broker.start()
    events = [stage.wait_for(is_live, "the agent did not come back", within_s=BACK_S)]
    quiet_us, last_us = 0, now_us()
    while quiet_us < 3_000_000:
        time.sleep(0.25)
        news = list(stage.centre.new())
        events += news
        last_us = max([last_us, *(e.at_us for e in news if e.kind == ARRIVED and e.topic.endswith("/past"))])
        quiet_us = now_us() - last_us
    return _drained(events, stopped_us)


def _drained(events: Sequence[Event], stopped_us: int) -> Drained:
    found = captured.messages(events)
    past = [r for message in found if not message.live for r in message.records]
    from_us = min((r.arrived_us for r in past), default=0)
    to_us = max((r.arrived_us for r in past), default=0)
    live = [r for message in found if message.live for r in message.records]
    fresh = [r for r in live if from_us <= r.captured_us < to_us]
    delays = span([(r.captured_us, r.stored_us) for r in fresh])
    outage_s = (min(r.arrived_us for r in live) - stopped_us) / 1e6
    return Drained(outage_s, len(past), (to_us - from_us) / 1e6, len(fresh), delays)


def sleep_between_polls(seconds: int) -> None:
    """Into the second half of a second of the wall clock, `seconds` on (0: the next): polls are at its beginning."""
    time.sleep(max(1, seconds) + 0.6 - time.time() % 1)


def span(pairs: Sequence[tuple[int, int | None]]) -> Span:
    """Of the time between two instants (µs); what never came is left out, and with nothing left it is 0."""
    delays = sorted((end - begin) / 1000 for begin, end in pairs if end is not None) or [0.0]
    return delays[len(delays) // 2], delays[len(delays) * 99 // 100]
