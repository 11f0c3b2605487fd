"""When a fault happens: rules on devices, request numbers and chance, and their short text form.

`NAME[=NUMBER][@FIRST[-LAST]][%PERCENT][/DEVICE]`, for example `late=1.5@10/ph`, `flip%1`, `silent@20-40/cod`,
`exception=2@5`. Request numbers count per unit from 1. Rules are applied in their order and compose.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sim.faults import (
    Closed,
    Fault,
    Flipped,
    Noisy,
    Reboot,
    Refused,
    Reply,
    Shortened,
    Silent,
    Slow,
    Truncated,
    WrongFunction,
    WrongUnit,
)

_ENDLESS = 1 << 62


@dataclass(frozen=True, slots=True)
class Rule:
    """`fault` on requests `first`..`last` of `unit` (None: of every unit), each with `probability` 0..1."""

    fault: Fault
    unit: int | None = None
    first: int = 1
    last: int = _ENDLESS
    probability: float = 1.0

    def strikes(self, unit: int, number: int, rng: random.Random) -> bool:
        """Whether it happens to this request."""
        if self.unit not in (None, unit) or not self.first <= number <= self.last:
            return False
        return self.probability >= 1 or rng.random() < self.probability


@dataclass(slots=True)
class Script:
    """The rules of one wire. `rules` may be changed while it runs."""

    rules: list[Rule] = field(default_factory=list)
    seed: int = 0
    _asked: Counter[int] = field(default_factory=Counter)
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)  # noqa: S311 - repeatable faults, no secrets

    def asked(self, unit: int) -> int:
        """Requests that this unit has had."""
        return self._asked[unit]

    def add(self, fault: Fault, unit: int, *, requests: int = 1) -> None:
        """`fault` on the next `requests` requests of one unit."""
        first = self._asked[unit] + 1
        self.rules.append(Rule(fault, unit, first, first + requests - 1))

    def bend(self, reply: Reply) -> Reply:
        """The reply to the unit's next request, with everything that goes wrong with it."""
        asked_unit = reply.unit
        self._asked[asked_unit] += 1
        for rule in self.rules:
            if rule.strikes(asked_unit, self._asked[asked_unit], self._rng):
                bent = rule.fault.bend(reply, self._rng)
                reply = replace(bent, faults=(*bent.faults, rule.fault.name))
        return reply


_FAULTS: Mapping[str, tuple[str, Callable[[float], Fault], float | None]] = {
    "silent": ("no answer", lambda _number: Silent(), 0),
    "slow": ("answer NUMBER seconds later", Slow, None),
    "late": (
        "the same as slow, for more seconds than the timeout",
        lambda number: Slow(number, name="late"),
        None,
    ),
    "truncated": ("only the first NUMBER percent of the frame", lambda number: Truncated(number / 100), 50),
    "flip": ("NUMBER wrong bits", lambda number: Flipped(int(number)), 1),
    "noise": ("one to four bytes in front", lambda _number: Noisy(), 0),
    "unit": ("answer from unit NUMBER", lambda number: WrongUnit(int(number) or None), 0),
    "function": ("answer with function NUMBER", lambda number: WrongFunction(int(number) or None), 0),
    "short": ("one register less", lambda _number: Shortened(), 0),
    "exception": ("exception NUMBER", lambda number: Refused(int(number)), 4),
    "close": ("connection closed", lambda _number: Closed(), 0),
    "reboot": ("silent for NUMBER seconds, then counters from 0", Reboot, 10),
}
FAULT_HELP = {name: row[0] for name, row in _FAULTS.items()}

_RULE = re.compile(
    r"(?P<name>[a-z]+)(?:=(?P<number>\d+(?:\.\d+)?))?(?:@(?P<first>\d+)(?P<range>-(?P<last>\d+)?)?)?"
    r"(?:%(?P<percent>\d+(?:\.\d+)?))?(?:/(?P<device>\S+))?"
)


def parse(text: str, units: Mapping[str, int]) -> Rule:
    """One rule from its text; `units` are the devices of this wire by name.

    ValueError says what is wrong and what would be right. KeyError: a device of another wire.
    """
    match = _RULE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a fault; write NAME[=NUMBER][@FIRST[-LAST]][%PERCENT][/DEVICE]")
    if match["name"] not in _FAULTS:
        raise ValueError(f"{match['name']!r} is not a fault; there are {', '.join(_FAULTS)}")
    _help, make, usual = _FAULTS[match["name"]]
    if match["number"] is None and usual is None:
        raise ValueError(f"{text!r}: say how many seconds, as in {match['name']}=1.5")
    number = float(match["number"] or usual or 0)
    unit = units[match["device"]] if match["device"] else None
    first, last = _requests(match)
    return Rule(make(number), unit, first, last, float(match["percent"] or 100) / 100)


def _requests(match: re.Match[str]) -> tuple[int, int]:
    if match["first"] is None:
        return 1, _ENDLESS
    first = int(match["first"])
    return first, int(match["last"] or _ENDLESS) if match["range"] else first


def parse_all(texts: Sequence[str], units: Mapping[str, int], *, strict: bool = False) -> list[Rule]:
    """The rules that concern this wire; those that name a device of another wire are left out.

    ValueError: a rule that cannot be read; `strict`: also one that names a device which is not in `units`.
    """
    rules = []
    for text in texts:
        try:
            rules.append(parse(text, units))
        except KeyError as missing:
            if strict:
                raise ValueError(
                    f"{text!r}: there is no device {missing}; there are {', '.join(units)}"
                ) from None
    return rules
