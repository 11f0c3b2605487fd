"""`tram scan`: who is on this line?"""

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from agent.shown import harmless, say

if TYPE_CHECKING:
    from agent.scanning import Line, Plan, TextPlan
    from drivers.scan import Ending, Found, Limits
    from drivers.trials import Setting, Trial

BAR_CELLS = 24
CLEARED = "\r\033[K"
"""Where the bar was."""
PLAIN_EVERY = 50
"""Without a terminal: a line for so many questions."""
STOPPED = 130
"""As a shell has it after Ctrl-C."""


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="FILE LINE | URL")
@click.option("--baud", metavar="LIST", help="Speeds to try: 9600,19200. Else all that are in use.")
@click.option("--parity", metavar="LIST", help="N, E, O: N,E. Else all.")
@click.option("--units", metavar="LIST", help="Unit addresses: 1-247, 1,3,10-20. Else all.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0.01, 60),
    metavar="SECONDS",
    help="For an answer; else 0.15 on a serial port, 1 over TCP, 0.5 with --text.",
)
@click.option(
    "--seconds", type=click.FloatRange(1), default=300.0, show_default=True, help="It ends after so many."
)
@click.option("--text", is_flag=True, help="Who speaks Bayern-Hessen, C-Link or SDI-12, instead of Modbus?")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def scan(
    what: tuple[str, ...],
    *,
    baud: str | None,
    parity: str | None,
    units: str | None,
    wait_s: float | None,
    seconds: float,
    text: bool,
    as_json: bool,
) -> None:
    """Find the Modbus units on a line: at which speed, parity and address, and what they could be.

    Example: tram scan station.toml rs485

    Without a file: tram scan serial:///dev/ttyUSB0, tram scan tcp://10.0.0.5 --units 1-20

    It only reads. Stop the agent first: a line has one master. Ctrl-C ends it and shows what was found.
    Exits 1 when nobody was found, and when the line was lost before everything was tried.
    """
    from agent import scanning

    wishes = scanning.Wishes(baud, parity, units, wait_s, seconds)
    try:
        line = scanning.line_of(what)
        plan = scanning.text_plan_of(line, wishes) if text else scanning.plan_of(line, wishes)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    told = asyncio.run(_scan(line, plan, seconds))
    if as_json:
        click.echo(json.dumps(told.table, ensure_ascii=False, indent=2))
    else:
        say(told.text)
    if told.ending == "stopped":
        raise SystemExit(STOPPED)
    if not told.found or told.ending == "line lost":
        raise SystemExit(1)


class Told(NamedTuple):
    """The findings for programs and for people, how it ended, and how many there are."""

    table: dict[str, object]
    text: str
    ending: "Ending"
    found: int


async def _scan(line: "Line", plan: "Plan | TextPlan", seconds: float) -> Told:
    from agent.scanning import Plan
    from drivers.errors import Unreachable
    from drivers.scan import Limits

    shared = not (isinstance(plan, Plan) and line.where.numbered)
    if shared and await _agent_runs(line):
        raise _held(line)
    loop = asyncio.get_running_loop()
    limits = Limits(plan.wait_s, loop.time() + seconds)
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, limits.stop.set)
    try:
        return await (_find(line, plan, limits) if isinstance(plan, Plan) else _hail(line, plan, limits))
    except Unreachable as error:
        raise (_held(line) if await _agent_runs(line) else click.ClickException(str(error))) from error


async def _find(line: "Line", plan: "Plan", limits: "Limits") -> Told:
    from agent import scan_report
    from agent.scanning import duration
    from drivers.interview import everything
    from drivers.scan import Scan
    from drivers.scan_port import scan_port

    screen, began = Screen(bar=sys.stderr.isatty()), asyncio.get_running_loop().time()
    scanned = Scan(scan_port(line.where), plan.trials, limits, screen, everything())
    say(plan.text, err=True)
    ending = await scanned.run()
    took = duration(asyncio.get_running_loop().time() - began)
    screen.note(f"{len(scanned.found)} found, {plan.trials.done} of {plan.trials.total} tried in {took}")
    table = scan_report.as_table(scanned, line.where, ending, line.name)
    text = scan_report.as_text(scanned, line.where, ending, line.name)
    return Told(table, text, ending, len(scanned.found))


async def _hail(line: "Line", plan: "TextPlan", limits: "Limits") -> Told:
    from agent import hail_report
    from drivers.hails import Hailing
    from drivers.scan_port import text_port

    hailing = Hailing(text_port(line.where), plan.settings, limits)
    say(plan.text, err=True)
    ending = await hailing.run()
    text = hail_report.as_text(hailing, line.where, ending, line.name)
    return Told(hail_report.as_table(hailing, line.where, ending), text, ending, len(hailing.clear()))


async def _agent_runs(line: "Line") -> bool:
    """Whether the agent of the station file runs, which has all of its lines."""
    from agent import status
    from agent.station import store_of

    if line.file is None:
        return False
    try:
        await status.ask(status.socket_path(store_of(line.file)))
    except status.NotRunning:
        return False
    return True


def _held(line: "Line") -> click.ClickException:
    return click.ClickException(
        f'line "{line.name}": the running agent holds {line.where}; stop it first, a line has one master '
        "(systemctl stop tram, or Ctrl-C where it runs)"
    )


def _columns() -> int:
    """Of the terminal behind stderr; 80 when it does not say."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


def _bar(share: float, words: str, columns: int) -> str:
    """One row: where it breaks the next bar comes below and not in its place."""
    room = columns - 1
    cells = min(BAR_CELLS, room - len(words) - len("[] "))
    if cells <= 0:
        return words[:room]
    full = int(cells * share)
    return f"[{'#' * full}{'-' * (cells - full)}] {words}"


class Screen:
    """Progress on stderr: a bar on a terminal, else a line for each setting and each finding."""

    def __init__(self, *, bar: bool) -> None:
        self._bar = bar
        self._setting: Setting | None = None
        self._found = 0

    def trying(self, trial: "Trial", done: int, total: int) -> None:
        """See drivers.scan.Watcher."""
        at = f"{trial.setting} " if trial.setting else ""
        if self._bar:
            words = f"{done:>4}/{total} {at}unit {trial.unit:<3} {self._found} found "
            click.echo(f"\r{_bar(done / total, words, _columns())}\033[K", nl=False, err=True)
        elif trial.setting != self._setting or done % PLAIN_EVERY == 0:
            click.echo(f"{done} of {total}: {at}from unit {trial.unit}", err=True)
        self._setting = trial.setting

    def found(self, unit: "Found") -> None:
        """See drivers.scan.Watcher."""
        from agent.scan_report import unit_text

        self._found += 1
        self.note(unit_text(unit)[0])

    def note(self, text: str) -> None:
        """See drivers.scan.Watcher."""
        click.echo(f"{CLEARED if self._bar else ''}{harmless(text)}", err=True)
