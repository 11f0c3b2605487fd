"""What a scan found, in the technician's words, and the lines that go into the station file. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from config.errors import one_line
from drivers.endpoint import Endpoint, SerialPort
from drivers.interview import Fit
from drivers.scan import Ending, Found, Scan
from drivers.trials import Setting, Trial

SHOWN_FITS = 3
SHOWN_SETTINGS = 3
NOBODY = (
    "Nobody answered. Check in this order:",
    "  1  is the instrument switched on, and is Modbus the protocol in its menu?",
    "  2  both wires: A (D-) to A, B (D+) to B; makers name them differently, swap them once and scan again",
    "  3  ground and the two terminating resistors of 120 ohm at the ends of the line",
    "  4  an instrument that answers slowly: --wait 1; one that speaks in characters: --text",
)
NOBODY_THERE = (
    "Nobody answered behind this address. Check in this order:",
    "  1  is it the instrument's address and port, and is Modbus TCP switched on in its menu?",
    "  2  a serial server that passes bytes on is written rtu+tcp://, not tcp://",
    "  3  behind a gateway: its serial side (speed, parity), and the wires there",
    "  4  a gateway that waits long for its instruments: --wait 5",
)
ENDINGS: dict[Ending, str] = {
    "complete": "everything was tried",
    "out of time": "the time was over before everything was tried: --seconds for more",
    "stopped": "stopped by you before everything was tried",
    "line lost": "the line was lost before everything was tried",
}


def as_text(scan: Scan, where: Endpoint, ending: Ending, line: str) -> str:
    """Everything, for people. `line`: its id in the station file."""
    tried = scan.trials.done
    parts = [f"{where}: {ENDINGS[ending]}.", *_unasked(scan.trials.left)]
    parts += [row for unit in _in_order(scan.found) for row in unit_text(unit)]
    if scan.everywhere:
        parts.append("Whatever the unit address, it answers: this is one instrument. Write unit = 1.")
    elif len(scan.found) > 1 and scan.found[0].setting is None and len(scan.found) == tried:
        parts.append(
            "Every address that was asked answers: this may be one instrument, which looks at no address."
        )
    parts += _doubts(scan)
    if not scan.found:
        nobody = NOBODY if isinstance(where, SerialPort) else NOBODY_THERE
        return "\n".join([*parts, *(nobody if ending != "line lost" else ())])
    return "\n".join([*parts, "", "For the station file:", "", station_lines(scan.found, where, line)])


def _unasked(left: Sequence[Trial]) -> Iterator[str]:
    """Which addresses at which settings; the first few settings stand for many."""
    if not left:
        return
    at: dict[Setting | None, list[int]] = {}
    for trial in left:
        at.setdefault(trial.setting, []).append(trial.unit)
    shown = [_unasked_at(setting, units) for setting, units in list(at.items())[:SHOWN_SETTINGS]]
    more = len(at) - len(shown)
    yield f"Not asked: {'; '.join(shown)}{f'; and {more} settings more' if more else ''}."


def _unasked_at(setting: Setting | None, units: Sequence[int]) -> str:
    return f"{'' if setting is None else f'at {setting} '}units {ranges(units)}"


def ranges(units: Sequence[int]) -> str:
    """Addresses as --units takes them: 1-16,247."""
    rows: list[list[int]] = []
    for unit in sorted(units):
        if rows and unit == rows[-1][-1] + 1:
            rows[-1][1:] = [unit]
        else:
            rows.append([unit])
    return ",".join("-".join(map(str, row)) for row in rows)


def as_table(scan: Scan, where: Endpoint, ending: Ending, line: str) -> dict[str, object]:
    """The same for programs."""
    found = _in_order(scan.found)
    return {
        "line": str(where),
        "ending": ending,
        "one_instrument_at_every_address": scan.everywhere,
        "units": [_unit_table(unit) for unit in found],
        "not_possible_on_this_port": [str(setting) for setting in scan.refused],
        "garbled": [{"setting": _shown(trial.setting), "unit": trial.unit} for trial in scan.garbled],
        "station_file": station_lines(found, where, line) if found else "",
    }


def unit_text(unit: Found) -> list[str]:
    """One unit: where it is, what it says of itself, what it could be."""
    setting = f"  {unit.setting}" if unit.setting else ""
    rows = [f"unit {unit.unit:<3}{setting}  {unit.answer}"]
    if unit.known.plate:
        rows.append(f"    name plate: {one_line(', '.join(unit.known.plate))}")
    rows += [f"    a register that may be its {what}: {text!r}" for what, text in unit.known.words]
    shown = unit.known.fits[:SHOWN_FITS]
    rows += [f"    {_verb(unit, fit)} {fit.profile}: {_why(fit)}" for fit in shown]
    if not shown:
        rows.append("    none of the profiles fits (tram profiles lists them)")
    return rows


def _verb(unit: Found, fit: Fit) -> str:
    return "probably" if fit.profile == unit.known.profile else "could be"


def _why(fit: Fit) -> str:
    share = f"all its registers are there, {fit.possible} of {fit.judged} values are possible"
    if fit.named:
        return f"the name plate says so, {share}"
    return share if fit.telling else f"{share}, as in many instruments"


def _doubts(scan: Scan) -> Iterator[str]:
    for trial in scan.garbled:
        at = f" at {trial.setting}" if trial.setting else ""
        yield (
            f"unit {trial.unit}{at}: twice something was heard that is no answer: "
            "two instruments with this address, another speed, or noise"
        )
    if scan.refused:
        yield f"This port cannot do {', '.join(map(str, scan.refused))}: not tried."


def station_lines(found: Sequence[Found], where: Endpoint, line: str) -> str:
    """Tables to paste. A line has one speed: that of most units; the others are said to need it."""
    setting = main_setting(found)
    mine = [unit for unit in _in_order(found) if unit.setting == setting]
    others = [unit for unit in _in_order(found) if unit.setting != setting]
    rows = ["[[line]]", f'id = "{line}"', f'url = "{url_of(where, setting)}"']
    for unit in mine:
        rows += ["", *_device(unit, line)]
    if others:
        rows += ["", f"# A line has one speed. Set these to {setting} in their menus, then add them:"]
        rows += [f"#   unit {unit.unit}, now {unit.setting}{_guess(unit)}" for unit in others]
    return "\n".join(rows)


def main_setting(found: Sequence[Found]) -> Setting | None:
    """The setting of most units; of the first one found among equals."""
    counted = Counter(unit.setting for unit in found)
    return counted.most_common(1)[0][0]


def url_of(where: Endpoint, setting: Setting | None) -> str:
    """The line's url at this setting."""
    if isinstance(where, SerialPort) and setting is not None:
        rs485 = "&rs485=kernel" if where.rs485 else ""
        return f"serial://{where.path}?baudrate={setting.baudrate}&parity={setting.parity}{rs485}"
    through = not where.numbered if not isinstance(where, SerialPort) else False
    return f"{'rtu+tcp' if through else 'tcp'}://{where}"


def _device(unit: Found, line: str) -> list[str]:
    known = unit.known
    rows = [
        "[[device]]",
        f'id = "{known.profile or "unit"}-{unit.unit}"',
        f'line = "{line}"',
        'driver = "modbus"',
    ]
    rows += [f"unit = {unit.unit}", 'every = "10s"']
    if known.profile is not None:
        return [*rows, f'profile = "{known.profile}"']
    rows += [f'# profile = "{fit.profile}"?' for fit in known.fits[:SHOWN_FITS]]
    how = "or" if known.fits else "then"
    return [*rows, f"# {how} a [[device.channel]] for each value, from the instrument's manual"]


def _guess(unit: Found) -> str:
    profile = unit.known.profile
    return f' (profile = "{profile}")' if profile else ""


def _unit_table(unit: Found) -> dict[str, object]:
    return {
        "setting": _shown(unit.setting),
        "unit": unit.unit,
        "exception": unit.exception,
        "name_plate": list(unit.known.plate),
        "words": [{"what": what, "text": text} for what, text in unit.known.words],
        "profiles": [fit._asdict() for fit in unit.known.fits],
    }


def _shown(setting: Setting | None) -> str | None:
    return None if setting is None else str(setting)


def _in_order(found: Sequence[Found]) -> list[Found]:
    return sorted(found, key=lambda unit: (unit.setting or (0, ""), unit.unit))
