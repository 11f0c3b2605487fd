"""A recording that answers: the same answers at the same delays, late and damaged ones too, else silence."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.station import check_station
from drivers.protocols import modbus_rtu, modbus_tcp
from drivers.protocols.modbus_tcp import Adu
from drivers.protocols.recording import (
    Entry,
    Header,
    Missing,
    Recorded,
    Recording,
    encode,
    encode_header,
)
from sim.face import Face
from sim.hosts.landing import Landings
from sim.hosts.replay import SILENCE_S, ReplayConversation
from sim.replay import Replay, read_all, replay
from sim.wire import Wire
from tests.drivers.simulated_talk import moment, now
from tests.virtual_time import in_virtual_time

READ = bytes.fromhex("03 00 00 00 01")
ONE, TWO, THREE = (bytes((3, 2, 0, number)) for number in (1, 2, 3))


def header(framing: str, *, streams: bool = False, line: str = "meter") -> Header:
    return Header("BD_1", line, "x://y", framing, streams, "tram 0", "2026-11-29T10:00:00.000Z")


def recording(framing: str, *entries: Entry, streams: bool = False) -> Recording:
    return Recording(header(framing, streams=streams), entries)


def rtu(pdu: bytes, unit: int = 1) -> bytes:
    return modbus_rtu.encode_frame(unit, pdu)


def tcp(number: int, pdu: bytes, unit: int = 1) -> bytes:
    return modbus_tcp.encode(Adu(number, unit, pdu))


class Played:
    """A recording at the end of a wire, and what it said and when (ms)."""

    def __init__(self, replayed: Replay) -> None:
        self.said: list[tuple[int, bytes]] = []
        self.hung_up = 0
        wire = Wire("line", Face({}), now=moment)
        self.conversation = ReplayConversation(replayed, Landings(wire, self._write, self._hang_up))

    def _write(self, octets: bytes) -> None:
        self.said.append((round(1000 * now()), octets))

    def _hang_up(self) -> None:
        self.hung_up += 1

    async def asked(self, *questions: bytes, every_s: float = 1.0) -> Sequence[tuple[int, bytes]]:
        for question in questions:
            self.conversation.fed(question)
            await asyncio.sleep(every_s)
        return self.said


@in_virtual_time
async def test_each_question_gets_the_answers_of_its_turns_at_their_delays_and_then_from_the_beginning() -> (
    None
):
    made = replay(
        recording(
            "rtu",
            Recorded(0, ">", rtu(READ)),
            Recorded(10, "<", rtu(ONE)),
            Recorded(1000, ">", rtu(READ, 2)),
            Recorded(1020, "<", rtu(THREE, 2)),
            Recorded(2000, ">", rtu(READ)),
            Recorded(2250, "<", rtu(TWO)),
        )
    )
    said = await Played(made).asked(rtu(READ), rtu(READ), rtu(READ, 2), rtu(READ))
    assert said == [(10, rtu(ONE)), (1250, rtu(TWO)), (2020, rtu(THREE, 2)), (3010, rtu(ONE))]
    assert not made.unrecorded


@in_virtual_time
async def test_silence_late_answers_and_damage_are_played_as_they_were() -> None:
    made = replay(
        recording(
            "rtu",
            Recorded(0, ">", rtu(READ)),
            Recorded(2000, ">", rtu(READ)),
            Recorded(3400, "<", b"\xff" + rtu(ONE)[:4], "noise"),
            Recorded(3500, "<", rtu(ONE), "late"),
            Recorded(5000, ">", rtu(READ)),
            Recorded(5001, "<", rtu(TWO)),
        )
    )
    said = await Played(made).asked(*3 * [rtu(READ)], every_s=2.0)
    assert said == [(3400, b"\xff" + rtu(ONE)[:4]), (3500, rtu(ONE)), (4001, rtu(TWO))]


@in_virtual_time
async def test_an_answer_bears_the_number_of_the_question_that_is_asked_now() -> None:
    made = replay(
        recording(
            "tcp",
            Recorded(0, ">", tcp(7, READ)),
            Recorded(1000, ">", tcp(8, READ)),
            Recorded(1010, "<", tcp(8, TWO)),
            Recorded(1500, "<", tcp(7, ONE), "late"),
        )
    )
    said = await Played(made).asked(tcp(501, READ), tcp(502, READ), every_s=2.0)
    assert said == [(1500, tcp(501, ONE)), (2010, tcp(502, TWO))]


@in_virtual_time
async def test_what_was_not_recorded_gets_silence_and_is_counted_and_said_once() -> None:
    made = replay(recording("rtu", Recorded(0, ">", rtu(READ)), Recorded(10, "<", rtu(ONE))))
    missed: list[bytes] = []
    made.missed = missed.append
    other = rtu(READ, 9)
    said = await Played(made).asked(other, rtu(READ), other)
    assert said == [(1010, rtu(ONE))]
    assert missed == [other]
    assert made.unrecorded == {other: 2}


@in_virtual_time
async def test_a_question_of_another_number_is_the_same_question_and_of_another_unit_another() -> None:
    made = replay(recording("tcp", Recorded(0, ">", tcp(1, READ)), Recorded(10, "<", tcp(1, ONE))))
    assert await Played(made).asked(tcp(9, READ, 2), tcp(9, READ)) == [(1010, tcp(9, ONE))]
    assert made.unrecorded == {b"\x02" + READ: 1}


@in_virtual_time
async def test_a_question_in_pieces_is_one_and_half_a_question_is_none() -> None:
    made = replay(recording("characters", Recorded(0, ">", b"LEV?\r"), Recorded(20, "<", b"LEV 2 m\r\n")))
    played = Played(made)
    await played.asked(b"LE", every_s=SILENCE_S / 2)
    await played.asked(b"V?\r", every_s=1)
    await played.asked(b"LE", every_s=2 * SILENCE_S)
    await played.asked(b"V?\r", every_s=1)
    assert played.said == [(45, b"LEV 2 m\r\n")]
    assert made.unrecorded == {b"LE": 1, b"V?\r": 1}


@in_virtual_time
async def test_of_two_questions_that_begin_alike_the_longer_one_is_heard() -> None:
    made = replay(
        recording(
            "characters",
            Recorded(0, ">", b"M"),
            Recorded(1, "<", b"1"),
            Recorded(10, ">", b"MM"),
            Recorded(11, "<", b"2"),
        )
    )
    assert await Played(made).asked(b"MM", b"M") == [(1, b"2"), (1001, b"1")]


@in_virtual_time
async def test_a_stream_is_told_at_its_pace_and_again_after_its_end_and_listens_to_nobody() -> None:
    made = replay(
        recording(
            "characters",
            Recorded(700, "<", b"a\r\n"),
            Recorded(700, "<", b"b\r\n"),
            Recorded(2700, "<", b"c\r\n"),
            streams=True,
        )
    )
    played = Played(made)
    await played.asked(b"?\r\n", every_s=4.5)
    played.conversation.stop()
    await asyncio.sleep(100)
    assert played.said == [
        (1000, b"a\r\n"),
        (1000, b"b\r\n"),
        (3000, b"c\r\n"),
        (4000, b"a\r\n"),
        (4000, b"b\r\n"),
    ]
    assert not made.unrecorded


@in_virtual_time
async def test_who_does_not_speak_modbus_tcp_is_hung_up_on() -> None:
    made = replay(recording("tcp", Recorded(0, ">", tcp(1, READ)), Recorded(10, "<", tcp(1, ONE))))
    played = Played(made)
    await played.asked(b"GET / HTTP/1.1\r\n")
    assert played.hung_up == 1


@in_virtual_time
async def test_half_a_numbered_question_is_nothing_and_a_cut_connection_forgets_it() -> None:
    made = replay(recording("tcp", Recorded(0, ">", tcp(1, READ)), Recorded(10, "<", tcp(1, ONE))))
    played = Played(made)
    await played.asked(tcp(1, READ)[:5])
    played.conversation.fed(tcp(1, READ)[:5])
    played.conversation.stop()
    assert await played.asked(tcp(1, READ)) == [(1010, tcp(1, ONE))]
    assert not made.unrecorded


@pytest.mark.pure
def test_what_nobody_knows_the_end_of_is_left_out() -> None:
    made = replay(
        recording(
            "rtu",
            Recorded(0, "<", rtu(THREE)),  # the answer to a question before the watch
            Recorded(1, ">", rtu(READ)),
            Recorded(2, "<", rtu(ONE)),
            Recorded(3, ">", rtu(READ)),  # its answer may be in the gap
            Missing(4, 10),
            Recorded(5, "<", rtu(THREE)),  # of a question in the gap
            Recorded(6, ">", rtu(READ)),
            Recorded(7, "<", rtu(TWO)),
            Recorded(8, ">", rtu(READ)),  # the watch ended before its answer
        )
    )
    answers = [[piece.octets for piece in pieces] for pieces in made.exchanges[rtu(READ)]]
    assert answers == [[rtu(ONE)], [rtu(TWO)]]


@pytest.mark.pure
def test_an_answer_to_a_number_that_was_not_recorded_is_left_out() -> None:
    made = replay(
        recording(
            "tcp",
            Recorded(0, ">", tcp(2, READ)),
            Recorded(1, "<", tcp(1, ONE)),
            Recorded(2, "<", tcp(2, TWO)),
        )
    )
    assert [[piece.octets for piece in pieces] for pieces in made.exchanges[b"\x01" + READ]] == [
        [tcp(2, TWO)]
    ]


@pytest.mark.pure
@pytest.mark.parametrize(
    ("streams", "entries", "words"),
    [
        (False, (Recorded(0, ">", rtu(READ)),), "no question in it has an answer"),
        (False, (Recorded(0, "<", rtu(ONE)),), "no question in it has an answer"),
        (True, (Recorded(0, ">", b"?"),), "nothing was heard in it"),
    ],
)
def test_a_recording_of_nothing_says_so(streams: bool, entries: tuple[Entry, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replay(recording("rtu", *entries, streams=streams))


LINES = """\
[station]
id = "BD_1"

[[line]]
id = "meter"
url = "{url}"

[[device]]
id = "ph"
line = "meter"
driver = "modbus"
unit = 1
every = "5s"

[[device.channel]]
id = "pH"
table = "holding"
address = 0
type = "uint16"
unit = "pH"
"""


def written(folder: Path, framing: str, *, line: str = "meter", name: str = "r.jsonl") -> Path:
    path = folder / name
    rows = (Recorded(0, ">", tcp(1, READ)), Recorded(1, "<", tcp(1, ONE)))
    path.write_bytes(encode_header(header(framing, line=line)) + b"".join(map(encode, rows)))
    return path


@pytest.mark.parametrize(
    ("url", "framing"),
    [
        ("tcp://10.0.0.5:502", "tcp"),
        ("tls://10.0.0.5:802", "tcp"),
        ("udp://10.0.0.5:502", "udp"),
        ("rtu+tcp://10.0.0.5:4001", "rtu"),
        ("ascii+tcp://10.0.0.5:4001", "ascii"),
        ("serial:///dev/ttyUSB0?baudrate=9600", "rtu"),
        ("serial:///dev/ttyUSB0?baudrate=9600&framer=ascii", "ascii"),
    ],
)
def test_a_recording_plays_on_a_line_that_frames_alike(tmp_path: Path, url: str, framing: str) -> None:
    station = check_station(LINES.format(url=url), tmp_path / "station.toml")
    assert read_all([written(tmp_path, framing)], station).keys() == {"meter"}
    with pytest.raises(
        ValueError, match=f'r.jsonl: it has frames of characters, but line "meter" carries {framing}'
    ):
        read_all([written(tmp_path, "characters")], station)


def test_a_recording_of_a_line_that_the_file_does_not_have_says_which_there_are(tmp_path: Path) -> None:
    station = check_station(LINES.format(url="tcp://10.0.0.5:502"), tmp_path / "station.toml")
    with pytest.raises(ValueError, match=r'of line "rs485"; .*station.toml has: meter'):
        read_all([written(tmp_path, "tcp", line="rs485")], station)
    twice = [written(tmp_path, "tcp"), written(tmp_path, "tcp", name="s.jsonl")]
    with pytest.raises(ValueError, match=r's\.jsonl: line "meter" has another recording already'):
        read_all(twice, station)
    (tmp_path / "r.jsonl").write_text("[station]\n")
    with pytest.raises(ValueError, match=r"r\.jsonl: line 1: this is no recording"):
        read_all([tmp_path / "r.jsonl"], station)
