"""`tram read`: one shot at one device, signed by nobody and kept nowhere."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from config.station import Station
    from drivers.driver import Cycle, Driver
    from drivers.kept import Kept

MOST_RECORDS = 1_000


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("device")
@click.option(
    "--records",
    type=click.IntRange(1, MOST_RECORDS),
    metavar="N",
    help="The newest N records that the instrument keeps by itself, instead of its values.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def read(file: Path, device: str, records: int | None, as_json: bool) -> None:
    """Read DEVICE of FILE once and print what it says.

    Example: tram read station.toml ph

    After an outage: tram read station.toml o3 --records 60. What it kept is shown, and neither signed nor sent.

    On a serial line stop the agent first: a line has one master.
    """
    from agent.station import load_station
    from drivers.errors import DriverError

    station = load_station(file)
    if device not in {table.id for table in station.devices}:
        names = ", ".join(table.id for table in station.devices)
        raise click.ClickException(f'{file} has no device "{device}"; it has: {names}')
    try:
        if records is not None:
            _show_kept(asyncio.run(_kept(station, device, records)), as_json=as_json)
            return
        cycle = asyncio.run(_read(station, device))
    except DriverError as error:
        raise click.ClickException(f'device "{device}": {error}') from error
    click.echo(_as_json(cycle) if as_json else _as_text(cycle, station, device))
    if cycle.errors:
        raise click.ClickException("; ".join(str(error) for error in cycle.errors))


async def _read(station: "Station", device: str) -> "Cycle":
    async with _driver(station, device) as driver:
        return await driver.read()


async def _kept(station: "Station", device: str, count: int) -> "Kept":
    from drivers.kept import Keeps

    async with _driver(station, device) as driver:
        if not isinstance(driver, Keeps):
            (table,) = [table for table in station.devices if table.id == device]
            raise click.ClickException(f'device "{device}": the driver {table.driver} reads no kept records')
        return await driver.kept(count)


@asynccontextmanager
async def _driver(station: "Station", device: str) -> "AsyncIterator[Driver]":
    from agent.clock import SystemClock
    from agent.tables import settings_of, wire_of
    from drivers import catalogue
    from drivers.lines import bus_for, on

    (table,) = [table for table in station.devices if table.id == device]
    (line,) = [line for line in station.lines if line.id == table.line]
    settings = settings_of(table)
    async with bus_for(wire_of(line), [settings], SystemClock().mono_ms) as bus:
        yield on(bus, catalogue.driver(table.driver), settings)


def _show_kept(kept: "Kept", *, as_json: bool) -> None:
    here = datetime.now(UTC).isoformat(" ", "seconds")
    if as_json:
        rows = [{"at": record.at, "words": dict(record.words)} for record in kept.records]
        table = {"clock": kept.clock, "read_utc": here, "total": kept.total, "records": rows}
        click.echo(json.dumps(table, ensure_ascii=False, indent=2))
        return
    for record in kept.records:
        click.echo(f"{record.at}  {'  '.join(f'{name} {word}' for name, word in record.words)}")
    total = "" if kept.total is None else f" of {kept.total}"
    clock = f'shows "{kept.clock}"' if kept.clock else "is not told"
    click.echo(f"{len(kept.records)}{total} records, dated by the instrument's own clock, which {clock}")
    click.echo(f"when it was read: {here}. These are no readings: nothing of them is signed or sent.")


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
