"""`tram check`: every mistake of a station file, or what the station will do."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.shown import say

if TYPE_CHECKING:
    from agent.forecast import DeviceForecast, Forecast, LineForecast
    from config.errors import Problem
    from config.station import Station

COLUMNS = ("device", "driver", "unit", "every", "channels", "requests", "on the wire", "records/day", "a day")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def check(file: Path, as_json: bool) -> None:
    """Say every mistake of FILE with its line, or what the station will do.

    Example: tram check station.toml
    """
    from agent.forecast import forecast
    from agent.station import load_station
    from config.errors import StationFileError

    try:
        station = load_station(file)
    except StationFileError as error:
        if not as_json:
            raise
        _print_json({"file": str(file), "ok": False, "problems": [_problem(p) for p in error.problems]})
        raise SystemExit(1) from error
    plan = forecast(station)
    plan = plan._replace(warnings=plan.warnings + unconfirmed(station))
    if as_json:
        _print_json(as_table(plan))
    else:
        say(as_text(plan))


def unconfirmed(station: "Station") -> tuple[str, ...]:
    """Devices whose profile says what nobody has read in the manual, of rows or of a status: it would be signed."""
    from drivers import profile

    used = [(device.id, profile.read(device.profile)) for device in station.devices if device.profile]
    rows = [
        f'device "{device}": {len(read.rows) - read.confirmed} of {len(read.rows)} rows of the profile "{read.name}" '
        f"are not confirmed, compare them with the display: tram profiles {read.name}"
        for device, read in used
        if read.confirmed < len(read.rows)
    ]
    statuses = [
        f'device "{device}": what its status means is not confirmed in the profile "{read.name}", put it into zero and '
        f"service once and look at the flags: tram profiles {read.name}"
        for device, read in used
        if read.about.status is not None and not read.about.status.confirmed
    ]
    return (*rows, *statuses)


def as_table(plan: "Forecast") -> dict[str, object]:
    """The forecast for programs; times in ms, sizes in bytes."""
    station = plan.station
    return {
        "file": str(station.file),
        "ok": True,
        "station": station.id,
        "name": station.name,
        "timezone": station.timezone,
        "lines": [_line_table(line) for line in plan.lines],
        "records_per_day": round(plan.volume.records_per_day),
        "bytes_per_day": round(plan.volume.bytes_per_day),
        "quota_bytes": station.buffer.quota_bytes,
        "days_until_quota": round(plan.days_until_full, 1),
        "keep_days": plan.keep_days,
        "destinations": [
            {"id": d.id, "url": d.url, "ack": d.ack, "records_per_s": d.records_per_s}
            for d in station.destinations
        ],
        "warnings": list(plan.warnings),
    }


def as_text(plan: "Forecast") -> str:
    """The same for people."""
    from config.quantity import duration_text, size_text

    station = plan.station
    rows = [f"station      {station.id}  {station.name}  ({station.timezone})"]
    for line in plan.lines:
        rows += ["", *_line_text(line)]
    quota, full = size_text(station.buffer.quota_bytes), plan.days_until_full
    rows += [
        "",
        f"records      about {plan.volume.records_per_day:,.0f}, {size_text(plan.volume.bytes_per_day)} a day",
        f"quota        {quota}, full after about {full:,.0f} days",
        f"keep         {duration_text(station.buffer.keep_ms)} after delivery",
    ]
    rows += [
        f"destination  {d.id}  {d.url}  delivered when: {_ACK[d.ack]};"
        f" a backlog at {d.records_per_s} records/s at most"
        for d in station.destinations
    ]
    rows += [f"warning      {warning}" for warning in plan.warnings]
    return "\n".join([*rows, "", f"{station.file} is in order."])


_ACK = {"receipt": "the centre's receipt covers it", "broker": "the broker took it"}


def _line_text(line: "LineForecast") -> list[str]:
    head = f"line         {line.line.id}  {line.settings.url}"
    return [
        head,
        f"             {_patience(line)}",
        *_aligned([COLUMNS, *(_device_row(device) for device in line.devices)]),
    ]


def _patience(line: "LineForecast") -> str:
    """An instrument that talks by itself has its line for itself: there is no answer to wait for, and no guard."""
    wire, talkers = line.settings, [device for device in line.devices if device.streams]
    if talkers:
        return f"{talkers[0].device.id} talks by itself, and may be silent for {talkers[0].patience_s:g} s"
    busy = "" if line.busy is None else f", busy {line.busy:.1%} of the time"
    return f"timeout {wire.timeout_s:g} s, guard {wire.guard_s:g} s{busy}"


def _device_row(device: "DeviceForecast") -> tuple[str, ...]:
    from config.quantity import duration_text, size_text

    return (
        device.device.id,
        device.device.driver,
        "–" if device.unit is None else str(device.unit),
        duration_text(device.device.every_ms),
        str(device.channels),
        "–" if device.requests is None else str(device.requests),
        "–" if device.wire_s is None else f"{device.wire_s * 1000:.0f} ms",
        f"{device.volume.records_per_day:,.0f}",
        size_text(device.volume.bytes_per_day),
    )


def _aligned(rows: "list[tuple[str, ...]]") -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _line_table(line: "LineForecast") -> dict[str, object]:
    return {
        "id": line.line.id,
        "url": line.settings.url,
        "busy": None if line.busy is None else round(line.busy, 4),
        "devices": [
            {
                "id": device.device.id,
                "driver": device.device.driver,
                "unit": device.unit,
                "every_ms": device.device.every_ms,
                "channels": device.channels,
                "requests": device.requests,
                "talks_by_itself": device.streams,
                "wire_ms": None if device.wire_s is None else round(device.wire_s * 1000, 1),
                "records_per_day": round(device.volume.records_per_day),
                "bytes_per_day": round(device.volume.bytes_per_day),
            }
            for device in line.devices
        ],
    }


def _problem(problem: "Problem") -> dict[str, object]:
    return {"line": problem.line, "where": problem.where, "message": problem.message}


def _print_json(table: dict[str, object]) -> None:
    click.echo(json.dumps(table, ensure_ascii=False, indent=2))
