"""`tram watch` as a technician calls it, and what the screen says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import tram
from agent.commands.watch import Screen, devices_on
from agent.station import load_station
from agent.watching import About, Missed
from drivers.cutting import Framing
from drivers.frames import Frame, Frames
from drivers.protocols import modbus_ascii, modbus_rtu
from drivers.tap import Kind, Passed

STATION = """\
[station]
id = "NUO001"
timezone = "Asia/Ho_Chi_Minh"

[[line]]
id = "rs485"
url = "serial:///dev/ttyUSB9?baudrate=9600&parity=E"

[[line]]
id = "tank"
url = "tcp://10.0.0.6:4001"

[[device]]
id = "cod"
line = "rs485"
driver = "modbus"
unit = 4
every = "5s"

[[device.channel]]
id = "COD"
table = "input"
address = 0
type = "float32"
unit = "mg/L"

[[device]]
id = "level"
line = "tank"
driver = "ascii"
every = "5s"
request = 'LEV?\\r'
pattern = 'LEV {level} m'

[[device.channel]]
id = "level"
unit = "m"

[[destination]]
id = "so-tnmt"
kind = "mqtt"
url = "mqtt://10.0.0.9:1883"
ack = "broker"
"""
READ = modbus_rtu.encode_frame(4, bytes.fromhex("04 00 00 00 02"))
ANSWER = modbus_rtu.encode_frame(4, bytes.fromhex("04 04 41 BC DD 11"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(STATION)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(tram, ["watch", *map(str, arguments)])


def screen(file: Path, line: str, framing: Framing, *, as_json: bool = False) -> Screen:
    station = load_station(file, elsewhere=True)
    url = "serial:///dev/ttyUSB9?baudrate=9600"
    wall = datetime(2026, 11, 29, 10, 0, 0, tzinfo=UTC)
    about = About("NUO001", "tram 0.1.0", line, url, framing, False, 100.0, wall)
    return Screen(about, ZoneInfo(station.timezone), devices_on(station, line), as_json=as_json)


def passed(framing: Framing, *told: tuple[float, Kind, bytes]) -> list[Frame]:
    frames, seen = Frames(framing), []
    for at_s, kind, octets in told:
        seen += frames.feed(Passed(100 + at_s, kind, octets, "as it was said"))
    return seen + frames.end()


def shown(file: Path, line: str, framing: Framing, *told: tuple[float, Kind, bytes]) -> list[str]:
    said = screen(file, line, framing)
    return [row for frame in passed(framing, *told) for row in said.rows(frame)]


def test_a_question_and_its_answer_are_time_bytes_and_words(file: Path) -> None:
    assert shown(file, "rs485", "rtu", (1.25, "sent", READ), (1.2671, "heard", ANSWER)) == [
        "17:00:01.250 > 04 04 00 00 00 02 71 9E",
        "               unit 4 (cod): read input 0..1 · CRC right",
        "17:00:01.267 < 04 04 04 41 BC DD 11 E2 00",
        "      +17 ms   unit 4 (cod): input 0..1 = 16828 56593 · CRC right",
        "               COD 23.60794 mg/L",
    ]


def test_a_late_answer_stands_out_and_names_its_question(file: Path) -> None:
    told: tuple[tuple[float, Kind, bytes], ...] = (
        (1.0, "sent", READ),
        (2.0, "trouble", b""),
        (2.5, "unasked", ANSWER),
    )
    assert shown(file, "rs485", "rtu", *told)[2:5] == [
        "17:00:02.000 ! as it was said",
        "17:00:02.500 < 04 04 04 41 BC DD 11 E2 00",
        "    +1500 ms   LATE, thrown away: it answers the question of 17:00:01.000",
    ]


def test_what_is_thrown_away_says_so(file: Path) -> None:
    other = modbus_rtu.encode_frame(5, bytes.fromhex("83 02"))
    rows = shown(file, "rs485", "rtu", (1, "unasked", other), (2, "sent", READ), (3, "heard", other))
    assert "               STRAY, thrown away: nobody waited for it" in rows
    assert "               NOT THE ANSWER, thrown away: the question was that of 17:00:02.000" in rows


def test_characters_are_text_first_and_bytes_below(file: Path) -> None:
    told: tuple[tuple[float, Kind, bytes], ...] = (
        (1.0, "sent", b"LEV?\r"),
        (1.008, "heard", b"LEV 2.7 m\r\n"),
        (1.008, "read", b""),
    )
    assert shown(file, "tank", "characters", *told) == [
        "17:00:01.000 > LEV?<CR>",
        "               4C 45 56 3F 0D",
        "17:00:01.008 < LEV 2.7 m<CR><LF>",
        "       +8 ms   4C 45 56 20 32 2E 37 20 6D 0D 0A",
        "17:00:01.008 = as it was said",
    ]


def test_modbus_ascii_is_shown_as_the_characters_that_it_is(file: Path) -> None:
    asked = modbus_ascii.encode_frame(4, bytes.fromhex("04 00 00 00 02"))
    assert shown(file, "rs485", "ascii", (1, "sent", asked)) == [
        "17:00:01.000 > :040400000002F6<CR><LF>",
        "               unit 4 (cod): read input 0..1 · LRC right",
    ]


def test_a_long_frame_is_cut_for_eyes_and_whole_for_programs(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = modbus_rtu.encode_frame(4, b"\x04\xfa" + bytes(250))
    rows = shown(file, "rs485", "rtu", (1, "unasked", long))
    assert rows[0].endswith(" … 255 bytes")
    (frame,) = passed("rtu", (1, "unasked", long))
    screen(file, "rs485", "rtu", as_json=True).show(frame)
    assert max(map(len, rows)) <= 125
    assert json.loads(capsys.readouterr().out)["hex"] == long.hex(" ").upper()


def test_pieces_that_were_not_shown_are_counted(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = screen(file, "rs485", "rtu")
    said.begin()
    said.show(Missed(101.0, 12))
    said.show(Frame(101.5, ">", READ))
    assert said.end(None) == "\n1 frame; 12 pieces not shown"
    assert said.end(Path("x.jsonl")) == "\n1 frame, kept in x.jsonl; 12 pieces not shown"
    printed = capsys.readouterr().out
    assert "17:00:01.000 ! 12 pieces of frames not shown: whoever reads this is too slow" in printed
    assert printed.startswith("NUO001, line rs485, serial:///dev/ttyUSB9?baudrate=9600 (Modbus RTU)")


def test_for_programs_each_frame_is_a_line_of_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = screen(file, "rs485", "rtu", as_json=True)
    said.begin()
    for frame in passed("rtu", (1.25, "sent", READ), (1.5, "heard", ANSWER)):
        said.show(frame)
    said.show(Missed(102.0, 3))
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert rows[0] == {
        "time": "2026-11-29T10:00:01.250000+00:00",
        "dir": ">",
        "hex": "04 04 00 00 00 02 71 9E",
        "mark": "",
        "words": ["unit 4 (cod): read input 0..1 · CRC right"],
    }
    assert rows[1]["after_ms"] == 250.0
    assert rows[2] == {"time": "2026-11-29T10:00:02.000000+00:00", "missed": 3}


@pytest.mark.parametrize(
    ("line", "more", "words"),
    [
        ("rs485", (), "no agent answers at"),
        ("rs232", (), 'has no line "rs232"; it has: rs485, tank'),
        ("rs485", ("--record", "station.toml"), "is there already: choose another name for --record"),
    ],
)
def test_what_is_wrong_is_one_line(file: Path, line: str, more: tuple[str, ...], words: str) -> None:
    more = tuple(str(file) if option == "station.toml" else option for option in more)
    result = run(file, line, *more)
    assert result.exit_code == 1
    assert words in result.output
    assert result.output.count("\n") == 1


def test_without_an_agent_no_recording_is_begun(file: Path) -> None:
    assert run(file, "rs485", "--record", file.with_name("new.jsonl")).exit_code == 1
    assert not file.with_name("new.jsonl").exists()
