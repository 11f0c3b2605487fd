"""What a scan will do, from what a person typed: which line, which settings and addresses, how long."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agent.station import lines_of
from drivers.endpoint import Endpoint, SerialPort, ThisMachine, endpoint
from drivers.hails import HAILS
from drivers.hails import SETTINGS as TEXT_SETTINGS
from drivers.trials import (
    SERIAL_UNITS,
    TCP_UNITS,
    Setting,
    Trials,
    baudrate_numbers,
    longest_s,
    network_trials,
    parity_letters,
    question_s,
    serial_trials,
    settings,
    unit_numbers,
)

SERIAL_WAIT_S, NETWORK_WAIT_S, TEXT_WAIT_S = 0.15, 1.0, 0.5


class Wishes(NamedTuple):
    """The options as they were typed."""

    baud: str | None
    parity: str | None
    units: str | None
    wait_s: float | None
    seconds: float


class Line(NamedTuple):
    """What is scanned: `name` in the station file, `own` the setting that it has there."""

    name: str
    where: Endpoint
    own: Setting | None
    file: Path | None = None


def line_of(what: Sequence[str]) -> Line:
    """From `FILE LINE` or a url. ValueError in the technician's words; StationFileError."""
    file, name, url = _named(what)
    where = endpoint(_whole(url))
    if isinstance(where, ThisMachine):
        raise ValueError(f"{url} is this machine itself: there is nobody to be found")  # noqa: TRY004
    serial = isinstance(where, SerialPort)
    own = (
        Setting(where.baudrate, where.parity, where.bytesize)
        if isinstance(where, SerialPort) and "baudrate=" in url
        else None
    )
    return Line(name or ("rs485" if serial else "lan"), where, own, file)


def _named(what: Sequence[str]) -> tuple[Path | None, str, str]:
    """The file and the id of the line, where they were given, and its url."""
    if len(what) == 1 and "/" in what[0] and not what[0].endswith(".toml"):
        return None, "", what[0]
    if len(what) != 2:
        raise ValueError(
            "write a station file and a line of it, or a url: tram scan station.toml rs485, "
            "tram scan serial:///dev/ttyUSB0"
        )
    file, name = what
    urls = lines_of(Path(file))
    if name not in urls:
        raise ValueError(f'{file} has no line "{name}"; it has: {", ".join(urls)}')
    return Path(file), name, urls[name]


def _whole(url: str) -> str:
    """The scan finds the speed: it need not be there."""
    if url.startswith("/dev/"):
        url = f"serial://{url}"
    if url.startswith("serial:") and "baudrate=" not in url:
        url += ("&" if "?" in url else "?") + "baudrate=9600"
    return url


class Plan(NamedTuple):
    """What will be asked, and how long that takes when nobody answers."""

    trials: Trials
    wait_s: float
    text: str


def plan_of(line: Line, wishes: Wishes) -> Plan:
    """ValueError: an option that means nothing."""
    serial = isinstance(line.where, SerialPort)
    if not serial and (wishes.baud or wishes.parity):
        raise ValueError(
            "a line over the network has no speed and parity of ours: leave --baud and --parity out"
        )
    allowed = TCP_UNITS if line.where.numbered else SERIAL_UNITS
    units = unit_numbers(wishes.units or "1-247", allowed=allowed)
    wait_s = wishes.wait_s or (SERIAL_WAIT_S if serial else NETWORK_WAIT_S)
    if not serial:
        whole_s = longest_s([None], len(units), wait_s, shared=not line.where.numbered)
        return Plan(network_trials(units), wait_s, _estimate(line, "", len(units), whole_s, wishes))
    baudrates = baudrate_numbers(wishes.baud) if wishes.baud else ()
    parities = parity_letters(wishes.parity) if wishes.parity else ()
    own = None if line.own is None else line.own._replace(bytesize=8)  # RTU has no other
    every = settings(own, baudrates, parities)
    whole_s = longest_s(every, len(units), wait_s, shared=True)
    first = f"{len(every)} settings ({every[0]} first) x " if len(every) > 1 else f"{every[0]}, "
    text = _estimate(line, first, len(units), whole_s, wishes)
    return Plan(serial_trials(every, units, own), wait_s, text)


def _estimate(line: Line, settings: str, units: int, whole_s: float, wishes: Wishes) -> str:
    limit = f"; it ends after {duration(wishes.seconds)} (--seconds), the likely ones come first"
    return (
        f"{line.where}: {settings}{units} addresses, {duration(whole_s)} if nobody answers"
        f"{limit if whole_s > wishes.seconds else ''}. It only reads. Ctrl-C ends it."
    )


class TextPlan(NamedTuple):
    """The same for hails (drivers.hails)."""

    settings: tuple[Setting | None, ...]
    wait_s: float
    text: str


def text_plan_of(line: Line, wishes: Wishes) -> TextPlan:
    """ValueError: an option that means nothing here."""
    if wishes.units or wishes.parity:
        raise ValueError(
            "--text asks nobody by a number and knows the usual parities: leave --units and --parity out"
        )
    wait_s = wishes.wait_s or TEXT_WAIT_S
    every: tuple[Setting | None, ...] = (None,)
    if isinstance(line.where, SerialPort):
        wanted = baudrate_numbers(wishes.baud) if wishes.baud else ()
        own = () if line.own is None or wanted else (line.own,)
        usual = [setting for setting in TEXT_SETTINGS if not wanted or setting.baudrate in wanted]
        every = tuple(dict.fromkeys([*own, *usual, *(Setting(speed) for speed in wanted)]))
    elif wishes.baud:
        raise ValueError("a line over the network has no speed of ours: leave --baud out")
    whole_s = sum(len(HAILS) * question_s(setting, wait_s) for setting in every)
    at = f"{len(every)} settings, " if every != (None,) else ""
    text = (
        f"{line.where}: {at}Bayern-Hessen, C-Link and SDI-12, {duration(whole_s)}. "
        "It asks who is there and changes nothing. Ctrl-C ends it."
    )
    return TextPlan(every, wait_s, text)


def duration(seconds: float) -> str:
    """As a person says it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
