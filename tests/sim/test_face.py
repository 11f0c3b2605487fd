"""A request in, an answer out: every refusal counts as much as every answer."""

import pytest

from drivers.protocols.modbus_pdu import ReadRequest, WriteMany, WriteSingle, encode_request
from sim.face import Face
from tests.sim.bench import NOON, ph_meter

pytestmark = pytest.mark.pure


def _ask(face: Face, unit: int, wire: str) -> str:
    answer = face.answer(unit, bytes.fromhex(wire), NOON)
    return "silence" if answer is None else answer.pdu.hex(" ")


def test_a_read_is_answered_and_says_what_it_served() -> None:
    answer = Face({3: ph_meter()}).answer(3, encode_request(ReadRequest(3, 0, 3)), NOON)
    assert answer is not None
    assert answer.pdu.hex(" ") == "03 06 40 f0 00 00 01 1c"
    assert (answer.function, answer.address, answer.exception) == (3, 0, 0)
    assert answer.words == (0x40F0, 0, 284)
    assert answer.values == {"pH": 7.5, "temperature": 28.4}


def test_bits_are_answered_in_bytes() -> None:
    assert _ask(Face({3: ph_meter()}), 3, "02 00 03 00 01") == "02 01 01"
    assert _ask(Face({3: ph_meter()}), 3, "01 00 00 00 01") == "01 01 00"


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("07", "87 01"),  # a function that is not spoken
        ("04 00 00 00 01", "84 02"),  # a table without registers
        ("03 00 02 00 02", "83 02"),  # runs over the end
        ("03 ff ff 00 02", "83 02"),  # runs over the last address there is
        ("03 00 00 00 00", "83 03"),  # no register
        ("03 00 00 00 7e", "83 03"),  # too many
        ("03 00 00", "83 03"),  # cut
        ("05 00 00 12 34", "85 03"),  # neither on nor off
        ("06 00 00 00 01", "86 02"),  # a measured value is not written
        ("2b 0e 04 63", "ab 02"),  # an object that is not there
        ("2b 0d 00 00", "ab 01"),  # another encapsulated transport
    ],
)
def test_a_wrong_request_is_refused_as_the_specification_says(asked: str, answered: str) -> None:
    assert _ask(Face({3: ph_meter()}), 3, asked) == answered


def test_a_refusal_is_written_down_with_the_address_asked_for() -> None:
    answer = Face({3: ph_meter()}).answer(3, bytes.fromhex("03 00 50 00 02"), NOON)
    assert answer is not None
    assert (answer.function, answer.address, answer.exception, answer.words) == (3, 0x50, 2, ())


def test_an_instrument_that_speaks_only_two_functions_refuses_the_rest() -> None:
    instrument = ph_meter()
    instrument.functions = frozenset({3, 4})
    assert _ask(Face({3: instrument}), 3, "01 00 00 00 01") == "81 01"
    assert _ask(Face({3: instrument}), 3, "2b 0e 01 00") == "ab 01"


def test_a_broken_instrument_answers_exception_4_to_everything() -> None:
    instrument = ph_meter()
    instrument.broken = True
    assert _ask(Face({3: instrument}), 3, "03 00 00 00 01") == "83 04"
    assert _ask(Face({3: instrument}), 3, "2b 0e 01 00") == "ab 04"


def test_writes_are_confirmed_and_kept() -> None:
    face = Face({3: ph_meter()})
    assert _ask(face, 3, "06 00 64 00 2a") == "06 00 64 00 2a"
    assert _ask(face, 3, "03 00 64 00 01") == "03 02 00 2a"
    wrote = face.answer(3, encode_request(WriteMany(15, 0, (1,))), NOON)
    assert wrote is not None
    assert wrote.pdu.hex(" ") == "0f 00 00 00 01"
    assert _ask(face, 3, "01 00 00 00 01") == "01 01 01"


def test_a_device_says_who_it_is() -> None:
    assert bytes.fromhex(_ask(Face({3: ph_meter()}), 3, "2b 0e 01 00")).endswith(b"\x01\x08Bench pH\x02\x011")


def test_a_unit_that_nobody_has_is_silence_on_a_line_and_exception_11_behind_a_port() -> None:
    assert _ask(Face({3: ph_meter()}), 4, "03 00 00 00 01") == "silence"
    assert _ask(Face({3: ph_meter()}, gateway=True), 4, "03 00 00 00 01") == "83 0b"


def test_a_broadcast_is_obeyed_by_all_and_answered_by_none() -> None:
    face = Face({3: ph_meter("a"), 4: ph_meter("b")})
    assert face.answer(0, encode_request(WriteSingle(6, 100, 9)), NOON) is None
    assert {_ask(face, unit, "03 00 64 00 01") for unit in (3, 4)} == {"03 02 00 09"}


def test_a_rebooting_instrument_is_silent() -> None:
    instrument = ph_meter()
    instrument.reboot(NOON, silent_s=5)
    assert _ask(Face({3: instrument}), 3, "03 00 00 00 01") == "silence"
