"""A scan reads. Its questions and what counts as an answer, byte for byte."""

import ast
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers.inquiry
from drivers.inquiry import ANYBODY, LONGEST_FRAME_BYTES, NAME_PLATE, RtuFrames, Spoken, TcpFrames, pdu_of
from drivers.protocols.modbus_pdu import DeviceIdRequest, ReadRequest, WriteMany, WriteSingle
from tests.drivers.raw_slave import rtu

ROOM = Path(drivers.inquiry.__file__).parent
SCAN = ("inquiry", "scan", "scan_port", "interview", "trials")
READ_ONLY = {1, 2, 3, 4, 0x2B}


@pytest.mark.pure
@given(function=st.integers(-1, 300), address=st.integers(0, 0xFFFF), count=st.integers(1, 125))
def test_whatever_can_be_asked_only_reads(function: int, address: int, count: int) -> None:
    try:
        asked = ReadRequest(function, address, count)
    except ValueError:
        return
    assert pdu_of(asked)[0] in READ_ONLY


@pytest.mark.pure
def test_a_write_cannot_be_asked() -> None:
    for write in (WriteSingle(5, 0, 1), WriteSingle(6, 0, 1), WriteMany(15, 0, (1,)), WriteMany(16, 0, (1,))):
        for frames in (RtuFrames(), TcpFrames()):
            with pytest.raises(TypeError, match="no question of a scan"):
                frames.question(1, write)  # type: ignore[arg-type]
    for function in (5, 6, 15, 16, 22, 23):
        with pytest.raises(ValueError, match="does not read"):
            ReadRequest(function, 0, 1)


@pytest.mark.pure
@given(access=st.integers(1, 4), number=st.integers(0, 255))
def test_a_name_plate_is_function_43_14_and_no_other_encapsulated_one(access: int, number: int) -> None:
    assert pdu_of(DeviceIdRequest(access, number))[:2] == b"\x2b\x0e"


@pytest.mark.parametrize("module", SCAN)
def test_no_module_of_the_scan_knows_how_a_write_is_made(module: str) -> None:
    """The only bytes that leave are those of `pdu_of`; nobody else here imports an encoder of requests."""
    tree = ast.parse((ROOM / f"{module}.py").read_text(encoding="utf-8"))
    names = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert not names & {
        "WriteSingle",
        "WriteMany",
        "WRITE_FUNCTIONS",
        "encode_request",
        "Request",
        "pymodbus_line",
    }
    if module != "inquiry":
        assert "encode_frame" not in names
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.Import) and "pymodbus" in ast.dump(node)
    ]


def heard(chunk: bytes, asked: ReadRequest | DeviceIdRequest = ANYBODY) -> list[Spoken]:
    buffer, taken, frames = bytearray(chunk), [], RtuFrames()
    while (spoken := frames.take(buffer, asked)) is not None:
        taken.append(spoken)
    return taken


ANSWER = rtu(3, b"\x03\x02\x12\x34")
REFUSAL = rtu(5, b"\x83\x02")


@pytest.mark.pure
def test_an_answer_and_a_refusal_tell_whose_they_are() -> None:
    assert heard(ANSWER) == [Spoken(3, b"\x03\x02\x12\x34")]
    assert heard(b"\xff\x00" + REFUSAL) == [Spoken(5, b"\x83\x02")]
    assert heard(REFUSAL + ANSWER) == [Spoken(5, b"\x83\x02"), Spoken(3, b"\x03\x02\x12\x34")]


@pytest.mark.pure
def test_an_echo_of_the_question_is_nobody() -> None:
    for asked in (ANYBODY, NAME_PLATE):
        assert heard(RtuFrames().question(3, asked), asked) == []
    assert heard(RtuFrames().question(3, ANYBODY) + ANSWER) == [Spoken(3, b"\x03\x02\x12\x34")]


@pytest.mark.pure
@given(place=st.integers(0, len(ANSWER) - 1), bit=st.integers(0, 7))
def test_a_damaged_answer_is_nobody(place: int, bit: int) -> None:
    damaged = bytearray(ANSWER)
    damaged[place] ^= 1 << bit
    assert heard(bytes(damaged)) == []


@pytest.mark.pure
@given(length=st.integers(0, len(ANSWER) - 1))
def test_half_an_answer_waits_for_the_rest(length: int) -> None:
    buffer = bytearray(ANSWER[:length])
    assert RtuFrames().take(buffer, ANYBODY) is None
    buffer += ANSWER[length:]
    assert RtuFrames().take(buffer, ANYBODY) == Spoken(3, b"\x03\x02\x12\x34")


@pytest.mark.pure
@pytest.mark.parametrize("asked", [ANYBODY, NAME_PLATE])
def test_noise_without_end_costs_no_time_and_hides_no_answer(asked: ReadRequest | DeviceIdRequest) -> None:
    noise = bytes(range(1, 256)) * 3600  # it begins thousands of answers and ends none
    answer = rtu(3, bytes((asked.function | 0x80, 2)))
    began = time.process_time()
    assert heard(noise + answer, asked) == [Spoken(3, answer[1:-2])]
    assert time.process_time() - began < 1, "in s; it was the square of the length"


@pytest.mark.pure
def test_no_answer_begins_farther_from_the_end_than_a_frame_is_long() -> None:
    noise = b"\xff" * 2 * LONGEST_FRAME_BYTES
    buffer = bytearray(noise + ANSWER[:4])
    begin = len(buffer) - LONGEST_FRAME_BYTES
    assert RtuFrames().take(buffer, ANYBODY, begin) is None
    buffer += ANSWER[4:]
    assert RtuFrames().take(buffer, ANYBODY, begin) == Spoken(3, b"\x03\x02\x12\x34")
    assert buffer == b""


@pytest.mark.pure
def test_a_name_plate_ends_where_its_objects_end() -> None:
    plate = b"\x2b\x0e\x01\x83\x00\x00\x02\x00\x07Siemens\x01\x05GA700"
    assert heard(rtu(12, plate), NAME_PLATE) == [Spoken(12, plate)]
    assert heard(rtu(12, plate)[:-1], NAME_PLATE) == []


@pytest.mark.pure
def test_over_tcp_a_late_answer_is_known_by_its_number() -> None:
    frames = TcpFrames()
    first, second = frames.question(7, ANYBODY), frames.question(8, ANYBODY)
    assert first[4:] == bytes.fromhex("0006 07 03 0000 0001")
    late = first[:2] + bytes.fromhex("0000 0005 07 03 02 0001")
    wrong_unit = second[:2] + bytes.fromhex("0000 0003 ff 83 02")
    buffer = bytearray(late + wrong_unit[:5])
    assert frames.take(buffer, ANYBODY) == Spoken(7, b"\x03\x02\x00\x01")
    assert frames.take(buffer, ANYBODY) is None
    buffer += wrong_unit[5:]
    assert frames.take(buffer, ANYBODY) == Spoken(8, b"\x83\x02"), "the number counts, not the unit in it"
    assert frames.take(buffer, ANYBODY) is None


@pytest.mark.pure
def test_an_answer_to_no_question_of_ours_is_passed_over() -> None:
    frames = TcpFrames()
    asked = frames.question(7, ANYBODY)
    foreign = b"\x77\x77" + bytes.fromhex("0000 0003 07 83 02")
    assert frames.take(bytearray(foreign), ANYBODY) is None
    assert frames.take(bytearray(foreign + asked[:2] + foreign[2:]), ANYBODY) == Spoken(7, b"\x83\x02")
    buffer = bytearray(b"HTTP/1.1 400 Bad Request")
    assert frames.take(buffer, ANYBODY) is None
    assert buffer, "what is no Modbus TCP stays, and the port closes the connection"
