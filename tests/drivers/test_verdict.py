"""What a reading tells the technician, without a line: what is wrong, and what to check in which order."""

import json
import struct
from typing import Any

import pytest

from drivers.checks import Check
from drivers.endpoint import Endpoint, SerialPort, TcpHost
from drivers.errors import Garbled, NoAnswer, Refused
from drivers.exchange import Answer
from drivers.modbus_settings import Settings
from drivers.neighbours import Beside, look_beside
from drivers.protocols.modbus import Point, encode
from drivers.protocols.modbus_pdu import ReadRequest, decode_request, encode_reply, encode_request
from drivers.registers import Block, blocks, in_orders, words_of
from drivers.tap import Kind, Passed
from drivers.trace import MOST_BYTES, Asked, Trace
from drivers.verdict import Heard, verdict
from tests.drivers.virtual_time import run

PORT = SerialPort("/dev/ttyUSB0", 9600, "E", 1)
PH = {"id": "pH", "table": "holding", "address": 0, "type": "float32", "unit": "pH", "range": [0, 14]}


def device(*channels: dict[str, Any]) -> Settings:
    return Settings.model_validate_json(json.dumps({"unit": 3, "channel": channels or (PH,)}))


def words(value: float, order: str = "ABCD") -> tuple[int, ...]:
    return tuple(encode(Point("x", "holding", 0, "float32", order, 2), value))  # type: ignore[arg-type]


def read(value: float, order: str = "ABCD", **channel: Any) -> tuple[str, ...]:
    """The verdict on a pH meter that holds this value in this order while the file says ABCD."""
    settings = device(PH | channel)
    held = (Block("holding", 0, 2, words(value, order)),)
    return verdict(Heard(PORT, 3, read=held), settings)


@pytest.mark.pure
def test_a_good_value_needs_no_word() -> None:
    assert read(7.25) == ()
    assert read(0.0) == (
        "every register is 0: is it measuring, and are these its registers? Compare with the display",
    )


@pytest.mark.pure
@pytest.mark.parametrize("order", ["CDAB", "BADC", "DCBA"])
def test_an_impossible_value_names_the_order_that_makes_it_possible(order: str) -> None:
    said = read(7.85, order)
    assert len(said) == 1
    assert "it should be 0 to 14 pH" in said[0]
    assert f'order = "{order}" gives 7.85' in said[0]
    assert said[0].count(" gives ") == 1, "no order that makes another impossible value"
    assert said[0].endswith(", compare with the display")


@pytest.mark.pure
def test_a_value_within_its_range_but_of_no_size_is_impossible_too() -> None:
    """2e-24 is a pH between 0 and 14, and no pH."""
    tiny = struct.unpack(">HH", struct.pack(">f", 2e-24))
    settings = device(PH)
    (said,) = verdict(Heard(PORT, 3, read=(Block("holding", 0, 2, tiny),)), settings)
    assert said.startswith("pH is 2e-24, it should be 0 to 14 pH")


@pytest.mark.pure
def test_a_number_that_stands_for_none_is_no_mistake() -> None:
    assert read(-9999.0, no_value=[-9999]) == ()


@pytest.mark.pure
def test_a_single_register_out_of_range_is_a_matter_of_address_or_scale() -> None:
    level = {"id": "level", "table": "holding", "address": 0, "type": "uint16", "unit": "m", "range": [0, 6]}
    (said,) = verdict(Heard(PORT, 3, read=(Block("holding", 0, 1, (245,)),)), device(level))
    assert said == "level is 245, it should be 0 to 6 m: address, type, scale and offset against the manual"


@pytest.mark.pure
def test_every_value_in_four_orders_and_the_files_own_marked() -> None:
    settings = device(PH | {"scale": 0.1, "order": "CDAB"})
    (point,) = settings.points()
    rows = {each.order: each for each in in_orders(settings.channel[0], point, words(72.5, "CDAB"))}
    assert list(rows) == ["ABCD", "CDAB", "BADC", "DCBA"]
    assert rows["CDAB"].value == pytest.approx(7.25)
    assert [each.order for each in rows.values() if each.mine] == ["CDAB"]
    assert [each.order for each in rows.values() if each.possible] == ["CDAB"]


def silence(where: Endpoint, address: int | None = 3, *, modbus: bool = True) -> tuple[str, ...]:
    return verdict(Heard(where, address, NoAnswer("nothing"), modbus=modbus), device())


@pytest.mark.pure
def test_silence_on_a_serial_line_is_wires_then_address_then_speed() -> None:
    said = silence(PORT)
    assert said[0] == "unit 3 does not answer. Check in this order:"
    order = [
        said.index(row)
        for part in ("switched on", "both wires", "is 3 its address", "here 9600 Bd 8E1")
        for row in said
        if part in row
    ]
    assert order == [1, 2, 3, 4]


@pytest.mark.pure
def test_silence_behind_a_host_is_never_a_matter_of_our_speed() -> None:
    for where in (TcpHost("10.0.0.5", 502, False), TcpHost("10.0.0.6", 4001, True)):
        assert " Bd " not in "".join(silence(where))
    assert any("rtu+tcp://" in row for row in silence(TcpHost("10.0.0.5", 502, False)))
    assert any("serial server's own menu" in row for row in silence(TcpHost("10.0.0.6", 4001, True)))
    assert silence(PORT, None, modbus=False)[0].startswith("the instrument does not answer")


@pytest.mark.pure
def test_a_wrong_check_points_at_speed_and_a_right_one_at_a_second_master() -> None:
    wrong = Heard(PORT, 3, Garbled("x"), check=Check("CRC", "84 0a", "c5 cd"))
    said = verdict(wrong, device())
    assert said[1] == "  its CRC is wrong: it says 84 0a, the bytes give c5 cd"
    assert "speed, parity" in said[2]
    said = verdict(wrong._replace(check=Check("CRC", "84 0a", "84 0A")), device())
    assert said[1] == "  its CRC is right"
    assert "second master" in said[2]
    said = verdict(wrong._replace(check=Check("check", "36", "36"), modbus=False), None)
    assert "the message is whole" in said[2]


@pytest.mark.pure
def test_a_refusal_names_the_place_and_what_stands_beside_it() -> None:
    refused = Block("holding", 1, 2, (), "exception 2")
    beside = Beside("pH", "holding", 0, "one lower", 7.25, possible=True, refused=True)
    said = verdict(Heard(PORT, 3, Refused("x", code=2), read=(refused,), beside=(beside,)), device())
    assert said == (
        "holding 1..2: exception 2, it has no such register: is the address right, and does the manual count from 1?",
        "  one lower, holding 0 (400001) is answered: pH would be 7.25",
    )


@pytest.mark.pure
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "does not know this function"),
        (4, "a fault in the instrument itself"),
        (6, "it is busy: read again"),
    ],
)
def test_each_refusal_has_its_own_reason(code: int, words: str) -> None:
    refused = (Block("holding", 0, 2, (), f"exception {code}"),)
    (said,) = verdict(Heard(PORT, 3, Refused("x", code=code), read=refused), device())
    assert words in said


@pytest.mark.pure
def test_a_block_that_was_read_in_parts_is_no_refusal() -> None:
    held = (
        Block("holding", 0, 12, (), "exception 2"),
        Block("holding", 0, 2, words(7.25)),
        Block("holding", 10, 2, words(28.0)),
    )
    assert verdict(Heard(PORT, 3, read=held), device()) == ()


class Meter:
    """A device with these registers; every question is kept."""

    def __init__(self, registers: dict[tuple[str, int], int]) -> None:
        self.registers = registers
        self.asked: list[ReadRequest] = []

    async def __call__(self, unit: int, pdu: bytes) -> Answer:
        request = decode_request(pdu)
        assert isinstance(request, ReadRequest), "it only reads"
        self.asked.append(request)
        table = {3: "holding", 4: "input"}[request.function]
        places = [(table, request.address + at) for at in range(request.count)]
        if not all(place in self.registers for place in places):
            return Answer(bytes((request.function | 0x80, 2)), 0)
        return Answer(encode_reply(request, [self.registers[place] for place in places]), 0)


def looked_beside(
    meter: Meter, settings: Settings, held: tuple[Block, ...]
) -> list[tuple[str, str, int, bool]]:
    return [
        (each.why, each.table, each.address, each.possible)
        for each in run(look_beside(meter, settings, held))
    ]


def float_at(table: str, address: int, value: float) -> dict[tuple[str, int], int]:
    return {(table, address + at): word for at, word in enumerate(words(value))}


def test_an_address_that_is_off_by_one_is_found_one_lower() -> None:
    settings = device(PH | {"address": 1})
    refused = (Block("holding", 1, 2, (), "exception 2"),)
    meter = Meter(float_at("holding", 0, 7.25))
    assert looked_beside(meter, settings, refused) == [("one lower", "holding", 0, True)]


def test_the_other_table_is_tried_too() -> None:
    refused = (Block("holding", 0, 2, (), "exception 2"),)
    meter = Meter(float_at("input", 0, 7.25))
    assert looked_beside(meter, device(), refused) == [("with function 4", "input", 0, True)]


def test_a_value_that_no_order_saves_is_looked_for_beside_its_place() -> None:
    """The file has address 1 where the value is at 0: half of it and half of the next one."""
    registers = float_at("holding", 0, 7.25) | {("holding", 2): 0xFFFF, ("holding", 3): 0}
    settings = device(PH | {"address": 1})
    held = (Block("holding", 1, 2, (registers["holding", 1], 0xFFFF)),)
    meter = Meter(registers)
    assert ("one lower", "holding", 0, True) in looked_beside(meter, settings, held)
    beside = run(look_beside(meter, settings, held))
    said = verdict(Heard(PORT, 3, read=held, beside=beside), settings)
    assert said[1] == "  one lower, holding 0 (400001) is answered: pH would be 7.25"


def test_what_is_right_is_not_asked_about_again() -> None:
    meter = Meter(float_at("holding", 0, 7.25))
    assert looked_beside(meter, device(), (Block("holding", 0, 2, words(7.25)),)) == []
    assert looked_beside(meter, device(), (Block("holding", 0, 2, words(7.85, "CDAB")),)) == []
    assert meter.asked == [], "another order explains it"


def test_a_silent_device_is_not_asked_beside() -> None:
    meter = Meter({})
    assert looked_beside(meter, device(), (Block("holding", 0, 2, (), "no answer"),)) == []
    assert meter.asked == []


@pytest.mark.pure
def test_blocks_are_what_was_asked_and_answered() -> None:
    request = ReadRequest(3, 0, 2)
    asked = [
        Asked(encode_request(request), b"\x83\x02"),
        Asked(encode_request(request), encode_reply(request, words(7.25))),
        Asked(encode_request(request), None, NoAnswer("silence")),
        Asked(encode_request(request), b"\x03\x01\x00"),
        Asked(b"\x2b\x0e\x01\x00", b"\xab\x01"),
    ]
    held = blocks(asked)
    assert [block.why for block in held][:3] == ["exception 2", "", "silence"]
    assert len(held) == 4
    assert words_of(Point("pH", "holding", 0, "float32", "ABCD", 2), held) == words(7.25)


@pytest.mark.pure
def test_pieces_of_one_answer_are_one() -> None:
    trace = Trace()
    told: list[tuple[Kind, bytes]] = [("opened", b""), ("sent", b"ab"), ("heard", b"c"), ("unasked", b"d")]
    for kind, data in (*told, ("sent", b"e"), ("trouble", b"")):
        trace(Passed(0.0, kind, data))
    assert [(each.sent, each.data) for each in trace.passed] == [(True, b"ab"), (False, b"cd"), (True, b"e")]
    assert trace.last_heard == b""


@pytest.mark.pure
def test_a_line_that_talks_without_end_fills_neither_memory_nor_screen() -> None:
    trace = Trace()
    trace(Passed(0.0, "sent", b"ab"))
    for _ in range(3):
        trace(Passed(0.0, "heard", bytes(MOST_BYTES - 1)))
    trace(Passed(0.0, "sent", b"e"))
    assert [(each.sent, len(each.data), each.more) for each in trace.passed] == [
        (True, 2, 0),
        (False, MOST_BYTES, 2 * MOST_BYTES - 3),
        (True, 1, 0),
    ]
