"""In which order a scan tries the settings of a line and the addresses on it: the likely ones first. Pure.

    1  the line's own setting, 9600 8N1, 9600 8E1, 19200 8N1, 19200 8E1   addresses 1 to 16 and 247
    2  every other setting                                               addresses 1 to 5 and 247
    3  the likely settings                                               the rest
    4  every other setting                                               the rest

Where somebody answered there are more: what is left of this setting comes next. 247 is the last address, with which
some instruments are delivered. Two stop bits are not tried: who expects them understands one.
"""

from collections.abc import Sequence
from typing import NamedTuple

from drivers.endpoint import BAUDRATES, Parity

FIRST_UNITS = (*range(1, 17), 247)
FEW_UNITS = (*range(1, 6), 247)
SERIAL_UNITS = range(1, 248)
TCP_UNITS = range(256)
"""0 and 255 mean the instrument itself to some (Modbus Messaging on TCP/IP V1.0b, 4.4.1.2)."""
SPREAD = 6
"""No line has six instruments at addresses so far apart: who answers at all of them does not look at the address."""
BYTE_BITS = 11
"""Start, eight data bits, parity or a second stop bit, stop."""
QUESTION_BYTES = 8
PARITIES: tuple[Parity, ...] = ("N", "E", "O")


class Setting(NamedTuple):
    """Speed, parity and data bits of a serial line; one stop bit."""

    baudrate: int
    parity: Parity = "N"
    bytesize: int = 8

    def __str__(self) -> str:
        return f"{self.baudrate} {self.bytesize}{self.parity}1"


LIKELY = (Setting(9600, "N"), Setting(9600, "E"), Setting(19200, "N"), Setting(19200, "E"))
BAUDRATES_BY_USE = (9600, 19200, 38400, 4800, 115200, 57600, 2400, 1200)


class Trial(NamedTuple):
    """One question: is there somebody? `setting` None: the line has none, or it is not ours to set."""

    setting: Setting | None
    unit: int


class Trials:
    """What is left to try; `total` counts what there was, without what was dropped."""

    def __init__(self, ordered: Sequence[Trial]) -> None:
        self._left = list(reversed(ordered))
        self.total = len(ordered)

    def next(self) -> Trial | None:
        """The one to try now; None: all were."""
        return self._left.pop() if self._left else None

    @property
    def done(self) -> int:
        """How many were tried."""
        return self.total - len(self._left)

    @property
    def left(self) -> tuple[Trial, ...]:
        """Those that were not tried, in their order."""
        return tuple(reversed(self._left))

    def put_back(self, trial: Trial) -> None:
        """The one that was handed out last: its question found no line."""
        self._left.append(trial)

    def promote(self, setting: Setting | None) -> None:
        """Somebody answered there: the rest of this setting comes next."""
        self._left.sort(key=lambda trial: trial.setting == setting)

    def refuse(self, trial: Trial) -> None:
        """The port cannot do the setting of the one that was handed out last."""
        self.drop(trial.setting)
        self.total -= 1

    def drop(self, setting: Setting | None) -> None:
        """What is left at this setting needs no trial."""
        kept = [trial for trial in self._left if trial.setting != setting]
        self.total -= len(self._left) - len(kept)
        self._left = kept


def settings(
    own: Setting | None = None, baudrates: Sequence[int] = (), parities: Sequence[Parity] = ()
) -> tuple[Setting, ...]:
    """Every setting to try, the likely ones first. Empty `baudrates` or `parities`: all that are in use."""
    every = [Setting(speed, kind) for kind in parities or PARITIES for speed in baudrates or BAUDRATES_BY_USE]
    if own is not None and not baudrates and not parities:
        every = [own, *every]
    likely = [setting for setting in (own, *LIKELY) if setting is not None and setting in every]
    return tuple(dict.fromkeys([*likely, *every]))


def serial_trials(every: Sequence[Setting], units: Sequence[int], own: Setting | None = None) -> Trials:
    """All addresses at all settings, in the order of this module's heading."""
    likely = [setting for setting in every if setting in (own, *LIKELY)]
    others = [setting for setting in every if setting not in likely]
    first, few = ([unit for unit in some if unit in units] for some in (FIRST_UNITS, FEW_UNITS))
    passes = [(likely, first), (others, few), (likely, list(units)), (others, list(units))]
    ordered = [Trial(setting, unit) for some, at in passes for setting in some for unit in at]
    return Trials(list(dict.fromkeys(ordered)))


def network_trials(units: Sequence[int]) -> Trials:
    """Addresses behind a host: the first `SPREAD` are far apart."""
    apart = [units[place * (len(units) - 1) // (SPREAD - 1)] for place in range(SPREAD)]
    return Trials([Trial(None, unit) for unit in dict.fromkeys([*apart, *units])])


def question_s(setting: Setting | None, wait_s: float) -> float:
    """How long a question takes that nobody answers, in s."""
    on_the_wire_s = 0.0 if setting is None else QUESTION_BYTES * BYTE_BITS / setting.baudrate
    return on_the_wire_s + wait_s


def longest_s(every: Sequence[Setting | None], units: int, wait_s: float, *, shared: bool) -> float:
    """How long all of it takes when nobody answers, in s. `shared`: each address is asked twice (drivers.inquiry)."""
    again = question_s if shared else (lambda _setting, _wait_s: 0.0)
    return sum(units * (question_s(setting, wait_s) + again(setting, wait_s / 2)) for setting in every)


def unit_numbers(text: str, *, allowed: range = SERIAL_UNITS) -> tuple[int, ...]:
    """Addresses of "1-247" or "1-16,20,247", in this order, each once. ValueError in the technician's words."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, end = part.strip().partition("-")
        if not first.isdecimal() or (dash and not end.isdecimal()):
            raise ValueError(f'"{part.strip()}" is no unit address; write for example 1-247 or 1,3,10-20')
        numbers += range(int(first), int(end if dash else first) + 1)
    if not numbers or not all(number in allowed for number in numbers):
        raise ValueError(f"unit addresses are {allowed[0]} to {allowed[-1]} here (got {text})")
    return tuple(dict.fromkeys(numbers))


def baudrate_numbers(text: str) -> tuple[int, ...]:
    """Speeds of "9600,19200". ValueError in the technician's words."""
    words = [word.strip() for word in text.split(",")]
    wrong = [word for word in words if word not in map(str, BAUDRATES)]
    if wrong:
        raise ValueError(f'"{wrong[0]}" is no speed of a line; there are {", ".join(map(str, BAUDRATES))}')
    return tuple(int(word) for word in words)


def parity_letters(text: str) -> tuple[Parity, ...]:
    """Parities of "N,E". ValueError in the technician's words."""
    letters = [letter.strip().upper() for letter in text.split(",")]
    if not set(letters) <= set(PARITIES):
        raise ValueError(f"parity is N (none), E (even) or O (odd), as N,E (got {text})")
    return tuple(parity for parity in PARITIES if parity in letters)
