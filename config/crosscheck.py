"""What only shows across the tables of a station file: ids, lines and unit addresses.

It looks at the tables as they are written, so that a mistake in one key hides none in another.
"""

from collections.abc import Iterator, Mapping
from typing import cast

from config.errors import did_you_mean, shown, suggestion
from config.position import Place
from config.report import Report
from config.settings import Settings
from config.station import Device, Line

LONGEST_SILENCE_MS = 120_000

Tables = Mapping[Place, Mapping[str, object]]


def check_ids(report: Report, tables: Tables) -> None:
    """No two lines, no two devices and no two destinations with one id."""
    for place, first in _repeated(_texts(tables, "id")):
        other = report.line_of(first)
        got = shown(tables[place[:-1]]["id"])
        report.add(place, "", f"is there twice (got {got}), the other is in line {other}: rename one")


def check_lines(report: Report, lines: Tables, devices: Tables) -> None:
    """Every device names a line that is there, and every line has a device."""
    known = {name: place[:-1] for place, name in _texts(lines, "id")}
    used = set()
    for place, name in _texts(devices, "line"):
        used.add(name)
        if name not in known:
            used.add(suggestion(name, known) or name)
            right = did_you_mean(name, known, "lines")
            report.add(place, "", f"there is no line with this id (got {shown(name)}), {right}")
    named = sum(1 for _ in _texts(devices, "line"))
    for name, line in known.items():
        # A device whose line cannot be read may be the one that uses it.
        if name not in used and named == len(devices):
            report.add(line, "", f'no device uses it, remove it or write line = "{name}" in a device')


def check_urls(report: Report, lines: Tables) -> None:
    """A serial port is one line; two connections to one host are possible and seldom meant."""
    ports = ((place, url.partition("?")[0]) for place, url in _texts(lines, "url"))
    for place, first in _repeated(ports):
        url = str(lines[place[:-1]]["url"])
        other = report.line_of(first)
        if url.startswith("serial:"):
            report.add(
                place,
                "",
                f"two lines share one port (got {shown(url)}), put the devices of line {other} on one",
            )
        else:
            report.warn(
                place,
                f"goes where line {other} of this file goes too, many instruments take one connection only",
            )


def check_addresses(report: Report, devices: Mapping[Place, Device]) -> None:
    """No two devices answer to one unit address of a line."""
    taken: dict[tuple[str, int | str], tuple[Place, Device]] = {}
    for place, device in devices.items():
        address = cast("Settings", device.settings).address()
        if address is None:
            continue
        first, other = taken.setdefault((device.line, address), (place, device))
        if first != place:
            report.add(
                (*place, "unit"),
                "",
                f'is the address of device "{other.id}" too (got {address}, see line '
                f'{report.line_of((*first, "unit"))}), on line "{device.line}" each device needs its own',
            )


def check_reach(report: Report, lines: Mapping[Place, Line], devices: Mapping[Place, Device]) -> None:
    """A unit address that its kind of line does not have; numbers of other protocols are their drivers'."""
    of = {line.id: line for line in lines.values()}
    for place, device in devices.items():
        settings = cast("Settings", device.settings)
        address = settings.address() if settings.speech() == "modbus" else None
        refuses = getattr(getattr(of.get(device.line), "settings", None), "refuses", None)
        problem = refuses(address) if refuses is not None and address is not None else None
        if problem is not None:
            report.add((*place, "unit"), "", f"{problem} (got {address})")


def check_speech(report: Report, lines: Mapping[Place, Line], devices: Mapping[Place, Device]) -> None:
    """A line carries one kind of speech, and an instrument that talks by itself has it for itself."""
    of = {line.id: line for line in lines.values()}
    first: dict[str, tuple[Place, Device]] = {}
    for place, device in devices.items():
        mine = cast("Settings", device.settings)
        refuses = getattr(getattr(of.get(device.line), "settings", None), "refuses_speech", None)
        problem = None if refuses is None else refuses(mine.speech())
        if problem is not None:
            report.add((*place, "line"), "", f'cannot be on line "{device.line}": {problem}')
        before, other = first.setdefault(device.line, (place, device))
        theirs = cast("Settings", other.settings)
        if before == place:
            continue
        also = f'like device "{other.id}" (line {report.line_of(before)})'
        if mine.speech() != theirs.speech():
            wrong = f"cannot share a line with {other.driver}, {also}: give each a line of its own"
            report.add((*place, "driver"), "", wrong)
        elif mine.streams() or theirs.streams():
            wrong = f"cannot share a line with an instrument that talks by itself, {also}"
            report.add((*place, "line"), "", wrong)
        elif mine.alone() or theirs.alone():
            wrong = f"cannot share a line with an instrument that is asked without its address, {also}"
            report.add((*place, "line"), "", wrong)


def check_patience(report: Report, lines: Mapping[Place, Line], devices: Mapping[Place, Device]) -> None:
    """Warns of a guard that is shorter than the wait for an answer.

    Modbus TCP and UDP number their questions: there a late answer cannot be taken for another. Of an instrument
    that talks by itself there are no answers.
    """
    for place, line in lines.items():
        mine = [cast("Settings", device.settings) for device in devices.values() if device.line == line.id]
        modbus = all(settings.speech() == "modbus" for settings in mine)
        if modbus and str(getattr(line.settings, "url", "")).startswith(("tcp:", "tls:", "udp:")):
            continue
        if any(settings.streams() for settings in mine):
            continue
        timeout_s = getattr(line.settings, "timeout_s", None)
        guard_s = getattr(line.settings, "guard_s", None)
        if timeout_s is not None and guard_s is not None and guard_s < timeout_s:
            report.warn(
                (*place, "guard"),
                f"is shorter than the timeout (got {guard_s:g} s after {timeout_s:g} s), an answer that comes "
                "later than both together is taken for the next one's",
            )


def check_silence(report: Report, devices: Mapping[Place, Device]) -> None:
    """An instrument that talks by itself may not be waited for so long that the centre misses it.

    Each silence makes one flagged record; a device without a record for 2.5 periods and 150 s is unexplained
    (docs/wire.md). What is over until then is for the next poll, and for opening the line.
    """
    for place, device in devices.items():
        patience_ms = 1000 * cast("Settings", device.settings).patience_s()
        most_ms = max(2 * device.every_ms, LONGEST_SILENCE_MS)
        if patience_ms > most_ms:
            report.add(
                (*place, "silence"),
                "",
                f"is too long for this period (got {patience_ms / 1000:g} s), at most {most_ms / 1000:g} s: "
                "the centre takes a device for dead that says nothing for 2.5 periods; make every longer",
            )


def _texts(tables: Tables, key: str) -> Iterator[tuple[Place, str]]:
    for place, table in tables.items():
        text = table.get(key)
        if isinstance(text, str):
            yield (*place, key), text


def _repeated(texts: Iterator[tuple[Place, str]]) -> Iterator[tuple[Place, Place]]:
    """Each place whose text was there before, and the first place with it; lists do not mix."""
    first: dict[tuple[str | int, str], Place] = {}
    for place, text in texts:
        before = first.setdefault((place[0], text), place)
        if before != place:
            yield place, before
