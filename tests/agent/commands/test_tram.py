"""The one command: it finds the others without loading them, and says errors in a line."""

import errno
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import COMMANDS, Commands, tram
from config.errors import Problem, StationFileError
from drivers.errors import Unreachable
from telemetry.keyfile import KeyFileError

ROOMS = ("pydantic", "cryptography", "config", "drivers", "telemetry", "buffer", "mqtt", "sim", "central")


def ended(error: BaseException, *options: str) -> Result:
    """How `tram` ends when a command raises this."""

    def fail() -> None:
        raise error

    class One(Commands):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return click.Command(cmd_name, callback=fail)

    group = One(name="tram", params=tram.params, callback=lambda **_: None)
    return CliRunner().invoke(group, [*options, "any"])


def test_help_lists_every_command_that_is_there_in_the_order_of_use() -> None:
    result = CliRunner().invoke(tram, ["--help"])
    listed = [
        line.split()[0] for line in result.output.partition("Commands:")[2].splitlines() if line.strip()
    ]
    assert listed == [name for name in COMMANDS if name in listed]
    assert {"init", "check", "schema", "run", "status", "read"} <= set(listed)


@pytest.mark.system
def test_help_loads_no_room() -> None:
    loaded = f"[m for m in {ROOMS!r} if m in sys.modules]"
    code = (
        "import sys\nfrom agent.commands.tram import tram\n"
        f"try: tram(['--help'])\nexcept SystemExit: print('loaded', {loaded})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded []\n")


@pytest.mark.parametrize("name", Commands().list_commands(click.Context(tram)))
def test_each_module_has_a_command_of_its_name_with_an_example_in_its_help(name: str) -> None:
    command = getattr(import_module(f"agent.commands.{name}"), name)
    assert isinstance(command, click.Command)
    assert "xample" in (command.help or ""), name


@pytest.mark.parametrize("name", ["central", "keys"])
def test_the_lines_of_a_groups_help_are_whole_on_a_narrow_terminal(name: str) -> None:
    result = CliRunner().invoke(tram, [name, "--help"], terminal_width=80)
    listed = result.output.partition("Commands:")[2].split("\n  ")[1:]
    assert listed
    assert all(line.rstrip().endswith(".") and "..." not in line for line in listed), listed


def test_a_command_that_does_not_exist_is_a_wrong_use() -> None:
    result = CliRunner().invoke(tram, ["chek"])
    assert result.exit_code == 2
    assert "No such command 'chek'" in result.output


def test_the_version_is_said() -> None:
    assert CliRunner().invoke(tram, ["--version"]).output.startswith("tram, version ")


def test_a_station_file_error_is_its_lines_and_nothing_else() -> None:
    problems = [
        Problem("station.toml", 16, 'device "ph".port', "is too large"),
        Problem("station.toml", 2, "", "x"),
    ]
    result = ended(StationFileError(problems))
    assert result.stderr == 'station.toml:2: x\nstation.toml:16: device "ph".port: is too large\n'
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyFileError("keys/a.pem: there is a key already"), "keys/a.pem: there is a key already"),
        (OSError(errno.EACCES, "Permission denied", "/dev/ttyUSB0"), "/dev/ttyUSB0: Permission denied"),
        (OSError("no route"), "no route"),
        (ModuleNotFoundError("No module named 'iotcore'", name="iotcore"), "the package iotcore is missing"),
        (click.ClickException("as it is"), "as it is"),
        (Unreachable("10.0.0.5:502 does not answer"), "10.0.0.5:502 does not answer"),
        (ExceptionGroup("tasks", [OSError("one"), ExceptionGroup("more", [OSError("two")])]), "one\ntwo"),
    ],
)
def test_an_error_that_was_foreseen_is_said_without_a_traceback(error: Exception, line: str) -> None:
    result = ended(error)
    assert result.stderr.startswith(f"Error: {line}")
    assert "Traceback" not in result.output
    assert result.exit_code == 1


@pytest.mark.parametrize("kind", [Unreachable, click.ClickException])
def test_what_an_error_quotes_does_nothing_on_a_terminal(kind: type[Exception]) -> None:
    assert ended(kind("it says \x1b[2J")).stderr == "Error: it says \\x1b[2J\n"


def test_debug_shows_where_an_error_came_from() -> None:
    result = ended(KeyFileError("keys/a.pem: no"), "--debug")
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("Error: keys/a.pem: no\n")


def test_a_defect_is_not_dressed_up() -> None:
    assert isinstance(ended(ZeroDivisionError()).exception, ZeroDivisionError)


def test_a_defect_among_errors_that_were_foreseen_stays_a_defect() -> None:
    group = ExceptionGroup("tasks", [OSError("one"), ZeroDivisionError()])
    assert ended(group).exception is group


def test_a_reader_that_went_away_is_no_error_of_ours() -> None:
    assert "Error" not in ended(BrokenPipeError(errno.EPIPE, "Broken pipe")).output


@pytest.mark.system
def test_letters_that_the_terminal_does_not_have_end_no_command() -> None:
    code = "from agent.commands.tram import tram\ntram(['doctor', 'none.toml', '--lang', 'vi', '--json'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert b"Traceback" not in done.stderr
    assert json.loads(done.stdout.decode("latin-1"))["ok"] is False


@pytest.mark.system
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["check", "--help"], ["profiles"], ["doctor", "none.toml"]]
)
def test_an_output_that_is_full_is_one_sentence_and_no_success(arguments: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "agent", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert done.stderr == b"Error: the output cannot be written: No space left on device\n"
    assert done.returncode == 1
