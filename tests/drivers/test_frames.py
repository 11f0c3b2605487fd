"""What passed on a line, piece by piece, as a technician sees it: frames, late answers, noise."""

import pytest

from drivers.cutting import Framing
from drivers.frames import MOST_BYTES, PAUSE_S, Frame, Frames
from drivers.protocols import modbus_ascii, modbus_rtu, modbus_tcp
from drivers.tap import Kind, Passed

pytestmark = pytest.mark.pure

READ_TWO = bytes.fromhex("03 00 00 00 02")
TWO = bytes.fromhex("03 04 40 FB 33 33")
ONE = bytes.fromhex("03 02 00 17")


def rtu(pdu: bytes, unit: int = 1) -> bytes:
    return modbus_rtu.encode_frame(unit, pdu)


def tcp(number: int, pdu: bytes, unit: int = 1) -> bytes:
    return modbus_tcp.encode(modbus_tcp.Adu(number, unit, pdu))


class Line:
    """A line that is watched; `shown` is what the technician has seen: way, mark, bytes."""

    def __init__(self, framing: Framing) -> None:
        self.frames = Frames(framing)
        self.seen: list[Frame] = []
        self.now_s = 100.0

    def passes(self, kind: Kind, octets: bytes = b"", words: str = "", *, after_s: float = 0.01) -> None:
        self.now_s += after_s
        self.seen += self.frames.feed(Passed(self.now_s, kind, octets, words))

    def pause(self, after_s: float = PAUSE_S) -> None:
        self.now_s += after_s
        self.seen += self.frames.pause(self.now_s)

    @property
    def shown(self) -> list[tuple[str, str, bytes]]:
        return [(frame.way, frame.mark, frame.octets) for frame in self.seen]


def test_an_answer_that_comes_in_pieces_is_one_frame_at_the_time_of_its_last_byte() -> None:
    line, answer = Line("rtu"), rtu(TWO)
    line.passes("sent", rtu(READ_TWO))
    for at in range(len(answer)):
        line.passes("heard", answer[at : at + 1], after_s=0.016)
    assert line.shown == [(">", "", rtu(READ_TWO)), ("<", "", answer)]
    assert line.seen[1].at_s == pytest.approx(line.now_s)
    assert line.seen[1].asked is not None
    assert line.seen[1].asked.octets == rtu(READ_TWO)


def test_an_answer_after_its_time_is_late_and_names_its_question() -> None:
    line = Line("rtu")
    line.passes("sent", rtu(READ_TWO))
    line.passes("trouble", words="no answer to unit 1, function 3", after_s=1.0)
    line.passes("unasked", rtu(TWO), after_s=0.5)
    assert line.shown[1:] == [("!", "", b""), ("<", "late", rtu(TWO))]
    late = line.seen[-1]
    assert late.asked is not None
    assert late.at_s - late.asked.at_s == pytest.approx(1.5)


def test_a_late_answer_is_known_by_its_number_even_while_the_next_question_waits() -> None:
    line = Line("tcp")
    line.passes("sent", tcp(7, READ_TWO))
    line.passes("trouble", words="no answer", after_s=1.0)
    line.passes("sent", tcp(8, READ_TWO))
    line.passes("heard", tcp(7, TWO) + tcp(8, TWO))
    assert line.shown[-2:] == [("<", "late", tcp(7, TWO)), ("<", "", tcp(8, TWO))]
    assert [frame.asked.number for frame in line.seen[-2:] if frame.asked] == [7, 8]


def test_a_question_that_is_asked_again_was_given_up_before() -> None:
    line = Line("rtu")
    line.passes("sent", rtu(READ_TWO))
    line.passes("sent", rtu(ONE[:1] + READ_TWO[1:4] + b"\x01", 2), after_s=1.0)
    line.passes("heard", rtu(ONE, 2))
    line.passes("unasked", rtu(TWO))
    assert [mark for _, mark, _ in line.shown] == ["", "", "", "late"]


def test_what_nobody_asked_for_is_stray_and_an_answer_that_comes_twice_is_stray_the_second_time() -> None:
    line = Line("rtu")
    line.passes("unasked", rtu(ONE, 9))
    line.passes("sent", rtu(READ_TWO))
    line.passes("heard", rtu(TWO))
    line.passes("unasked", rtu(TWO))
    assert line.shown == [
        ("<", "stray", rtu(ONE, 9)),
        (">", "", rtu(READ_TWO)),
        ("<", "", rtu(TWO)),
        ("<", "stray", rtu(TWO)),
    ]


@pytest.mark.parametrize("answer", [rtu(TWO, 2), rtu(ONE), rtu(b"\x04" + TWO[1:])])
def test_a_sound_answer_of_another_unit_length_or_function_is_foreign(answer: bytes) -> None:
    line = Line("rtu")
    line.passes("sent", rtu(READ_TWO))
    line.passes("heard", answer)
    assert line.shown[1:] == [("<", "foreign", answer)]


def test_a_refusal_is_an_answer() -> None:
    line = Line("rtu")
    line.passes("sent", rtu(READ_TWO))
    line.passes("heard", rtu(b"\x83\x02"))
    assert line.shown[1:] == [("<", "", rtu(b"\x83\x02"))]


def test_noise_before_an_answer_is_a_piece_of_its_own() -> None:
    line = Line("rtu")
    line.passes("sent", rtu(READ_TWO))
    line.passes("heard", b"\xff\x01\x00" + rtu(TWO))
    assert line.shown[1:] == [("<", "noise", b"\xff\x01\x00"), ("<", "", rtu(TWO))]


def test_noise_before_a_late_answer_does_not_hide_it() -> None:
    line = Line("rtu")
    line.passes("sent", rtu(READ_TWO))
    line.passes("trouble", words="no answer", after_s=1.0)
    line.passes("unasked", b"\xff" + rtu(TWO), after_s=0.5)
    assert line.shown[2:] == [("<", "noise", b"\xff"), ("<", "late", rtu(TWO))]


def test_a_damaged_answer_is_shown_when_nothing_more_comes_or_the_question_is_given_up() -> None:
    damaged = rtu(TWO)[:-1] + b"\x00"
    line = Line("rtu")
    line.passes("sent", rtu(READ_TWO))
    line.passes("heard", damaged)
    line.pause(PAUSE_S / 2)
    assert line.shown[1:] == []
    line.pause()
    assert line.shown[1:] == [("<", "noise", damaged)]
    line.passes("sent", rtu(READ_TWO))
    line.passes("heard", damaged[:5])
    line.passes("trouble", words="no sound answer", after_s=0.1)
    assert line.shown[3:] == [("<", "noise", damaged[:5]), ("!", "", b"")]


def test_an_adapter_that_hears_itself_shows_an_echo_and_then_the_answer() -> None:
    line = Line("rtu")
    line.passes("sent", rtu(READ_TWO))
    line.passes("heard", rtu(READ_TWO)[:3])
    line.passes("heard", rtu(READ_TWO)[3:] + rtu(TWO))
    assert line.shown[1:] == [("<", "echo", rtu(READ_TWO)), ("<", "", rtu(TWO))]


def test_noise_without_an_end_does_not_grow_without_an_end() -> None:
    line = Line("rtu")
    for _ in range(200):
        line.passes("unasked", bytes(range(200, 256)))
    assert sum(len(octets) for *_, octets in line.shown) > 200 * 56 - 2 * MOST_BYTES
    assert all(mark == "noise" and len(octets) <= MOST_BYTES + 56 for _, mark, octets in line.shown)


def test_a_stream_that_is_not_modbus_tcp_is_noise_at_once() -> None:
    line = Line("tcp")
    line.passes("sent", tcp(1, READ_TWO))
    line.passes("heard", b"HTTP/1.1 400 Bad Request\r\n")
    assert line.shown[1:] == [("<", "noise", b"HTTP/1.1 400 Bad Request\r\n")]


def test_a_datagram_is_a_frame_however_little_it_is() -> None:
    line = Line("udp")
    line.passes("sent", tcp(1, READ_TWO))
    line.passes("heard", b"?")
    line.passes("heard", tcp(1, TWO))
    assert line.shown[1:] == [("<", "noise", b"?"), ("<", "", tcp(1, TWO))]


def test_modbus_ascii_begins_with_a_colon_and_ends_with_its_line() -> None:
    asked, answer = modbus_ascii.encode_frame(1, READ_TWO), modbus_ascii.encode_frame(1, TWO)
    line = Line("ascii")
    line.passes("sent", asked)
    line.passes("heard", b"??" + answer[:7])
    line.passes("heard", answer + b":0103")
    line.passes("heard", b"99\r\n")
    assert line.shown[1:] == [
        ("<", "noise", b"??"),
        ("<", "noise", answer[:7]),
        ("<", "", answer),
        ("<", "noise", b":010399\r\n"),
    ]


def test_lines_of_text_are_cut_at_their_ends_and_read_by_the_driver() -> None:
    line = Line("characters")
    line.passes("sent", b"LEV?\r")
    line.passes("heard", b"LEV 2.7")
    line.passes("heard", b"43 m\r\n")
    line.passes("read", words="level 2.743")
    assert line.shown == [(">", "", b"LEV?\r"), ("<", "", b"LEV 2.743 m\r\n"), ("=", "", b"")]
    line.passes("unasked", b"what\r\n")
    assert line.shown[3:] == [("<", "stray", b"what\r\n")]


def test_a_message_without_an_end_of_line_is_whole_when_the_driver_has_read_it() -> None:
    line = Line("characters")
    line.passes("sent", b"\x02DA\x03\x46")
    line.passes("heard", b"\x02MD01 001 +1234+01 00\x03\x2a")
    line.passes("read", words="values 12.34")
    assert [way for way, *_ in line.shown] == [">", "<", "="]


def test_text_after_its_time_is_late() -> None:
    line = Line("characters")
    line.passes("sent", b"LEV?\r")
    line.passes("trouble", words="no answer to 'LEV?' within 1 s", after_s=1.0)
    line.passes("unasked", b"LEV 2.743 m\r\n", after_s=0.4)
    assert line.shown[-1] == ("<", "late", b"LEV 2.743 m\r\n")


def test_an_instrument_that_talks_by_itself_needs_no_question() -> None:
    line = Line("characters")
    line.passes("heard", b"$WIMWV,1\r\n$WIXDR,2\r\n$WI")
    line.pause()
    assert line.shown == [("<", "", b"$WIMWV,1\r\n"), ("<", "", b"$WIXDR,2\r\n"), ("<", "", b"$WI")]
    assert all(frame.asked is None for frame in line.seen)


def test_a_watch_that_ends_shows_what_is_left() -> None:
    line = Line("rtu")
    line.passes("unasked", b"\x01\x03")
    assert [frame.octets for frame in line.frames.end()] == [b"\x01\x03"]
    assert line.frames.end() == []
