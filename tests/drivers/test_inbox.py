"""Transcripts of what comes on a line: answers, late answers, noise, echoes, and somebody else's frames."""

import pytest

from drivers.errors import Garbled, NoAnswer
from drivers.inbox import RtuInbox, TcpInbox, question
from tests.drivers.raw_slave import mbap, rtu

pytestmark = pytest.mark.pure

# Endress+Hauser Liquiline, request and reply of the manual: pH 7.85, status good (domain D5)
EH_REQUEST = bytes.fromhex("f7 03 00 00 00 04 50 9f")
EH_REPLY = bytes.fromhex("f7 03 08 40 fb 33 33 00 00 00 00 c7 64")
# SICK MARSIC300, SO2 42.5 (domain D5)
MARSIC_REQUEST = bytes.fromhex("01 04 03 e8 00 02 f1 bb")
MARSIC_REPLY = bytes.fromhex("01 04 04 42 2a 00 00 ce 34")
MARSIC_STATUS_REQUEST = bytes.fromhex("01 02 03 e8 00 05 38 79")


def asking(request: bytes, inbox: RtuInbox | None = None) -> RtuInbox:
    inbox = inbox or RtuInbox("rs485")
    inbox.expect(question(request[0], request[1:-2]), request)
    return inbox


@pytest.mark.parametrize(("request_", "reply"), [(EH_REQUEST, EH_REPLY), (MARSIC_REQUEST, MARSIC_REPLY)])
def test_the_frames_of_the_manuals(request_: bytes, reply: bytes) -> None:
    assert asking(request_).feed(reply) == reply


def test_an_answer_that_comes_byte_by_byte_is_complete_with_the_last_one() -> None:
    inbox = asking(EH_REQUEST)
    assert [inbox.feed(EH_REPLY[i : i + 1]) for i in range(len(EH_REPLY) - 1)] == [b""] * (len(EH_REPLY) - 1)
    assert inbox.feed(EH_REPLY[-1:]) == EH_REPLY


@pytest.mark.parametrize(
    "noise", [b"\0", b"\xff", b"\xf7", b"\xf7\x03", b"\xf7\x03\x08", bytes(40), b"\xf7\x83"]
)
def test_noise_before_an_answer_is_skipped(noise: bytes) -> None:
    """Plain pymodbus 3.16.1 loses the frame behind one byte of noise."""
    assert asking(EH_REQUEST).feed(noise + EH_REPLY) == EH_REPLY


def test_bytes_behind_the_answer_do_no_harm() -> None:
    assert asking(EH_REQUEST).feed(EH_REPLY + b"\0\xff") == EH_REPLY


def test_a_flipped_bit_is_never_an_answer() -> None:
    for bit in range(8 * len(EH_REPLY)):
        damaged = bytearray(EH_REPLY)
        damaged[bit // 8] ^= 1 << bit % 8
        inbox = asking(EH_REQUEST)
        assert inbox.feed(bytes(damaged)) == b""
        assert isinstance(inbox.verdict(), Garbled)
        assert inbox.verdict().evidence == bytes(damaged)


def test_a_truncated_answer_is_garbled_and_silence_is_no_answer() -> None:
    inbox = asking(EH_REQUEST)
    assert isinstance(inbox.verdict(), NoAnswer)
    assert str(inbox.verdict()) == (
        "rs485: no answer to unit 247, function 3; check power, wiring and the unit address"
    )
    inbox.feed(EH_REPLY[:-1])
    assert isinstance(inbox.verdict(), Garbled)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (rtu(4, EH_REPLY[1:-2]), "unit 4 answered the question for unit 247"),
        (rtu(247, bytes([4, 8, *range(8)])), "unit 247 answered function 4 to a question of function 3"),
        (rtu(247, bytes([3, 2, 1, 1])), "unit 247 answered 4 bytes where 10 were asked for"),
        (rtu(247, bytes([3, 10, *range(10)])), "unit 247 answered 12 bytes where 10 were asked for"),
        (rtu(247, bytes([0x84, 2])), "unit 247 answered function 132 to a question of function 3"),
        (rtu(247, bytes([6, 0, 1, 0, 2])), "unit 247 answered function 6 to a question of function 3"),
    ],
)
def test_a_sound_frame_that_is_not_the_answer_is_garbled_at_once(frame: bytes, words: str) -> None:
    """Plain pymodbus gives all but the first of these to the caller as the answer."""
    with pytest.raises(Garbled, match=words) as error:
        asking(EH_REQUEST).feed(frame)
    assert error.value.evidence == frame[:-2]


def test_what_follows_a_foreign_frame_is_not_trusted_either() -> None:
    with pytest.raises(Garbled):
        asking(EH_REQUEST).feed(rtu(4, bytes([3, 2, 0, 1])) + EH_REPLY)


def test_a_refusal_is_an_answer() -> None:
    refusal = rtu(247, bytes([0x83, 2]))
    assert asking(EH_REQUEST).feed(refusal) == refusal
    assert asking(EH_REQUEST).feed(b"\0" + refusal) == refusal


def test_the_echo_of_a_two_wire_line_is_not_the_answer() -> None:
    assert asking(EH_REQUEST).feed(EH_REQUEST + EH_REPLY) == EH_REPLY
    inbox = asking(EH_REQUEST)
    for i in range(len(EH_REQUEST)):
        assert inbox.feed(EH_REQUEST[i : i + 1]) == b""
    assert inbox.feed(EH_REPLY) == EH_REPLY


def test_an_echo_that_looks_like_the_answer_is_not_the_answer() -> None:
    """20 coils at 0x0310: the echo `01 01 03 10 00 14 crc` is a sound reply of three bytes."""
    request = rtu(1, bytes([1, 3, 0x10, 0, 20]))
    inbox = asking(request)
    assert inbox.feed(request) == b""
    assert isinstance(inbox.verdict(), NoAnswer)
    reply = rtu(1, bytes([1, 3, 0xAA, 0x55, 0x0F]))
    assert inbox.feed(reply) == reply
    assert asking(request).feed(b"\0" + request) == b""


def test_bits_are_counted_in_bytes() -> None:
    reply = rtu(1, bytes([2, 1, 0x10]))
    assert asking(MARSIC_STATUS_REQUEST).feed(reply) == reply


def test_a_written_register_is_confirmed_by_its_echo_in_content() -> None:
    request = rtu(1, bytes([16, 0, 1, 0, 1, 2, 0, 5]))
    reply = rtu(1, bytes([16, 0, 1, 0, 1]))
    assert asking(request).feed(reply) == reply
    with pytest.raises(Garbled):
        asking(request).feed(rtu(1, bytes([16, 0, 2, 0, 1])))


def test_a_function_without_known_length_cannot_be_asked() -> None:
    with pytest.raises(ValueError, match="function 43"):
        question(1, bytes([43, 14, 1, 0]))


def test_a_late_answer_is_counted_as_late_and_a_strangers_frame_as_stray() -> None:
    inbox = asking(EH_REQUEST)
    inbox.done()
    assert inbox.feed(b"\0" + EH_REPLY[:6]) == b""
    assert inbox.feed(EH_REPLY[6:] + b"\xff") == b""
    assert (inbox.late, inbox.stray) == (1, 0)
    inbox.feed(MARSIC_REPLY)
    assert (inbox.late, inbox.stray) == (1, 1)


def test_a_late_answer_to_an_older_question_spoils_the_question_in_hand() -> None:
    inbox = asking(EH_REQUEST)
    inbox.done()
    asking(MARSIC_REQUEST, inbox)
    with pytest.raises(Garbled, match="unit 247 answered the question for unit 1"):
        inbox.feed(EH_REPLY)
    assert (inbox.late, inbox.stray) == (1, 0)


def test_an_answered_question_has_no_late_answer() -> None:
    inbox = asking(EH_REQUEST)
    assert inbox.feed(EH_REPLY)
    inbox.done()
    inbox.feed(EH_REPLY)
    assert (inbox.late, inbox.stray) == (0, 1)


def test_what_came_before_the_question_left_is_no_part_of_its_answer() -> None:
    inbox = RtuInbox("rs485")
    inbox.feed(EH_REPLY[:5])
    asking(EH_REQUEST, inbox)
    assert inbox.feed(EH_REPLY[5:]) == b""
    inbox.opened()
    assert isinstance(inbox.verdict(), NoAnswer)


def test_endless_noise_takes_no_memory() -> None:
    inbox = asking(EH_REQUEST)
    for _ in range(100):
        inbox.feed(bytes(1000))
    assert len(inbox.verdict().evidence) <= 4096
    assert inbox.feed(EH_REPLY) == EH_REPLY


TCP_PDU = bytes([3, 4, 0, 1, 0, 2])


def asking_tcp(transaction: bytes = b"\0\1", inbox: TcpInbox | None = None) -> TcpInbox:
    inbox = inbox or TcpInbox("10.0.0.5:502")
    request = bytes([3, 0, 0, 0, 2])
    inbox.expect(question(1, request), mbap(transaction, 1, request))
    return inbox


def test_an_answer_over_tcp_whole_or_in_pieces() -> None:
    frame = mbap(b"\0\1", 1, TCP_PDU)
    assert asking_tcp().feed(frame) == frame
    inbox = asking_tcp()
    assert [inbox.feed(frame[i : i + 1]) for i in range(len(frame))] == [b""] * (len(frame) - 1) + [frame]


def test_a_host_that_takes_the_connection_and_says_nothing_may_be_the_wrong_port() -> None:
    assert "is the port right, and is it Modbus TCP" in str(asking_tcp().verdict())


def test_a_late_answer_over_tcp_is_told_by_its_number_even_when_it_comes_in_half() -> None:
    inbox = asking_tcp(b"\0\1")
    old, new = mbap(b"\0\1", 1, TCP_PDU), mbap(b"\0\2", 1, bytes([3, 4, 9, 9, 9, 9]))
    inbox.done()
    assert inbox.feed(old[:7]) == b""
    asking_tcp(b"\0\2", inbox)
    assert inbox.feed(old[7:] + new) == new
    assert inbox.late == 1


@pytest.mark.parametrize(
    ("unit", "pdu", "words"),
    [
        (2, TCP_PDU, "unit 2 answered the question for unit 1"),
        (1, bytes([4, 4, 0, 1, 0, 2]), "answered function 4 to a question of function 3"),
        (1, bytes([3, 2, 0, 1]), "answered 4 bytes where 6 were asked for"),
        (1, bytes([0x83, 2, 0]), "answered 3 bytes"),
    ],
)
def test_an_answer_over_tcp_is_compared_with_its_question(unit: int, pdu: bytes, words: str) -> None:
    with pytest.raises(Garbled, match=words):
        asking_tcp().feed(mbap(b"\0\1", unit, pdu))


@pytest.mark.parametrize(
    "heard", [b"HTTP/1.1 400", EH_REPLY, bytes([0, 1, 0, 0, 0, 2, 1, 3]), b"\0\1\0\0\xff\xff"]
)
def test_what_is_not_modbus_tcp_ends_the_connection(heard: bytes) -> None:
    inbox = asking_tcp()
    with pytest.raises(Garbled, match="not Modbus TCP"):
        inbox.feed(heard)
    assert not inbox.in_step
    inbox.opened()
    assert inbox.in_step


def test_silence_over_tcp_is_no_answer() -> None:
    inbox = asking_tcp()
    assert isinstance(inbox.verdict(), NoAnswer)
    inbox.feed(b"\0\1\0")
    assert isinstance(inbox.verdict(), Garbled)
