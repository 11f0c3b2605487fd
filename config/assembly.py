"""Puts a station together from its file: each table read, each check made, whatever the others say."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from config import crosscheck, statuses, upkeep
from config.errors import did_you_mean, shown
from config.machine import Machine
from config.position import Place
from config.report import Report
from config.settings import Kinds, Tree
from config.station import About, Buffer, Destination, Device, Identity, Line, Station
from config.tables import Reader
from config.volume import total, volume_of

TABLES = ("station", "identity", "buffer", "line", "device", "destination")

_Model = TypeVar("_Model", bound=BaseModel)
_Lists = dict[str, dict[Place, Tree]]


def assemble(report: Report, file: Path, kinds: Kinds, machine: Machine) -> Station | None:
    """The station; None, or a report with problems, when it has mistakes."""
    reader = Reader(report, file.parent)
    _check_names(report)
    about = _single(reader, "station", About)
    identity = _single(reader, "identity", Identity)
    buffer = _single(reader, "buffer", Buffer)
    lists = {name: dict(reader.tables(name)) for name in ("line", "device", "destination")}
    lines = _there(
        {place: reader.line(place, table, kinds.line_settings) for place, table in lists["line"].items()}
    )
    devices = _there({place: reader.device(place, table, kinds) for place, table in lists["device"].items()})
    destinations = _there(
        {place: reader.model(Destination, place, table) for place, table in lists["destination"].items()}
    )
    _check_across(report, lists, lines, devices)
    if identity is not None:
        upkeep.check_identity(report, identity, machine)
    for place, line in lines.items():
        upkeep.check_line(report, place, line, machine)
    for place, destination in destinations.items():
        upkeep.check_destination(report, place, destination, machine)
    if about is not None:
        upkeep.check_timezone(report, about, machine)
    if buffer is not None:
        upkeep.check_store(report, buffer, machine)
        # Of devices with mistakes nothing is known: the sum is then too low, and never too high.
        name = about.id if about is not None else ""
        upkeep.check_space(report, buffer, total(volume_of(name, device) for device in devices.values()))
    if about is None or identity is None or buffer is None:
        return None
    return Station(
        file=file,
        id=about.id,
        name=about.name or about.id,
        timezone=about.timezone,
        identity=identity,
        buffer=buffer,
        lines=tuple(lines.values()),
        devices=tuple(devices.values()),
        destinations=tuple(destinations.values()),
        warnings=tuple(report.warnings),
    )


def _check_names(report: Report) -> None:
    for name in report.tree:
        if name not in TABLES:
            report.add((name,), "", f"unknown table, {did_you_mean(name, TABLES, 'known tables')}")
    if not report.tree.get("device"):
        report.add(("device",), "", "is missing, a station has at least one [[device]]")
    if not report.tree.get("destination"):
        report.warn(("destination",), "there is none: records are signed and kept, and go nowhere")


def _single(reader: Reader, name: str, model: type[_Model]) -> _Model | None:
    table = reader.report.tree.get(name, {})
    if not isinstance(table, Mapping):
        wrong = "is there as [[…]]" if isinstance(table, list) else f"should be a table (got {shown(table)})"
        reader.report.add((name,), "", f"{wrong}, write [{name}] in single brackets")
        return None
    return reader.model(model, (name,), table)


def _check_across(
    report: Report, lists: _Lists, lines: Mapping[Place, Line], devices: Mapping[Place, Device]
) -> None:
    for tables in lists.values():
        crosscheck.check_ids(report, tables)
    crosscheck.check_lines(report, lists["line"], lists["device"])
    crosscheck.check_urls(report, lists["line"])
    crosscheck.check_addresses(report, devices)
    crosscheck.check_reach(report, lines, devices)
    crosscheck.check_speech(report, lines, devices)
    crosscheck.check_patience(report, lines, devices)
    crosscheck.check_silence(report, devices)
    statuses.check_statuses(report, lists["device"], devices)
    for place, device in devices.items():
        upkeep.check_period(report, place, device)


_Value = TypeVar("_Value")


def _there(read: Mapping[Place, _Value | None]) -> dict[Place, _Value]:
    return {place: value for place, value in read.items() if value is not None}
