"""`tram run`: the agent."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from config.station import Station


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--log-format", type=click.Choice(["people", "json"]), default="people", show_default=True)
def run(file: Path, log_format: str) -> None:
    """Poll, sign, keep and deliver what FILE describes, until SIGTERM. SIGHUP reads FILE again.

    Example: tram run station.toml
    """
    from agent import log
    from agent.station import load_station

    log.set_up("json" if log_format == "json" else "people")
    station = load_station(file)
    for warning in station.warnings:
        log.report("station.warning", {"warning": str(warning)})
    asyncio.run(_run(station))


async def _run(station: "Station") -> None:
    from agent import log
    from agent.clock import SystemClock
    from agent.errands import Errands
    from agent.run import Agent
    from agent.station import load_station

    agent = Agent(station, clock=SystemClock(), report=log.report, load=lambda: load_station(station.file))
    loop = asyncio.get_running_loop()
    loop.set_default_executor(Errands())
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, agent.stop)
    loop.add_signal_handler(signal.SIGHUP, agent.reload)
    await agent.run()
