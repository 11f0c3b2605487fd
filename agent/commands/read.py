"""`tram read`: one shot at one device, signed by nobody and kept nowhere."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from config.station import Station
    from drivers.driver import Cycle


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("device")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def read(file: Path, device: str, as_json: bool) -> None:
    """Read DEVICE of FILE once and print what it says.

    Example: tram read station.toml ph

    On a serial line stop the agent first: a line has one master.
    """
    from agent.station import load_station
    from drivers.errors import DriverError

    station = load_station(file)
    if device not in {table.id for table in station.devices}:
        names = ", ".join(table.id for table in station.devices)
        raise click.ClickException(f'{file} has no device "{device}"; it has: {names}')
    try:
        cycle = asyncio.run(_read(station, device))
    except DriverError as error:
        raise click.ClickException(f'device "{device}": {error}') from error
    click.echo(_as_json(cycle) if as_json else _as_text(cycle, station, device))
    if cycle.errors:
        raise click.ClickException("; ".join(str(error) for error in cycle.errors))


async def _read(station: "Station", device: str) -> "Cycle":
    from agent.clock import SystemClock
    from agent.tables import settings_of, wire_of
    from drivers import catalogue
    from drivers.lines import bus_for, on

    (table,) = [table for table in station.devices if table.id == device]
    (line,) = [line for line in station.lines if line.id == table.line]
    settings = settings_of(table)
    async with bus_for(wire_of(line), [settings], SystemClock().mono_ms) as bus:
        return await on(bus, catalogue.driver(table.driver), settings).read()


def _as_json(cycle: "Cycle") -> str:
    from telemetry.reading import words

    rows = [
        {"channel": reading.channel, "value": reading.value, "flags": list(words(reading.flags))}
        for block in cycle.blocks
        for reading in block.readings
    ]
    return json.dumps(
        {"channels": rows, "errors": [str(error) for error in cycle.errors]}, ensure_ascii=False, indent=2
    )


def _as_text(cycle: "Cycle", station: "Station", device: str) -> str:
    from agent.commands.status import shown
    from agent.tables import settings_of
    from telemetry.reading import words

    (table,) = [table for table in station.devices if table.id == device]
    units = {channel.id: channel.unit for channel in settings_of(table).channels()}
    rows = []
    for reading in (reading for block in cycle.blocks for reading in block.readings):
        value, unit = shown(reading.value), units[reading.channel]
        rows.append(f"{reading.channel:<16} {value:>12} {unit:<8} {', '.join(words(reading.flags))}".rstrip())
    rows += [
        f"not asked here: what {wanted.channel} of {wanted.device} says of them, see tram read FILE {wanted.device}"
        for wanted in table.status_from
    ]
    return "\n".join(rows)
