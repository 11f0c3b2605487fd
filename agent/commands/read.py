"""`tram read`: one shot at one device, signed by nobody and kept nowhere."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from agent.shown import say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from config.station import Station
    from drivers.driver import Driver
    from drivers.kept import Kept

MOST_RECORDS = 1_000


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("device")
@click.option("--raw", is_flag=True, help="Also the registers, and the bytes that went over the line.")
@click.option("--orders", is_flag=True, help="Also each value of several registers in all four byte orders.")
@click.option(
    "--records",
    type=click.IntRange(1, MOST_RECORDS),
    metavar="N",
    help="The newest N records that the instrument keeps by itself, instead of its values.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def read(file: Path, device: str, *, raw: bool, orders: bool, records: int | None, as_json: bool) -> None:
    """Read DEVICE of FILE once and print what it says; when something is wrong, what to check in which order.

    Example: tram read station.toml ph

    Is the byte order right? tram read station.toml ph --orders, and compare with the display.

    What an analyzer kept by itself: tram read station.toml o3 --records 60. It is shown, and neither signed nor sent;
    after an outage the agent fetches and signs the records of that time without being asked.

    On a serial line stop the agent first: a line has one master.
    """
    from agent.station import load_station
    from drivers.errors import DriverError

    station = load_station(file)
    if device not in {table.id for table in station.devices}:
        names = ", ".join(table.id for table in station.devices)
        raise click.ClickException(f'{file} has no device "{device}"; it has: {names}')
    if records is None:
        _read(station, device, Shown(raw, orders, as_json))
        return
    try:
        _show_kept(asyncio.run(_kept(station, device, records)), as_json=as_json)
    except DriverError as error:
        raise click.ClickException(f'device "{device}": {error}') from error


class Shown(NamedTuple):
    """What is wanted beside the values, and for whom."""

    raw: bool
    orders: bool
    as_json: bool


def _read(station: "Station", device: str, wanted: Shown) -> None:
    from agent import one_shot, one_shot_text
    from drivers.errors import Misconfigured, Unreachable

    shot = asyncio.run(one_shot.read_once(station, device))
    if wanted.as_json:
        table = one_shot_text.as_table(shot, raw=wanted.raw, orders=wanted.orders)
        click.echo(json.dumps(table, ensure_ascii=False, indent=2))
    elif not isinstance(shot.error, Unreachable | Misconfigured):
        say(one_shot_text.as_text(shot, raw=wanted.raw, orders=wanted.orders))
    if shot.error is not None:
        raise click.ClickException(f'device "{device}": {shot.error}') from shot.error
    if shot.errors:
        raise click.ClickException("; ".join(str(error) for error in shot.errors))


async def _kept(station: "Station", device: str, count: int) -> "Kept":
    from drivers.kept import Keeps, newest

    async with _driver(station, device) as driver:
        if not isinstance(driver, Keeps):
            (table,) = [table for table in station.devices if table.id == device]
            raise click.ClickException(f'device "{device}": the driver {table.driver} reads no kept records')
        return await newest(driver.kept(), count)


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
        table = {"clock": kept.clock.said, "read_utc": here, "total": kept.total, "records": rows}
        click.echo(json.dumps(table, ensure_ascii=False, indent=2))
        return
    for record in kept.records:
        say(f"{record.at}  {'  '.join(f'{name} {word}' for name, word in record.words)}")
    total = "" if kept.total is None else f" of {kept.total}"
    clock = f'shows "{kept.clock.said}"' if kept.clock.said else "is not told"
    say(f"{len(kept.records)}{total} records, dated by the instrument's own clock, which {clock}")
    click.echo(f"when it was read: {here}. These are no readings: nothing of them is signed or sent.")
