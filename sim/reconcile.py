"""What was served against what arrived at the other end: every value, nothing twice, nothing lost. Pure.

A cycle and an answer belong together by time: both ends of a rehearsal run on one machine. Who signs a value has
asked for it in this cycle, so it must be that of the newest request with this channel before the cycle's end,
whenever its answer came. The answer of an earlier request, come late, is a wrong value.

What an instrument says by itself nobody asked for, and it speaks more often than a record is signed: the newest message
counts, or the one before while the newest may still be on its way; one that no record speaks of is not lost.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from drivers.protocols.modbus import Value
from sim.served import Served

ON_ITS_WAY_MS = 250
"""From an instrument's mouth into the record of a busy machine."""

Channels = Mapping[str, Collection[str]]
"""By device."""


class Stored(NamedTuple):
    """One record of readings as the far end has it. `mono_ms`: CLOCK_BOOTTIME when the cycle ended.

    `values` leaves out the channels that came without a value; `flags` has those of values that carry some.
    """

    device: str
    seq: int
    mono_ms: int
    values: Mapping[str, Value]
    flags: Mapping[str, int] = {}


class Verdict(NamedTuple):
    """`served` counts sound answers; `late` those that a fault held back or damaged and that no record speaks of.

    `unsigned` are sound answers that no record speaks of; `wrong` says value by value what differs.
    """

    served: int
    late: int
    unsigned: tuple[Served, ...]
    doubled: int
    wrong: tuple[str, ...]


def reconcile(
    served: Iterable[Served], stored: Iterable[Stored], channels: Channels | None = None
) -> Verdict:
    """Compare one station's account with the far end's. `channels`: those of the station file, if it is known."""
    answers: dict[str, list[Served]] = defaultdict(list)
    for answer in served if channels is None else _asked_for(served, channels):
        if answer.values:
            answers[answer.device].append(answer)
    cycles: dict[str, list[Stored]] = defaultdict(list)
    for cycle in stored:
        cycles[cycle.device].append(cycle)
    verdicts = [_device(answers[device], cycles[device]) for device in sorted({*answers, *cycles})]
    return Verdict(
        served=sum(verdict.served for verdict in verdicts),
        late=sum(verdict.late for verdict in verdicts),
        unsigned=tuple(answer for verdict in verdicts for answer in verdict.unsigned),
        doubled=sum(verdict.doubled for verdict in verdicts),
        wrong=tuple(text for verdict in verdicts for text in verdict.wrong),
    )


def is_one_poll(answers: Iterable[Served]) -> bool:
    """Whether these can be what one poll of each device asked for: several answers, and no channel twice."""
    said = [(answer.device, channel) for answer in answers for channel in answer.values]
    return len(said) == len(set(said))


def flagged(stored: Iterable[Stored]) -> Iterator[str]:
    """Which values carry flags, of instruments that are well."""
    for cycle in stored:
        for channel, flags in cycle.flags.items():
            yield f"record {cycle.seq} of {cycle.device}: {channel} is flagged {flags:#06x}"


def absent(stored: Iterable[Stored], channels: Channels) -> Iterator[str]:
    """Which channels of the station file never came with a value."""
    came = {(cycle.device, channel) for cycle in stored for channel in cycle.values}
    for device, wanted in channels.items():
        for channel in wanted:
            if (device, channel) not in came:
                yield f"{channel} of {device} never came with a value"


def _asked_for(served: Iterable[Served], channels: Channels) -> Iterator[Served]:
    """Without the values that the station file has no channel for."""
    for answer in served:
        wanted = channels.get(answer.device, ())
        yield answer._replace(values={name: answer.values[name] for name in answer.values if name in wanted})


def _device(answers: Sequence[Served], cycles: Sequence[Stored]) -> Verdict:
    newest: dict[str, Served] = {}
    before: dict[str, Served] = {}
    used: set[int] = set()
    taken: set[tuple[int, str]] = set()
    wrong: list[str] = []
    doubled = 0
    coming = iter(sorted(answers, key=lambda answer: (_counts_from_ms(answer), answer.number)))
    ahead = next(coming, None)
    for cycle in sorted(cycles, key=lambda stored: (stored.mono_ms, stored.seq)):
        while ahead is not None and _counts_from_ms(ahead) <= cycle.mono_ms:
            before.update({channel: newest[channel] for channel in ahead.values if channel in newest})
            newest.update(dict.fromkeys(ahead.values, ahead))
            ahead = next(coming, None)
        for channel, value in cycle.values.items():
            answer = newest.get(channel)
            if answer is None or not _same(value, answer.values[channel]):
                answer = _still_on_its_way(cycle, channel, answer, before.get(channel))
            if answer is None:
                wrong.append(_differs(cycle, channel, value, newest.get(channel)))
                continue
            doubled += (answer.number, channel) in taken
            taken.add((answer.number, channel))
            used.add(answer.number)
    sound = [answer for answer in answers if answer.sent and not answer.faults]
    owed = [answer for answer in sound if not answer.told]
    faulty = sum(1 for answer in answers if answer.faults and answer.sent and answer.number not in used)
    return Verdict(
        served=len(sound),
        late=faulty,
        unsigned=tuple(answer for answer in owed if answer.number not in used),
        doubled=doubled,
        wrong=tuple(wrong),
    )


def _counts_from_ms(answer: Served) -> int:
    """From when on a record has to have it: an answer from its request on, a message from when it was said."""
    return answer.mono_ms if answer.told else answer.asked_mono_ms


def _still_on_its_way(
    cycle: Stored, channel: str, newest: Served | None, before: Served | None
) -> Served | None:
    """The message before the newest, when that one was just being said and this one is what the record has."""
    if newest is None or before is None or not newest.told:
        return None
    is_fresh = cycle.mono_ms - _counts_from_ms(newest) <= ON_ITS_WAY_MS
    return before if is_fresh and _same(cycle.values[channel], before.values[channel]) else None


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return one == other


def _differs(cycle: Stored, channel: str, value: Value, answer: Served | None) -> str:
    served = "nothing was served before it" if answer is None else f"{answer.values[channel]!r} was served"
    return f"record {cycle.seq} of {cycle.device}: {channel} is {value!r}, {served}"
