"""`tram scan` as a technician calls it: on a line with five instruments at two speeds, and behind TCP addresses."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import termios
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import serial
from click.testing import CliRunner, Result

from agent.commands.scan import Screen
from agent.commands.tram import tram
from agent.scan_report import as_text
from agent.station import load_station
from drivers.endpoint import TcpHost as TcpEndpoint
from drivers.protocols.modbus_rtu import take_request
from drivers.scan import Found, Limits, Scan
from drivers.scan_port import scan_port
from drivers.trials import Setting, Trial, Trials
from sim import twin
from sim.face import Face
from sim.hosts.tcp import TcpHost
from sim.served import ServedLog
from sim.wire import Wire
from tests.sim.bench import ph_meter
from tests.sim.scan_line import SPEEDS, KeptLine, five

READS = {1, 2, 3, 4, 0x2B}

STATION = """\
[station]
id = "NUO001"

[[line]]
id = "rs485"
url = "{url}"

[[line]]
id = "here"
url = "local://"

[[device]]
id = "ph"
line = "rs485"
driver = "modbus"
unit = 3
every = "5s"

[[device.channel]]
id = "pH"
table = "holding"
address = 0
type = "float32"
unit = "pH"

[[destination]]
id = "so-tnmt"
kind = "mqtt"
url = "mqtt://10.0.0.9:1883"
ack = "broker"
"""


@asynccontextmanager
async def tram_scan(*arguments: str | Path) -> AsyncIterator[Process]:
    """The command in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent", "scan", *map(str, arguments), stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def scanned(*arguments: str | Path, within_s: float = 60) -> tuple[int, str, str]:
    """Exit code, what it found, what it said meanwhile."""
    async with tram_scan(*arguments) as process, asyncio.timeout(within_s):
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


def questions(received: bytearray) -> list[tuple[int, bytes]]:
    """Everything that was sent as (unit, PDU); fails when a byte is left over or a frame is damaged."""
    rest, asked = bytearray(received), []
    while rest:
        request = take_request(rest)
        assert request is not None, f"half a question is left: {rest.hex(' ')}"
        asked.append(request)
    return asked


@pytest.mark.system
async def test_five_units_at_two_speeds_are_all_found() -> None:
    async with KeptLine(five()) as line:
        began = time.monotonic()
        code, out, err = await scanned(
            line.path, "--baud", "9600,19200", "--units", "1-40,195-247", "--wait", "0.01", "--json"
        )
        print(f"5 units at 2 speeds, 2 x 93 addresses: {time.monotonic() - began:.1f} s")
        assert code == 0, err
        assert err.splitlines()[-1].startswith("5 found, 186 of 186 tried in "), "and how long it took"
        found = json.loads(out)
        assert {unit["unit"]: unit["setting"] for unit in found["units"]} == {
            unit: f"{speed} 8N1" for unit, speed in SPEEDS.items()
        }
        assert found["ending"] == "complete"
        guesses = {unit["unit"]: [fit["profile"] for fit in unit["profiles"]] for unit in found["units"]}
        assert "hach-sc" in guesses[3]
        assert guesses[12][0] == "siemens-ga700"
        assert guesses[247][0] == "endress-cm44"
        assert found["units"][1]["name_plate"] == ["Siemens", "SIPROCESS GA700", "05"]
        asked = questions(line.received)
        assert {pdu[0] for _, pdu in asked} <= READS, "nothing but reads ever left"
        assert {unit for unit, _ in asked} == {*range(1, 41), *range(195, 248)}, (
            "and nothing went to everybody (unit 0)"
        )


@pytest.mark.system
async def test_it_reads_like_a_page_for_the_technician() -> None:
    async with KeptLine(five()) as line:
        code, out, err = await scanned(
            line.path, "--baud", "9600,19200", "--parity", "N,E", "--units", "1-16,200", "--wait", "0.02"
        )
    assert code == 0
    first = err.splitlines()[0]
    assert first.startswith(f"{line.path}: 4 settings (9600 8N1 first) x 17 addresses, ")
    assert first.endswith(" if nobody answers. It only reads. Ctrl-C ends it.")
    assert (
        "unit 12   9600 8N1  answers\n    name plate: Siemens, SIPROCESS GA700, 05\n    probably siemens-ga700"
        in out
    )
    assert f'url = "serial://{line.path}?baudrate=9600&parity=N"' in out
    assert (
        'id = "siemens-ga700-12"\nline = "rs485"\ndriver = "modbus"\nunit = 12\nevery = "10s"\nprofile = '
        in out
    )
    assert (
        "# A line has one speed. Set these to 9600 8N1 in their menus, then add them:\n#   unit 5, now 19200"
        in out
    )
    assert "This port cannot do 9600 8E1, 19200 8E1: not tried." in out
    assert "\r" not in err, "without a terminal there is no bar"


@pytest.mark.system
async def test_what_it_prints_for_the_station_file_is_a_station_file(tmp_path: Path) -> None:
    async with KeptLine({12: five()[12], 247: replace(five()[247], baudrate=9600)}) as line:
        _, out, _ = await scanned(line.path, "--baud", "9600", "--units", "12,247", "--wait", "0.02")
    tables = out.partition("For the station file:\n")[2]
    file = tmp_path / "station.toml"
    head, tail = STATION.partition("[[line]]")[0], STATION.partition("[[destination]]")[2]
    file.write_text(f"{head}{tables}\n[[destination]]{tail}", encoding="utf-8")
    checked = CliRunner().invoke(tram, ["check", str(file)])
    assert "the private key" in checked.output
    assert checked.output.count("\n") == 1, "nothing is wrong but that this machine has no key"


@pytest.mark.system
async def test_ctrl_c_leaves_the_line_clean_and_says_what_was_found_so_far() -> None:
    async with KeptLine(five()) as line, tram_scan(line.path, "--wait", "0.05") as process:
        assert process.stderr is not None
        async with asyncio.timeout(20):
            while b"unit 3 " not in await process.stderr.readline():
                pass
            process.send_signal(signal.SIGINT)
            out, _ = await process.communicate()
        assert process.returncode == 130
        assert b"stopped by you before everything was tried" in out
        assert b"unit 3    9600 8N1  answers" in out
        assert b'url = "serial://' in out
        assert questions(line.received), "every question is whole"
        serial.Serial(line.path, exclusive=True).close()  # the lock is gone


@pytest.mark.system
@pytest.mark.parametrize("text", [(), ("--text",)])
async def test_ctrl_c_in_a_long_wait_ends_within_a_second_and_the_line_is_clean(
    text: tuple[str, ...],
) -> None:
    async with KeptLine({}) as line, tram_scan(line.path, "--wait", "60", "--baud", "9600", *text) as process:
        async with asyncio.timeout(20):
            while not line.received:
                await asyncio.sleep(0.01)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            out, _ = await process.communicate()
        print(f"Ctrl-C in a wait of 60 s: {time.monotonic() - began:.1f} s")
        assert process.returncode == 130
        assert b"stopped by you before everything was tried" in out
        assert text or questions(line.received), "every question is whole"
        serial.Serial(line.path, exclusive=True).close()  # the lock is gone


@pytest.mark.system
@pytest.mark.parametrize("for_programs", [False, True])
async def test_a_line_that_is_lost_in_the_middle_is_no_success_whatever_was_found(for_programs: bool) -> None:
    line = KeptLine(five())
    as_json = ("--json",) if for_programs else ()
    async with line, tram_scan(line.path, "--wait", "0.05", "--baud", "9600,19200", *as_json) as process:
        assert process.stderr is not None
        async with asyncio.timeout(20):
            while b"unit 3 " not in await process.stderr.readline():
                pass
            line.unplug()
            said, _ = await process.communicate()
    out = said.decode()
    assert process.returncode == 1
    if for_programs:
        found = json.loads(out)
        assert (found["ending"], [unit["unit"] for unit in found["units"]]) == ("line lost", [3])
    else:
        assert "the line was lost before everything was tried" in out
        assert "unit 3    9600 8N1  answers" in out
        assert re.search(r"^Not asked: at 9600 8N1 units \d+-247; at .* 8N1 units 1-247; .*\.$", out, re.M)


@pytest.mark.system
async def test_a_line_that_another_program_holds_is_left_alone() -> None:
    async with KeptLine(five()) as line:
        with serial.Serial(line.path, exclusive=True):
            code, out, err = await scanned(line.path, "--baud", "9600")
        assert (code, out) == (1, "")
        assert err.splitlines()[-1] == (
            f"Error: {line.path}: another program holds it; stop that program (fuser -v {line.path} names it)"
        )
        assert line.received == b""


@pytest.mark.system
async def test_a_line_of_the_running_agent_is_left_alone_and_the_agent_is_named(tmp_path: Path) -> None:
    async with KeptLine(five()) as line:
        file = tmp_path / "station.toml"
        file.write_text(STATION.format(url=f"serial://{line.path}?baudrate=9600"), encoding="utf-8")
        (tmp_path / "data").mkdir()
        server = await asyncio.start_unix_server(_status, tmp_path / "data" / "agent.sock")
        code, out, err = await scanned(file, "rs485")
        server.close()
    assert (code, out) == (1, "")
    assert err == (
        f'Error: line "rs485": the running agent holds {line.path}; stop it first, a line has one master '
        "(systemctl stop tram, or Ctrl-C where it runs)\n"
    )
    assert line.received == b""


async def _status(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"{}")
    writer.close()


@pytest.mark.system
async def test_a_line_of_the_station_file_is_scanned_at_its_own_setting_first(tmp_path: Path) -> None:
    async with KeptLine(five()) as line:
        file = tmp_path / "station.toml"
        file.write_text(STATION.format(url=f"serial://{line.path}?baudrate=19200"), encoding="utf-8")
        code, out, err = await scanned(file, "rs485", "--units", "3,5", "--wait", "0.02")
    assert code == 0
    assert f"{line.path}: 24 settings (19200 8N1 first) x 2 addresses" in err
    assert out.index("unit 3 ") < out.index("unit 5 ")
    assert '[[line]]\nid = "rs485"' in out


@pytest.mark.system
async def test_a_range_of_units_behind_a_gateway() -> None:
    wire = Wire("lan", Face({4: ph_meter("a"), 9: ph_meter("b")}, gateway=True))
    async with TcpHost(wire) as host:
        code, out, err = await scanned(f"tcp://{host.host}:{host.port}", "--units", "1-20")
    assert code == 0, err
    assert "unit 4    answers\n    name plate: Tram, Bench pH, 1" in out
    assert "unit 9    answers" in out
    assert "unit 5" not in out
    assert f'url = "tcp://{host.host}:{host.port}"' in out


@pytest.mark.system
async def test_nobody_is_said_with_what_to_check_in_which_order() -> None:
    async with KeptLine({}) as line:
        code, out, _ = await scanned(line.path, "--units", "1-3", "--baud", "9600", "--wait", "0.01")
    assert code == 1
    assert "Nobody answered. Check in this order:\n  1  is the instrument switched on" in out


def test_noise_behind_a_serial_server_has_no_setting() -> None:
    where = TcpEndpoint("10.0.0.5", 4001, rtu=True)
    scan = Scan(scan_port(where), Trials([]), Limits(1.0, 0.0), Screen(bar=False), ())
    scan.garbled = [Trial(None, 7)]
    assert "\nunit 7: twice something was heard that is no answer: " in as_text(
        scan, where, "complete", "lan"
    )


def test_on_a_terminal_there_is_one_bar_that_grows(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(bar=True)
    screen.trying(Trial(Setting(9600), 3), 50, 100)
    screen.found(Found(Setting(9600), 3))
    screen.trying(Trial(Setting(9600), 4), 51, 100)
    said = capsys.readouterr().err
    assert "\r[############------------]   50/100 9600 8N1 unit 3   0 found " in said
    assert "\nunit" not in said.partition("unit 3    9600 8N1  answers\n")[0], (
        "a finding takes the bar's place"
    )
    assert said.endswith("1 found ")
    assert said.count("\n") == 1


@pytest.mark.system
@pytest.mark.parametrize("columns", [20, 40, 80])
def test_the_bar_is_one_row_of_the_terminal_however_narrow(columns: int) -> None:
    near, far = os.openpty()
    termios.tcsetwinsize(far, (24, columns))
    code = (
        "from agent.commands.scan import Screen\nfrom drivers.trials import Setting, Trial\n"
        "Screen(bar=True).trying(Trial(Setting(115200), 247), 4711, 5928)"
    )
    subprocess.run([sys.executable, "-c", code], stderr=far, check=True)
    said = os.read(near, 4096).decode()
    os.close(near)
    os.close(far)
    assert said.startswith("\r")
    assert said.endswith("\033[K")
    assert len(said) - len("\r\033[K") < columns
    assert "4711/5928" in said


def test_without_a_terminal_there_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(bar=False)
    for done in range(1, 121):
        screen.trying(Trial(None, done), done, 247)
    assert capsys.readouterr().err.splitlines() == [
        "50 of 247: from unit 50",
        "100 of 247: from unit 100",
    ]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(tram, ["scan", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rs485",), "write a station file and a line of it, or a url"),
        (("a", "b", "c"), "write a station file and a line of it, or a url"),
        (("FILE", "rs232"), 'has no line "rs232"; it has: rs485, here'),
        (("FILE", "here"), "local:// is this machine itself: there is nobody to be found"),
        (
            ("udp://10.0.0.5",),
            "Modbus over UDP is not scanned; serial:// with RTU, tcp:// and rtu+tcp:// are",
        ),
        (("serial:///dev/ttyUSB0", "--text", "--units", "1-5"), "leave --units and --parity out"),
        (("tcp://10.0.0.5:4001", "--text", "--baud", "9600"), "leave --baud out"),
        (("tls://10.0.0.5",), "a line with TLS is not scanned"),
        (("ascii+tcp://10.0.0.5:4001",), "Modbus ASCII is not scanned"),
        (("serial:///dev/ttyUSB0?framer=ascii",), "Modbus ASCII is not scanned"),
        (("serial:///dev/ttyUSB0", "--baud", "9601"), '"9601" is no speed of a line'),
        (("serial:///dev/ttyUSB0", "--parity", "M"), "parity is N (none), E (even) or O (odd)"),
        (("serial:///dev/ttyUSB0", "--units", "0-5"), "unit addresses are 1 to 247 here"),
        (("tcp://10.0.0.5", "--baud", "9600"), "leave --baud and --parity out"),
        (("/dev/tram-is-not-here",), "there is no such device"),
    ],
)
def test_what_cannot_be_scanned_is_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    file = tmp_path / "station.toml"
    file.write_text(STATION.format(url="serial:///dev/tram-is-not-here?baudrate=9600"), encoding="utf-8")
    result = run(*[str(file) if word == "FILE" else word for word in arguments])
    assert result.exit_code == 1
    assert words in result.output
    assert os.linesep not in result.output.partition("Error: ")[2].strip()


AIR = """\
[station]
id = "NUO001"

[[line]]
id = "air"
url = "tcp://127.0.0.1:4001"

[[device]]
id = "so2"
line = "air"
driver = "bayern_hessen"
unit = 14
every = "10s"
dialect = "thermo"
values = 1
channel = [{ id = "SO2", field = "1", unit = "ppb", range = [0, 500] }]

[[destination]]
id = "x"
url = "mqtt://10.0.0.9"
ack = "broker"
"""


@pytest.mark.system
async def test_an_air_analyzer_that_speaks_bayern_hessen_is_found_with_text(tmp_path: Path) -> None:
    for url in ("tcp://127.0.0.1:4001", "serial:///dev/ttyUSB9?baudrate=19200"):
        file = tmp_path / "station.toml"
        file.write_text(AIR.replace("tcp://127.0.0.1:4001", url), encoding="utf-8")
        wishes = twin.Wishes(ports={"air": 0})
        async with twin.serve(load_station(file, elsewhere=True), wishes, ServedLog(keep=0)) as (urls, _):
            served = urls["air"].partition("?")[0]
            baud = () if url.startswith("tcp") else ("--baud", "9600,19200")
            code, out, err = await scanned(served, "--text", "--wait", "0.2", *baud)
        assert code == 0, err
        at = "" if url.startswith("tcp") else "  19200 8N1"
        assert f"Bayern-Hessen{at}  address 014: .MD01 014 +" in out
        assert 'driver = "bayern_hessen"\nunit = 14\n' in out
        assert out.count("[[device]]") == 1
        assert "It asks who is there and changes nothing." in err


@pytest.mark.system
async def test_a_probe_alone_on_an_sdi_12_adapter_is_found_with_text(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    probe = 'driver = "sdi12"\nunit = "3"\nevery = "60s"\nchannel = [{ id = "1", unit = "m" }]\n\n'
    head, tail = AIR.partition('driver = "bayern_hessen"')[0], AIR.partition("[[destination]]")[2]
    text = f"{head}{probe}[[destination]]{tail}"
    file.write_text(
        text.replace("tcp://127.0.0.1:4001", "serial:///dev/ttyUSB9?baudrate=9600"), encoding="utf-8"
    )
    async with twin.serve(load_station(file, elsewhere=True), twin.Wishes(), ServedLog(keep=0)) as (urls, _):
        code, out, err = await scanned(
            urls["air"].partition("?")[0], "--text", "--wait", "0.1", "--baud", "9600"
        )
    assert code == 0, err
    assert "SDI-12  9600 8N1  address 3: 3.." in out
    assert 'driver = "sdi12"\nunit = "3"\n' in out


@pytest.mark.system
async def test_an_anemometer_that_talks_by_itself_is_heard_at_its_own_speed(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    wind = 'driver = "nmea0183"\nevery = "5s"\nchannel = [{ id = "wind_speed", unit = "m/s" }]\n\n'
    head, tail = AIR.partition('driver = "bayern_hessen"')[0], AIR.partition("[[destination]]")[2]
    text = f"{head}{wind}[[destination]]{tail}"
    file.write_text(
        text.replace("tcp://127.0.0.1:4001", "serial:///dev/ttyUSB9?baudrate=4800"), encoding="utf-8"
    )
    async with twin.serve(load_station(file, elsewhere=True), twin.Wishes(), ServedLog(keep=0)) as (urls, _):
        served = urls["air"].partition("?")[0]
        code, out, _ = await scanned(served, "--text", "--wait", "0.3", "--baud", "4800,19200")
    assert code == 1
    assert "at 4800 8N1 lines of text are heard that answer nobody, so the speed is right" in out
    assert "$WIMWV" in out
    assert "at 19200 8N1 lines of text" not in out


@pytest.mark.system
async def test_nobody_who_speaks_is_said_with_what_was_not_asked() -> None:
    async with KeptLine({}) as line:
        code, out, _ = await scanned(line.path, "--text", "--baud", "9600", "--wait", "0.02", "--json")
        assert (code, json.loads(out)["instruments"]) == (1, [])
        code, out, _ = await scanned(line.path, "--text", "--baud", "9600", "--wait", "0.02")
    assert code == 1
    assert "Nobody who speaks Bayern-Hessen, C-Link or SDI-12 answered. Not asked here: Modbus" in out
