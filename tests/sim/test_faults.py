"""Every way an answer can go wrong, and that they compose."""

import random

import pytest

from drivers.protocols import modbus_rtu
from drivers.protocols.modbus_pdu import ExceptionReply, Malformed, ReadRequest, decode_reply
from sim import faults
from sim.faults import Reply

pytestmark = pytest.mark.pure

REQUEST = ReadRequest(3, 0, 2)
GOOD = Reply(3, bytes.fromhex("03 04 40 f0 00 00"))
FRAME = modbus_rtu.encode_frame(3, bytes.fromhex("03 04 40 f0 00 00"))


def bend(*troubles: faults.Fault, seed: int = 1) -> Reply:
    rng, reply = random.Random(seed), GOOD
    for trouble in troubles:
        reply = trouble.bend(reply, rng)
    return reply


def wire(*troubles: faults.Fault, seed: int = 1) -> bytes:
    return bend(*troubles, seed=seed).on_the_wire(modbus_rtu.encode_frame)


def test_without_faults_the_frame_is_right_and_immediate() -> None:
    assert wire() == FRAME
    assert GOOD.after_s == 0


def test_silence_is_no_byte_at_all() -> None:
    assert wire(faults.Noisy(), faults.Silent()) == b""


def test_a_slow_answer_is_right_but_later() -> None:
    assert wire(faults.Slow(0.3)) == FRAME
    assert bend(faults.Slow(0.3), faults.Slow(0.4)).after_s == pytest.approx(0.7)


@pytest.mark.parametrize("seed", range(20))
def test_a_late_answer_comes_after_the_timeout_and_within_its_lateness(seed: int) -> None:
    assert 1.05 <= bend(faults.late(1.0, 0.05, 0.45), seed=seed).after_s <= 1.5


@pytest.mark.parametrize("seed", range(20))
def test_a_truncated_frame_is_a_real_beginning(seed: int) -> None:
    stump = wire(faults.Truncated(), seed=seed)
    assert 1 <= len(stump) < len(FRAME)
    assert FRAME.startswith(stump)


def test_a_frame_is_cut_where_the_script_says() -> None:
    assert wire(faults.Truncated(0.5)) == FRAME[:4]
    assert wire(faults.Truncated(0)) == FRAME[:1]


@pytest.mark.parametrize("seed", range(50))
def test_a_flipped_bit_is_one_bit_and_breaks_the_checksum(seed: int) -> None:
    damaged = wire(faults.Flipped(), seed=seed)
    assert sum((a ^ b).bit_count() for a, b in zip(damaged, FRAME, strict=True)) == 1
    assert modbus_rtu.crc16(damaged) != 0


def test_noise_stands_before_a_whole_frame() -> None:
    assert wire(faults.Noisy(b"\x00\xff")) == b"\x00\xff" + FRAME
    drawn = wire(faults.Noisy())
    assert drawn.endswith(FRAME)
    assert 1 <= len(drawn) - len(FRAME) <= 4


@pytest.mark.parametrize(("trouble", "unit"), [(faults.WrongUnit(), 4), (faults.WrongUnit(9), 9)])
def test_another_slave_answers_with_a_right_checksum(trouble: faults.Fault, unit: int) -> None:
    assert wire(trouble)[0] == unit
    assert modbus_rtu.crc16(wire(trouble)) == 0


def test_the_unit_after_the_last_is_the_first() -> None:
    assert faults.WrongUnit().bend(Reply(247, b"\x03"), random.Random(0)).unit == 1


@pytest.mark.parametrize(("trouble", "function"), [(faults.WrongFunction(), 4), (faults.WrongFunction(1), 1)])
def test_an_answer_to_another_function_has_a_right_checksum(trouble: faults.Fault, function: int) -> None:
    assert wire(trouble)[1] == function
    assert modbus_rtu.crc16(wire(trouble)) == 0
    with pytest.raises(Malformed):
        decode_reply(REQUEST, bend(trouble).pdu or b"")


def test_one_register_less_has_a_right_byte_count_and_checksum() -> None:
    short = bend(faults.Shortened()).pdu
    assert short == bytes.fromhex("03 02 40 f0")
    with pytest.raises(Malformed):
        decode_reply(REQUEST, short)
    refusal = Reply(3, b"\x83\x02")
    assert faults.Shortened().bend(refusal, random.Random(0)) == refusal


@pytest.mark.parametrize("code", [1, 2, 3, 4, 6, 11])
def test_every_exception_code_can_be_answered(code: int) -> None:
    assert decode_reply(REQUEST, bend(faults.Refused(code)).pdu or b"") == ExceptionReply(3, code)


def test_a_closed_connection_says_nothing_before_it_goes() -> None:
    assert bend(faults.Closed()).close
    assert wire(faults.Closed()) == b""


def test_a_reboot_swallows_the_answer_and_names_its_length() -> None:
    assert bend(faults.Reboot(2.5)).reboot_s == 2.5
    assert wire(faults.Reboot(2.5)) == b""


@pytest.mark.parametrize("trouble", [faults.WrongFunction(), faults.Refused(2), faults.Shortened()])
def test_what_is_already_silent_stays_silent(trouble: faults.Fault) -> None:
    assert wire(faults.Silent(), trouble) == b""


def test_faults_compose() -> None:
    reply = bend(
        faults.Refused(2), faults.WrongUnit(7), faults.Noisy(b"\xff"), faults.Slow(1), faults.Truncated(0.5)
    )
    assert reply.after_s == 1
    assert reply.on_the_wire(modbus_rtu.encode_frame) == b"\xff\x07\x83"
