"""A technician at the terminal: what is asked, what a bad answer gets, and the station that comes of it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.commands.init import _checks
from agent.founding.dialogue import Answers, Dialogue, Offer, Told
from agent.founding.library import known_profiles
from agent.founding.outline import DeviceOutline, LineOutline, station_file
from agent.founding.words import WORDS
from agent.station import check_station
from telemetry import keyfile, keys

PROFILES = known_profiles()
PORT = "/dev/serial/by-id/usb-FTDI_RS485-if00-port0"
NOTHING = Told(None, None, "Asia/Ho_Chi_Minh", None, None, None, None, None)


class Technician:
    """Answers in order; everything that was shown is kept."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.seen: list[str] = []

    def ask(self, question: str, default: str) -> str:
        self.seen.append(question)
        return self.answers.pop(0) or default

    def say(self, text: str) -> None:
        self.seen.append(text)


def told(
    folder: Path, *answers: str, language: str = "en", ports: Sequence[str] = (PORT,), known: Told = NOTHING
) -> tuple[Answers, Technician]:
    technician = Technician(*answers)
    dialogue = Dialogue(technician, WORDS[language], _checks(folder), Offer(PROFILES, ports))
    made = dialogue.ask_all(known)
    assert technician.answers == []
    return made, technician


def test_a_station_with_a_serial_line_and_two_instruments(tmp_path: Path) -> None:
    made, technician = told(
        tmp_path,
        *("1", "BD_VSIP_NUO001", "Trạm VSIP"),
        *("1", "19200 e", ""),  # the port of the list, its speed, its name
        *("hach-sc", "3", "tss", ""),
        *("endress-cm44", "", "", "10s"),
        "",  # no other instrument
        "",  # no other line
        "",  # no centre yet
    )
    outline = made.outline
    assert (outline.station, outline.name, outline.kind) == ("BD_VSIP_NUO001", "Trạm VSIP", "wastewater")
    assert outline.lines == (LineOutline("rs485", f"serial://{PORT}?baudrate=19200&parity=E"),)
    assert outline.devices == (
        DeviceOutline("tss", "rs485", "hach-sc", "modbus", "5s", {"unit": 3}),
        DeviceOutline("endress-cm44", "rs485", "endress-cm44", "modbus", "10s", {"unit": 1}),
    )
    assert (outline.broker, made.centre) == (None, "")
    station = check_station(station_file(outline), tmp_path / "station.toml")
    assert len(station.devices) == 2
    assert any("endress-cm44  Endress+Hauser" in line for line in technician.seen)
    assert f"   1  {PORT}" in technician.seen


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (["9"], "This is not possible: a number from 1 to 5 (got 9)"),
        (["1", "NUO 001"], 'This is not possible: is not a valid id (got "NUO 001"), use 1 to 32 of'),
        (["1", "A", "", "tpc://10.0.0.5"], '"tpc://" is not a kind of line, did you mean "tcp://"?'),
        (["1", "A", "", "7"], "This is not possible: a number from 1 to 1 (got 7)"),
        (["1", "A", "", "1", "9601 N"], 'baudrate "9601" is not possible; one of 300'),
        (["1", "A", "", "tcp://h", "la n"], "is not a valid id (got"),
        (["1", "A", "", "tcp://h", "lan", ""], "a line has one instrument at least"),
        (["1", "A", "", "tcp://h", "lan", "99"], "a number from 1 to"),
        (["1", "A", "", "tcp://h", "lan", "-", "1", "", "5 parsecs"], 'device "device".every'),
        (["1", "A", "", "tcp://h", "lan", "-", "999", "", ""], 'device "device".unit'),
    ],
)
def test_a_bad_answer_gets_one_line_and_the_question_again(
    tmp_path: Path, bad: list[str], sentence: str
) -> None:
    technician = Technician(*bad)
    dialogue = Dialogue(technician, WORDS["en"], _checks(tmp_path), Offer(PROFILES, [PORT]))
    with pytest.raises(IndexError):  # there are no more answers
        dialogue.ask_all(NOTHING)
    said = [line for line in technician.seen if line.startswith("This is not possible")]
    assert len(said) == 1
    assert sentence in said[0]
    assert "\n" not in said[0]
    assert technician.seen[-1] != said[0]  # something is asked again


def test_two_instruments_with_one_address_are_noticed_at_the_second(tmp_path: Path) -> None:
    made, technician = told(
        tmp_path,
        *("1", "A", "", "1", "", ""),
        *("hach-sc", "3", "", ""),
        *("hach-sc", "3", "", ""),
        *("hach-sc", "4", "", ""),
        *("", "", ""),
    )
    assert [device.keys["unit"] for device in made.outline.devices] == [3, 4]
    (said,) = [line for line in technician.seen if line.startswith("This is not possible")]
    assert 'is the address of device "hach-sc" too (got 3' in said


def test_nothing_but_enter_makes_an_example_and_the_next_line_has_another_name(tmp_path: Path) -> None:
    made, _ = told(tmp_path, "", "A", "", "", "", ports=())
    assert (made.outline.lines, made.outline.devices) == ((), ())
    made, _ = told(
        tmp_path,
        *("2", "A", "", "tcp://10.0.0.5", "", "-", "", "", "", ""),
        *("tcp://10.0.0.6", "", "-", "", "", "", ""),
        *("", ""),
        ports=(),
    )
    assert [line.id for line in made.outline.lines] == ["lan", "lan-2"]
    assert [(each.id, each.keys["unit"]) for each in made.outline.devices] == [("device", 1), ("device-2", 1)]


def test_what_was_told_is_not_asked(tmp_path: Path) -> None:
    line, device = LineOutline("lan", "tcp://10.0.0.5"), DeviceOutline("ph", "lan", None, keys={"unit": 1})
    known = Told("A", "B", "UTC", "air", (line,), (device,), "", None)
    made, technician = told(tmp_path, known=known)
    assert made.outline.devices == (device,)
    assert len(technician.seen) == 1  # the welcome


def test_lines_that_were_told_are_asked_for_their_instruments(tmp_path: Path) -> None:
    known = Told("A", "B", "UTC", "air", (LineOutline("lan", "tcp://10.0.0.5"),), None, "", None)
    made, _ = told(tmp_path, "teledyne-t400", "", "o3", "", "", known=known)
    assert made.outline.devices == (DeviceOutline("o3", "lan", "teledyne-t400", "modbus", "5s", {"unit": 1}),)


def test_the_centres_key_is_looked_at_and_its_broker_asked_for(tmp_path: Path) -> None:
    centre, own = tmp_path / "centre.pub", tmp_path / "own.pem"
    keyfile.write_public(centre, keys.SigningKey.generate().public)
    keyfile.create(own)
    known = Told("A", "B", "UTC", "air", (), (), None, None)
    made, technician = told(
        tmp_path,
        *(str(tmp_path / "none.pub"), str(own), str(centre)),
        *("http://broker", "mqtts://broker.example"),
        known=known,
    )
    assert (made.centre, made.outline.broker) == (str(centre), "mqtts://broker.example")
    said = [line for line in technician.seen if line.startswith("This is not possible")]
    assert len(said) == 3
    assert "this is a private key" in said[1]


def test_in_vietnamese_it_asks_the_same(tmp_path: Path) -> None:
    made, technician = told(tmp_path, "9", "4", "A", "", "", "", language="vi")
    assert made.outline.kind == "river"
    assert "Không được: một số từ 1 đến 5 (đã nhập 9)" in technician.seen
    assert "Mã trạm" in technician.seen
