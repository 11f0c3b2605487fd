"""`tram`: the one command, and what it has. A subcommand's module is imported when it is run."""

import io
import os
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Any

import click

from agent.version import VERSION

COMMANDS = {
    "init": "Make a station: its file, its keys, its fingerprint.",
    "check": "Say every mistake of a station file, or what the station will do.",
    "schema": "Print the JSON Schema of the station file, for editors.",
    "run": "Poll, sign, keep and deliver: the agent.",
    "status": "Ask the running agent how it is.",
    "doctor": "Look at everything a station needs, and say what to do.",
    "read": "Read one device once.",
    "scan": "Find the units on a line: speed, parity, address, profile.",
    "watch": "Show what passes on a line while the agent polls it.",
    "profiles": "List the instruments of the library, or show one.",
    "keys": "Make and show keys.",
    "verify": "Verify a ledger or an export, offline.",
    "export": "Write a stretch of the ledger as a file that any verifier reads.",
    "sim": "Serve every device of a station file: its twin.",
    "demo": "The whole story in a minute.",
    "central": "The receiving side: serve, enrol, list, verify.",
}
"""In the order of their use. The line stands here so that help imports nothing."""

EXPECTED = (
    ("config.errors", "StationFileError"),
    ("telemetry.keyfile", "KeyFileError"),
    ("telemetry.keys", "KeyRefused"),
    ("drivers.errors", "DriverError"),
    ("buffer.errors", "StoreError"),
    ("mqtt.errors", "MqttError"),
    ("central.errors", "CentreError"),
    ("agent.status", "NotRunning"),
    ("agent.watching", "WatchEnded"),
    ("agent.rehearsal", "RehearsalError"),
)
"""Module and class: named here and looked up where they are imported, so that no room is loaded for its errors."""


class Commands(click.Group):
    """A group whose commands are found by name and imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Those that are there."""
        return [name for name in COMMANDS if find_spec(f"agent.commands.{name}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported; None when there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(import_module(f"agent.commands.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its line from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - as click has it
        """As click's. Help and version, which are said before any command is invoked, end like a command."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if not _of_output(error):
                raise
            told = _for_people(error)
            told.show()
            raise SystemExit(told.exit_code) from None
        finally:
            _forget_unwritten()

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - what a command returns
        """Every error that was foreseen ends as a line on stderr and exit 1; --debug shows where it came from."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except foreseen() as error:
            if ctx.params["debug"]:
                traceback.print_exc()
            told = _for_people(error)
            if told is error:
                raise
            raise told from error


class Told(click.ClickException):
    """Errors that say themselves where they are: no "Error:" in front."""

    def show(self, file: IO[Any] | None = None) -> None:
        """On stderr, as they are."""
        click.echo(self.message, err=file is None, file=file)


def foreseen() -> tuple[type[Exception], ...]:
    """The errors that a person can do something about, of the rooms that are in use."""
    rooms = [(sys.modules[module], name) for module, name in EXPECTED if module in sys.modules]
    here: list[type[Exception]] = [getattr(room, name) for room, name in rooms]
    return (OSError, ImportError, click.ClickException, ExceptionGroup, *here)


def _for_people(error: Exception) -> click.ClickException:
    if isinstance(error, click.ClickException) and type(error) is not click.ClickException:
        return error  # a wrong use, in click's words
    from agent.shown import harmless

    if type(error).__name__ == "StationFileError":
        return Told(harmless(str(error)))
    return click.ClickException(harmless(_words(error)))


def _words(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.message
    if isinstance(error, ExceptionGroup):
        return "\n".join(_for_people(each).message for each in _leaves(error))
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name} is missing, install it with pip"
    if isinstance(error, OSError) and _of_output(error):
        return f"the output cannot be written: {error.strerror}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _of_output(error: OSError) -> bool:
    """Whether it came of saying something: a full disk behind `> file`. Such an error names no file."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code is click.echo.__code__


def _forget_unwritten() -> None:
    """What the output does not take is tried once more at the end of Python, which would have the last word."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leaves(group: ExceptionGroup[Exception]) -> list[Exception]:
    """The errors of a group, when all were foreseen; else the group goes on as what it is: a defect."""
    leaves: list[Exception] = []
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            leaves += _leaves(error)
        elif isinstance(error, foreseen()):
            leaves.append(error)
        else:
            raise group
    return leaves


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, envvar="TRAM_DEBUG", help="Show where an error came from.")
@click.version_option(VERSION, prog_name="tram")
def tram(debug: bool) -> None:
    """Poll a station's analyzers, sign what they say, keep it, deliver it.

    Example: tram init my-station --station BD_VSIP_NUO001
    """
    # A name in Vietnamese on a terminal that has no such letters is shown with gaps, and the command does its work.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    # pydantic looks through every installed package for plugins: a tenth of the start, and foreign code.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
