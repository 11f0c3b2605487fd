"""What a technician reads beside the bytes: the device, values with their units, what is wrong with a frame."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cutting import Framing
from drivers.described import Named, describe, named
from drivers.frames import Frame, Frames
from drivers.modbus_settings import Settings
from drivers.protocols import modbus_ascii, modbus_rtu, modbus_tcp
from drivers.tap import Kind, Passed

pytestmark = pytest.mark.pure

READ_THREE = bytes.fromhex("03 00 00 00 03")
THREE = bytes.fromhex("03 06 40 F7 0A 3D 01 2F")


def channels(count: int) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"id": f"c{n}", "table": "holding", "address": n, "type": "uint16", "unit": "1"} for n in range(count)
    )


PH = named(
    "ph",
    Settings.model_validate(
        {
            "unit": 1,
            "channel": (
                {"id": "pH", "table": "holding", "address": 0, "type": "float32", "unit": "pH"},
                {"id": "T", "table": "holding", "address": 2, "type": "int16", "scale": 0.1, "unit": "degC"},
                {"id": "elsewhere", "table": "input", "address": 0, "type": "uint16", "unit": "1"},
            ),
        }
    ),
)


def told(
    framing: Framing, *passed: tuple[Kind, bytes], devices: dict[int, Named] | None = None
) -> list[tuple[str, ...]]:
    frames, shown = Frames(framing), []
    for number, (kind, octets) in enumerate(passed):
        shown += frames.feed(Passed(float(number), kind, octets, "as said"))
    shown += frames.end()
    return [describe(framing, frame, {1: PH} if devices is None else devices) for frame in shown]


def test_an_answer_is_registers_and_the_channels_in_them() -> None:
    asked = modbus_tcp.encode(modbus_tcp.Adu(17, 1, READ_THREE))
    answer = modbus_tcp.encode(modbus_tcp.Adu(17, 1, THREE))
    assert told("tcp", ("sent", asked), ("heard", answer)) == [
        ("unit 1 (ph): read holding 0..2 · no. 17",),
        ("unit 1 (ph): holding 0..2 = 16631 2621 303 · no. 17", "pH 7.72, T 30.3 degC"),
    ]


def test_a_channel_that_is_not_wholly_in_the_answer_is_left_out() -> None:
    asked = modbus_rtu.encode_frame(1, bytes.fromhex("03 00 01 00 02"))
    answer = modbus_rtu.encode_frame(1, bytes.fromhex("03 04 0A 3D 01 2F"))
    assert told("rtu", ("sent", asked), ("heard", answer))[1][1] == "T 30.3 degC"


def test_a_register_that_holds_no_number_says_so() -> None:
    asked = modbus_rtu.encode_frame(1, READ_THREE)
    answer = modbus_rtu.encode_frame(1, bytes.fromhex("03 06 7F C0 00 00 01 2F"))
    assert told("rtu", ("sent", asked), ("heard", answer))[1][1] == "pH no number, T 30.3 degC"


def test_of_a_device_with_many_channels_the_first_ones_are_shown() -> None:
    many = named("many", Settings.model_validate({"unit": 1, "channel": channels(20)}))
    asked = modbus_rtu.encode_frame(1, bytes.fromhex("03 00 00 00 14"))
    answer = modbus_rtu.encode_frame(1, b"\x03\x28" + bytes(40))
    words = told("rtu", ("sent", asked), ("heard", answer), devices={1: many})[1][1]
    assert words.startswith("c0 0, c1 0")
    assert words.endswith("c11 0, … 20 channels")


def test_a_unit_that_is_not_in_the_file_has_no_name() -> None:
    answer = modbus_rtu.encode_frame(9, bytes.fromhex("83 02"))
    asked = modbus_rtu.encode_frame(1, READ_THREE)
    shown = told("rtu", ("sent", asked), ("heard", answer))[1]
    assert shown == ("unit 9: refuses function 3: exception 2, illegal data address · CRC right",)


def test_what_the_driver_said_is_passed_on() -> None:
    assert told("characters", ("heard", b"LEV 2.743 m\r\n"), ("read", b"")) == [
        ("LEV 2.743 m<CR><LF>",),
        ("as said",),
    ]


def test_modbus_ascii_shows_its_lrc() -> None:
    asked, answer = modbus_ascii.encode_frame(1, READ_THREE), modbus_ascii.encode_frame(1, THREE)
    wrong = answer[:-4] + b"00\r\n"
    shown = told("ascii", ("sent", asked), ("heard", wrong), ("heard", b"?"), ("heard", answer))
    assert shown[1] == ("DAMAGED: LRC is 00, of these bytes it is 48",)
    assert shown[2] == ("NOISE, no frame: ?",)
    assert shown[3][0].endswith("LRC right")


WHOLE = modbus_rtu.encode_frame(1, THREE)


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        (WHOLE[:-2] + b"\x00\x00", "DAMAGED: as long as the answer of unit 1; CRC is 00 00, of these bytes"),
        (b"\x00" + WHOLE[1:], "DAMAGED: as long as the answer of unit 1; CRC is"),
        (WHOLE[:7], "CUT SHORT: 7 of the 11 bytes that unit 1 should answer"),
        (WHOLE[:4] + b"\xff" + WHOLE[4:], "TOO LONG: the 11 bytes of unit 1 and more; CRC is"),
        (b"\x01\x83\x02\x00", "CUT SHORT: 4 of the 5 bytes"),
        (b"\xff\xfe", "NOISE: no frame"),
        (b"\x80\x00\x80\x00", "NOISE: no frame"),
    ],
)
def test_bytes_that_are_no_frame_say_what_they_were_meant_to_be(heard: bytes, words: str) -> None:
    (shown,) = told("rtu", ("sent", modbus_rtu.encode_frame(1, READ_THREE)), ("heard", heard))[1]
    assert shown.startswith(words)


def test_noise_that_no_question_goes_before_is_noise() -> None:
    assert told("rtu", ("unasked", b"\x01\x03\x00"))[0][0].startswith("NOISE")
    assert told("tcp", ("unasked", b"SSH-2.0-x\r\n"))[0] == ("NOISE, no Modbus TCP: SSH-2.0-x<CR><LF>",)


def test_an_instrument_of_characters_has_a_name_and_no_channels_to_decode() -> None:
    from drivers.ascii import Settings as AsciiSettings

    settings = AsciiSettings.model_validate(
        {"request": r"D\r", "pattern": "{pH}", "channel": ({"id": "pH", "unit": "pH"},)}
    )
    assert named("meter", settings) == Named("meter")
    assert describe("characters", Frame(0.0, ">", b"D\r"), {}) == ("D<CR>",)


REAL = st.sampled_from(
    [
        modbus_rtu.encode_frame(1, READ_THREE),
        WHOLE,
        modbus_rtu.encode_frame(1, b"\x83\x02"),
        modbus_rtu.encode_frame(1, b"\x2b\x0e\x01\x00"),
        modbus_rtu.encode_frame(1, b"\x08\x00\x00\x12\x34"),
        modbus_tcp.encode(modbus_tcp.Adu(1, 1, READ_THREE)),
        modbus_tcp.encode(modbus_tcp.Adu(1, 1, THREE)),
        modbus_tcp.encode(modbus_tcp.Adu(2, 1, b"\x03")),
        modbus_ascii.encode_frame(1, READ_THREE),
        modbus_ascii.encode_frame(1, THREE),
        b"LEV 2.7 m\r\n",
    ]
)
CUT = st.tuples(REAL, st.integers(0, 20)).map(lambda cut: cut[0][: cut[1]])
OCTETS = st.one_of(REAL, CUT, st.binary(max_size=40))
PASSED = st.tuples(st.sampled_from(("sent", "heard", "unasked", "read", "trouble", "opened")), OCTETS)


@pytest.mark.parametrize("framing", ["tcp", "udp", "rtu", "ascii", "characters"])
@settings(deadline=None)
@given(passed=st.lists(PASSED, max_size=12))
def test_whatever_passes_is_shown_whole_and_in_words(
    framing: Framing, passed: list[tuple[Kind, bytes]]
) -> None:
    frames, shown = Frames(framing), []
    for number, (kind, octets) in enumerate(passed):
        shown += frames.feed(Passed(number / 10, kind, octets, "as said"))
    shown += frames.end()
    for way, kinds in (("<", ("heard", "unasked")), (">", ("sent",))):
        went = b"".join(octets for kind, octets in passed if kind in kinds)
        assert b"".join(frame.octets for frame in shown if frame.way == way) == went
    assert all(describe(framing, frame, {1: PH}) for frame in shown)
