"""What was served against what arrived at the other end: every value, nothing twice, nothing lost. Pure.

A cycle and an answer belong together by time: both ends of a rehearsal run on one machine. Who signs a value has
asked for it in this cycle, so it must be that of the newest request with this channel before the cycle's end,
whenever its answer came. The answer of an earlier request, come late, is a wrong value.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from drivers.protocols.modbus import Value
from sim.served import Served


class Stored(NamedTuple):
    """One record of readings as the far end has it. `mono_ms`: CLOCK_BOOTTIME when the cycle ended.

    `values` leaves out the channels that came without a value.
    """

    device: str
    seq: int
    mono_ms: int
    values: Mapping[str, Value]


class Verdict(NamedTuple):
    """`served` counts sound answers; `late` those that a fault held back or damaged and that no record speaks of.

    `unsigned` are sound answers that no record speaks of; `wrong` says value by value what differs.
    """

    served: int
    late: int
    unsigned: tuple[Served, ...]
    doubled: int
    wrong: tuple[str, ...]


def reconcile(served: Iterable[Served], stored: Iterable[Stored]) -> Verdict:
    """Compare one station's account with the far end's."""
    answers: dict[str, list[Served]] = defaultdict(list)
    for answer in served:
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


def _device(answers: Sequence[Served], cycles: Sequence[Stored]) -> Verdict:
    newest: dict[str, Served] = {}
    used: set[int] = set()
    taken: set[tuple[int, str]] = set()
    wrong: list[str] = []
    doubled = 0
    coming = iter(sorted(answers, key=lambda answer: (answer.asked_mono_ms, answer.number)))
    ahead = next(coming, None)
    for cycle in sorted(cycles, key=lambda stored: (stored.mono_ms, stored.seq)):
        while ahead is not None and ahead.asked_mono_ms <= cycle.mono_ms:
            newest.update(dict.fromkeys(ahead.values, ahead))
            ahead = next(coming, None)
        for channel, value in cycle.values.items():
            answer = newest.get(channel)
            if answer is None or not _same(value, answer.values[channel]):
                wrong.append(_differs(cycle, channel, value, answer))
                continue
            doubled += (answer.number, channel) in taken
            taken.add((answer.number, channel))
            used.add(answer.number)
    sound = [answer for answer in answers if answer.sent and not answer.faults]
    faulty = sum(1 for answer in answers if answer.faults and answer.sent and answer.number not in used)
    return Verdict(
        served=len(sound),
        late=faulty,
        unsigned=tuple(answer for answer in sound if answer.number not in used),
        doubled=doubled,
        wrong=tuple(wrong),
    )


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return one == other


def _differs(cycle: Stored, channel: str, value: Value, answer: Served | None) -> str:
    served = "nothing was served before it" if answer is None else f"{answer.values[channel]!r} was served"
    return f"record {cycle.seq} of {cycle.device}: {channel} is {value!r}, {served}"
