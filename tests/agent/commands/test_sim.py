"""`tram sim` as a technician calls it."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import tram
from agent.station import load_station

STATION = """\
[station]
id = "NUO001"

[identity]
key = "keys/only-on-the-gateway.pem"

[[line]]
id = "lan"
url = "tcp://10.0.0.5:502"

[[line]]
id = "rs485"
url = "serial:///dev/ttyUSB9?baudrate=9600&parity=E"

[[device]]
id = "ph"
line = "lan"
driver = "modbus"
unit = 1
every = "5s"

[[device.channel]]
id = "pH"
table = "holding"
address = 0
type = "float32"
unit = "pH"
range = [0, 14]

[[device]]
id = "cod"
line = "rs485"
driver = "modbus"
unit = 4
every = "5s"

[[device.channel]]
id = "COD"
table = "holding"
address = 0
type = "float32"
unit = "mg/L"

[[destination]]
id = "so-tnmt"
kind = "mqtt"
url = "mqtt://10.0.0.9:1883"
ack = "broker"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(STATION)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(tram, ["sim", *map(str, arguments)])


@asynccontextmanager
async def twin(*arguments: str | Path) -> AsyncIterator[str]:
    """The command in a process of its own; gives its first line and ends it as Ctrl-C does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "agent", "sim", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    try:
        async with asyncio.timeout(20):
            first = await process.stdout.readline()
        if not first:
            raise AssertionError((await process.stderr.read()).decode())
        yield first.decode()
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.system
async def test_the_written_copy_polls_the_twin_with_a_key_of_its_own(file: Path) -> None:
    copy, log = file.with_name("rehearsal.toml"), file.with_name("served.jsonl")
    async with twin(file, "--json", "--write", copy, "--log", log, "--port", "lan=0") as said:
        told = json.loads(said)
        assert told["station"] == "NUO001"
        assert [device["device"] for device in told["devices"]] == ["ph", "cod"]
        assert told["written"] == str(copy)
        station = load_station(copy)
        assert station.destinations == ()
        assert station.identity.key == file.parent / "rehearsal.files" / "station.pem"
        for device in ("ph", "cod"):
            answered = await asyncio.to_thread(
                CliRunner().invoke, tram, ["read", str(copy), device, "--json"]
            )
            assert answered.exit_code == 0, answered.output
    assert {json.loads(row)["device"] for row in log.read_text().splitlines()} == {"ph", "cod"}
    assert not (file.parent / "rehearsal.files" / "rs485.tty").is_symlink()


@pytest.mark.system
async def test_the_copy_of_a_file_with_tls_trusts_the_twin_and_nobody_else(file: Path) -> None:
    copy = file.with_name("rehearsal.toml")
    file.write_text(STATION.replace('"tcp://10.0.0.5:502"', '"tls://plc.example"\nca = "keys/plc.pem"'))
    async with twin(file, "--json", "--write", copy, "--port", "lan=0") as said:
        assert json.loads(said)["lines"]["lan"].startswith("tls://127.0.0.1:")
        answered = await asyncio.to_thread(CliRunner().invoke, tram, ["read", str(copy), "ph", "--json"])
        assert answered.exit_code == 0, answered.output
    assert 'ca = "rehearsal.files/sim.cert.pem"' in copy.read_text()


@pytest.mark.system
async def test_for_people_it_says_line_by_line_where_each_device_is(file: Path) -> None:
    async with twin(file) as said:
        assert said.startswith("lan  tcp://127.0.0.1:")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--faults", "deaf"), "'deaf' is not a fault; there are silent, slow"),
        (("--faults", "silent/nobody"), "there is no device 'nobody'; there are ph, cod"),
        (("--port", "lan"), "write LINE=PORT; lines with a port: lan"),
        (("--port", "lan=70000"), "write LINE=PORT"),
        (("--port", "wan=502"), "write LINE=PORT"),
        (("--port", "rs485=5020"), "line rs485 is a serial line, which is served on a terminal of its own"),
    ],
)
def test_a_wrong_wish_is_one_line_that_says_what_would_be_right(
    file: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = run(file, *arguments)
    assert result.exit_code == 1
    assert words in result.output
    assert result.output.count("\n") == 1


@pytest.mark.system
def test_a_wished_port_that_is_taken_is_one_line_with_the_line_and_what_to_do(file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(file, "--port", f"lan={port}")
    assert result.exit_code == 1
    assert result.output == (
        f"Error: line lan cannot be served on port {port}: Address already in use; "
        "end the program that has it, or choose another: --port lan=PORT (0: any that is free)\n"
    )


def test_a_copy_never_overwrites_what_is_not_a_rehearsal(file: Path) -> None:
    for target in (file, file.with_name("other.toml")):
        target.write_text(STATION)
        result = run(file, "--write", target)
        assert result.exit_code == 1
        assert "is not a rehearsal, choose another name" in result.output
        assert target.read_text() == STATION


def test_a_recording_that_is_no_text_is_said_in_the_technicians_words(file: Path) -> None:
    recording = file.with_name("rs485.jsonl")
    recording.write_bytes(b"\x1f\x8b\xff")
    result = run(file, "--replay", recording)
    assert (result.exit_code, result.output) == (
        1,
        f"Error: {recording}: this is no recording of tram watch, and no text at all\n",
    )


def test_a_copy_never_overwrites_what_is_no_text(file: Path) -> None:
    target = file.with_name("photo.jpg")
    target.write_bytes(b"\xff\xd8\xff")
    result = run(file, "--write", target)
    assert (result.exit_code, target.read_bytes()) == (1, b"\xff\xd8\xff")
    assert "is not a rehearsal, choose another name" in result.output


def test_a_broken_station_file_is_told_as_everywhere(file: Path) -> None:
    file.write_text(STATION.replace('"float32"', '"float23"', 1))
    result = run(file)
    assert result.exit_code == 1
    assert "station.toml:" in result.output
    assert "float32" in result.output


def test_a_file_that_cannot_be_rewritten_is_said_in_one_line(file: Path) -> None:
    file.write_text(
        STATION.replace('[identity]\nkey = "keys/only-on-the-gateway.pem"\n', "").replace(
            "[station]", 'identity = { key = "k.pem" }\n[station]'
        )
    )
    result = run(file, "--write", file.with_name("copy.toml"))
    assert result.exit_code == 1
    assert "Error: write " in result.output
