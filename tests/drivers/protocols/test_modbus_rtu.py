"""RTU frames, pinned to the checksums of the instruments' manuals."""

import random
from collections.abc import Callable, Iterator

import pytest

from drivers.protocols import modbus_rtu as rtu
from drivers.protocols.modbus_pdu import ReadRequest, WriteMany, WriteSingle, encode_request
from tests.drivers.protocols.feeding import feed_every_way

pytestmark = pytest.mark.pure

LIQUILINE = "f7 03 00 00 00 04 50 9f"
REQUESTS = {
    "Endress Liquiline CM44, unit 247": LIQUILINE,
    "Teledyne T300, CO": "01 04 00 12 00 02 d1 ce",
    "Teledyne T100, status bits": "01 02 00 00 00 1b 38 01",
    "Teledyne T100, coil 20 on": "01 05 00 14 ff 00 cc 3e",
    "SICK MARSIC300, SO2": "01 04 03 e8 00 02 f1 bb",
    "SICK MARSIC300, state": "01 02 03 e8 00 05 38 79",
    "Advantech ADAM-6017, raw inputs": "01 03 00 00 00 08 44 0c",
    "Moxa ioLogik E1240, scaled": "01 04 00 08 00 10 70 04",
    "Moxa ioLogik E1240, state": "01 04 00 3c 00 08 31 c0",
}
REPLIES = {
    "Liquiline, pH 7.85 good": (LIQUILINE, "f7 03 08 40 fb 33 33 00 00 00 00 c7 64"),
    "T300, 12.5 ppm": ("01 04 00 12 00 02 d1 ce", "01 04 04 41 48 00 00 6f ae"),
    "T300, illegal address": ("01 04 00 12 00 02 d1 ce", "01 84 02 c2 c1"),
    "MARSIC300, 42.5": ("01 04 03 e8 00 02 f1 bb", "01 04 04 42 2a 00 00 ce 34"),
}


def _read(wire: str) -> tuple[int, ReadRequest]:
    frame = bytes.fromhex(wire)
    return frame[0], ReadRequest(frame[1], int.from_bytes(frame[2:4]), int.from_bytes(frame[4:6]))


@pytest.mark.parametrize("wire", REQUESTS.values(), ids=REQUESTS)
def test_a_request_of_a_manual_goes_both_ways(wire: str) -> None:
    frame = bytes.fromhex(wire)
    assert rtu.encode_frame(frame[0], frame[1:-2]) == frame
    feed_every_way(frame, (frame[0], frame[1:-2]), rtu.take_request)


@pytest.mark.parametrize(("asked", "answered"), REPLIES.values(), ids=REPLIES)
def test_a_reply_of_a_manual_goes_both_ways(asked: str, answered: str) -> None:
    unit, request = _read(asked)
    frame = bytes.fromhex(answered)
    assert rtu.encode_frame(unit, frame[1:-2]) == frame
    feed_every_way(frame, frame[1:-2], lambda buffer: rtu.take_reply(buffer, unit, request))


@pytest.mark.parametrize(
    "request_", [WriteSingle(6, 1, 3), WriteMany(16, 1, (10, 258)), WriteMany(15, 19, (1, 0, 1))]
)
def test_a_write_is_framed_by_its_byte_count(request_: WriteSingle | WriteMany) -> None:
    pdu = encode_request(request_)
    feed_every_way(rtu.encode_frame(7, pdu), (7, pdu), rtu.take_request)


def test_a_device_identification_is_framed_at_once() -> None:
    pdu = bytes.fromhex("2b 0e 01 00")
    feed_every_way(rtu.encode_frame(7, pdu), (7, pdu), rtu.take_request)


@pytest.mark.parametrize("pdu", [b"\x11", b"\x07", bytes.fromhex("2b 0d 01 02 03"), b"\x08\0\0\x12\x34"])
def test_a_function_of_unknown_length_ends_where_the_line_falls_silent(pdu: bytes) -> None:
    buffer = bytearray(rtu.encode_frame(9, pdu))
    assert rtu.take_request(buffer) is None
    assert rtu.take_request(buffer, silent=True) == (9, pdu)
    assert buffer == b""


TAKERS: dict[str, tuple[bytes, Callable[[bytearray], object]]] = {
    "request": (bytes.fromhex(LIQUILINE), rtu.take_request),
    "reply": (
        bytes.fromhex("f7 03 08 40 fb 33 33 00 00 00 00 c7 64"),
        lambda buffer: rtu.take_reply(buffer, 247, ReadRequest(3, 0, 4)),
    ),
}


@pytest.mark.parametrize(("frame", "take"), TAKERS.values(), ids=TAKERS)
@pytest.mark.parametrize("noise", ["00", "ff", "00 00 ff", "f7", "f7 03", "01 10 00 00 00 7b f6"])
def test_noise_before_a_frame_is_cut_off_and_shown(
    frame: bytes, take: Callable[[bytearray], object], noise: str
) -> None:
    buffer = bytearray(bytes.fromhex(noise) + frame)
    with pytest.raises(rtu.Garbled) as caught:
        take(buffer)
    assert caught.value.evidence == bytes.fromhex(noise)
    assert take(buffer) is not None
    assert buffer == b""


def test_an_unfinished_request_is_garbage_once_the_line_is_silent() -> None:
    buffer = bytearray(bytes.fromhex(LIQUILINE)[:-1])
    assert rtu.take_request(buffer) is None
    with pytest.raises(rtu.Garbled) as caught:
        rtu.take_request(buffer, silent=True)
    assert caught.value.evidence == bytes.fromhex(LIQUILINE)[:-1]
    assert buffer == b""
    assert rtu.take_request(buffer, silent=True) is None


def test_a_flood_of_noise_does_not_fill_the_memory() -> None:
    buffer = bytearray(b"\x99" * 300)
    with pytest.raises(rtu.Garbled):
        rtu.take_request(buffer)
    assert buffer == b""


def test_an_answer_of_another_unit_or_length_is_not_an_answer() -> None:
    request = ReadRequest(3, 0, 4)
    for other in (
        rtu.encode_frame(3, bytes.fromhex("03 08 40 fb 33 33 00 00 00 00")),
        rtu.encode_frame(247, bytes.fromhex("04 08 40 fb 33 33 00 00 00 00")),
    ):
        buffer = bytearray(other)
        with pytest.raises(rtu.Garbled):
            rtu.take_reply(buffer, 247, request)
        assert buffer == b""


@pytest.mark.parametrize("bit", range(64))
def test_one_flipped_bit_never_gives_a_frame(bit: int) -> None:
    frame = bytearray(bytes.fromhex(LIQUILINE))
    frame[bit // 8] ^= 1 << bit % 8
    with pytest.raises(rtu.Garbled):
        rtu.take_request(frame, silent=True)


@pytest.mark.parametrize("silent", [False, True])
def test_no_bytes_hang_the_framer_or_raise_anything_but_garbled(silent: bool) -> None:
    rng = random.Random(20251122)
    for _ in range(1000):
        buffer = bytearray(rng.choices((0, 1, 3, 6, 16, 43, 255, rng.randrange(256)), k=rng.randrange(40)))
        assert sum(_drain(buffer, silent=silent)) >= 0
        assert not silent or not buffer


def _drain(buffer: bytearray, *, silent: bool) -> Iterator[int]:
    """Takes until nothing more comes; every turn either shortens the buffer or leaves it as it was."""
    while True:
        before = len(buffer)
        try:
            taken = rtu.take_request(buffer, silent=silent)
        except rtu.Garbled as garbled:
            yield len(garbled.evidence)
            if len(buffer) + len(garbled.evidence) != before:
                raise
            continue
        if taken is None:
            assert len(buffer) == before
            return
        yield len(taken[1]) + 3
