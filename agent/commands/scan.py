"""`tram scan`: who is on this line?"""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from drivers.line import Endpoint
    from drivers.scan import Ending, Found, Scan
    from drivers.trials import Setting, Trial, Trials

SERIAL_WAIT_S, NETWORK_WAIT_S = 0.15, 1.0
BAR_CELLS = 24
STOPPED = 130
"""As a shell has it after Ctrl-C."""


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
    where: "Endpoint"
    own: "Setting | None"
    file: Path | None = None


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="FILE LINE | URL")
@click.option("--baud", metavar="LIST", help="Speeds to try: 9600,19200. Else all that are in use.")
@click.option("--parity", metavar="LIST", help="N, E, O: N,E. Else all.")
@click.option("--units", metavar="LIST", help="Unit addresses: 1-247, 1,3,10-20. Else all.")
@click.option(
    "--wait", "wait_s", type=float, help="Seconds for an answer; 0.15 on a serial port, 1 over TCP."
)
@click.option("--seconds", default=300.0, show_default=True, help="It ends after so long.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def scan(
    what: tuple[str, ...],
    *,
    baud: str | None,
    parity: str | None,
    units: str | None,
    wait_s: float | None,
    seconds: float,
    as_json: bool,
) -> None:
    """Find the Modbus units on a line: at which speed, parity and address, and what they could be.

    Example: tram scan station.toml rs485

    Without a file: tram scan serial:///dev/ttyUSB0, tram scan tcp://10.0.0.5 --units 1-20

    It only reads. Stop the agent first: a line has one master. Ctrl-C ends it and shows what was found.
    """
    from agent import scan_report

    line = _line(what)
    wishes = Wishes(baud, parity, units, wait_s, seconds)
    try:
        plan = _plan(line, wishes)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    scanned, ending = asyncio.run(_run(line, plan, wishes))
    if as_json:
        table = scan_report.as_table(scanned, line.where, ending, line.name)
        click.echo(json.dumps(table, ensure_ascii=False, indent=2))
    else:
        click.echo(scan_report.as_text(scanned, line.where, ending, line.name))
    if ending == "stopped":
        raise SystemExit(STOPPED)
    if not scanned.found:
        raise SystemExit(1)


def _line(what: tuple[str, ...]) -> Line:
    from drivers.line import SerialPort, ThisMachine, endpoint
    from drivers.trials import Setting

    file, name, url = _named(what)
    try:
        where = endpoint(_whole(url))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if isinstance(where, ThisMachine):
        raise click.ClickException(f"{url} is this machine itself: there is nobody to be found")
    serial = isinstance(where, SerialPort)
    own = (
        Setting(where.baudrate, where.parity)
        if isinstance(where, SerialPort) and "baudrate=" in url
        else None
    )
    return Line(name or ("rs485" if serial else "lan"), where, own, file)


def _named(what: tuple[str, ...]) -> tuple[Path | None, str, str]:
    """The file and the id of the line, where they were given, and its url."""
    from agent.station import lines_of

    if len(what) == 1 and "/" in what[0] and not what[0].endswith(".toml"):
        return None, "", what[0]
    if len(what) != 2:
        raise click.ClickException(
            "write a station file and a line of it, or a url: tram scan station.toml rs485, "
            "tram scan serial:///dev/ttyUSB0"
        )
    file, name = what
    urls = lines_of(Path(file))
    if name not in urls:
        raise click.ClickException(f'{file} has no line "{name}"; it has: {", ".join(urls)}')
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

    trials: "Trials"
    wait_s: float
    text: str


def _plan(line: Line, wishes: Wishes) -> Plan:
    """ValueError: an option that means nothing."""
    from drivers import trials
    from drivers.line import SerialPort

    serial = isinstance(line.where, SerialPort)
    if not serial and (wishes.baud or wishes.parity):
        raise ValueError(
            "a line over the network has no speed and parity of ours: leave --baud and --parity out"
        )
    allowed = trials.TCP_UNITS if line.where.numbered else trials.SERIAL_UNITS
    units = trials.unit_numbers(wishes.units or "1-247", allowed=allowed)
    wait_s = wishes.wait_s or (SERIAL_WAIT_S if serial else NETWORK_WAIT_S)
    if not serial:
        whole_s = trials.longest_s([None], len(units), wait_s, shared=not line.where.numbered)
        return Plan(trials.network_trials(units), wait_s, _estimate(line, "", len(units), whole_s, wishes))
    baudrates = trials.baudrate_numbers(wishes.baud) if wishes.baud else ()
    parities = trials.parity_letters(wishes.parity) if wishes.parity else ()
    every = trials.settings(line.own, baudrates, parities)
    whole_s = trials.longest_s(every, len(units), wait_s, shared=True)
    first = f"{len(every)} settings ({every[0]} first) x " if len(every) > 1 else f"{every[0]}, "
    text = _estimate(line, first, len(units), whole_s, wishes)
    return Plan(trials.serial_trials(every, units, line.own), wait_s, text)


def _estimate(line: Line, settings: str, units: int, whole_s: float, wishes: Wishes) -> str:
    limit = f"; it ends after {_duration(wishes.seconds)} (--seconds), the likely ones come first"
    return (
        f"{line.where}: {settings}{units} addresses, {_duration(whole_s)} if nobody answers"
        f"{limit if whole_s > wishes.seconds else ''}. It only reads. Ctrl-C ends it."
    )


async def _run(line: Line, plan: Plan, wishes: Wishes) -> "tuple[Scan, Ending]":
    from drivers.errors import Unreachable
    from drivers.interview import everything
    from drivers.scan import Limits, Scan
    from drivers.scan_port import scan_port

    if not line.where.numbered and await _agent_runs(line):
        raise _held(line)
    loop = asyncio.get_running_loop()
    limits = Limits(plan.wait_s, loop.time() + wishes.seconds)
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, limits.stop.set)
    screen = Screen(bar=sys.stderr.isatty())
    scanned = Scan(scan_port(line.where), plan.trials, limits, screen, everything())
    click.echo(plan.text, err=True)
    began = loop.time()
    try:
        ending = await scanned.run()
    except Unreachable as error:
        raise (_held(line) if await _agent_runs(line) else click.ClickException(str(error))) from error
    screen.end(f"{len(scanned.found)} found, {plan.trials.done} tried in {_duration(loop.time() - began)}")
    return scanned, ending


async def _agent_runs(line: Line) -> bool:
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


def _held(line: Line) -> click.ClickException:
    return click.ClickException(
        f'line "{line.name}": the running agent holds {line.where}; stop it first, a line has one master '
        "(systemctl stop tram, or Ctrl-C where it runs)"
    )


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
            full = BAR_CELLS * done // total
            bar = "#" * full + "-" * (BAR_CELLS - full)
            click.echo(
                f"\r[{bar}] {done:>4}/{total} {at}unit {trial.unit:<3} {self._found} found \033[K",
                nl=False,
                err=True,
            )
        elif trial.setting != self._setting:
            click.echo(f"{done} of {total}: {at}from unit {trial.unit}", err=True)
        self._setting = trial.setting

    def found(self, unit: "Found") -> None:
        """See drivers.scan.Watcher."""
        from agent.scan_report import unit_text

        self._found += 1
        self.note(unit_text(unit)[0])

    def note(self, text: str) -> None:
        """See drivers.scan.Watcher."""
        click.echo(f"\r\033[K{text}" if self._bar else text, err=True)

    def end(self, text: str) -> None:
        """The last line."""
        self.note(text)


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
