"""C-Link: the manuals' conversations, sums, and echoes that are not ours."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from drivers.protocols import clink
from drivers.protocols.clink import Command, Measured, Wire
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal
from tests.drivers.protocols.feeding import feed_every_way

pytestmark = pytest.mark.pure

PLAIN, SUMMED = Wire(), Wire(checksum=True)
O3 = Command("o3", 49)

MEASURED = {
    "ozone": ("o3", b"o3 30.781 ppb\r", "30.781", "ppb"),
    "id": ("instrument id", b"instrument id 42\r", "42", ""),
    "5030i B-12": ("neph", b"neph 1.405E+01 \xb5g/m3\r", "14.05", "ug/m3"),
    "43i B-29": ("custom 1", b"custom 1 550E-2 ppm\r", "5.50", "ppm"),
    "48i B-13, pressure": ("pres", b"pres 753.4 mmHg\r", "753.4", "mmHg"),
    "48i B-13, ratio": ("ratio", b"ratio 1.161100\r", "1.161100", ""),
    "410i B-24": ("no of lrec", b"no of lrec 50 recs\r", "50", "recs"),
    "a star": ("o3", b"o3 30.781 ppb*\r", "30.781", "ppb"),
    "a star and what may follow it": ("o3", b"o3 30.781 ppb*03 ab\r", "30.781", "ppb"),
    "an echo in capitals": ("o3", b"O3 30.781 ppb\r", "30.781", "ppb"),
    "the value on its own line": ("o3", b"o3\n30.781 ppb\r", "30.781", "ppb"),
    "what TCP leaves between replies": ("o3", b"\x00\r\no3 30.781 ppb\r", "30.781", "ppb"),
    "negative": ("no", b"no -8413E-1 ppb\r", "-841.3", "ppb"),
    "spaces": ("o3", b"o3   30.781  ppb \r", "30.781", "ppb"),
}


@pytest.mark.parametrize(("words", "wire", "value", "unit"), MEASURED.values(), ids=MEASURED)
def test_a_value_is_read(words: str, wire: bytes, value: str, unit: str) -> None:
    take = _take(Command(words), PLAIN)
    feed_every_way(wire, Measured(Decimal(value), unit), lambda buffer: _measured(take(buffer)))


def _take(command: Command, wire: Wire) -> Callable[[bytearray], clink.Answer | None]:
    return lambda buffer: clink.take_reply(buffer, command, wire)


def _measured(answer: clink.Answer | None) -> Measured | None:
    return None if answer is None else clink.measured(answer)


def _answer(words: str, reply: bytes, wire: Wire = PLAIN) -> clink.Answer:
    answer = clink.take_reply(bytearray(reply), Command(words), wire)
    assert answer is not None
    return answer


def test_a_command_goes_to_one_instrument() -> None:
    assert clink.encode_request(Command("time", 48)) == b"\xb0time\r"  # 48i B-2: character 176
    assert clink.encode_request(Command("time", 14)) == b"\x8etime\r"  # 5028i B-2: character 142
    assert clink.encode_request(Command("flags")) == b"flags\r"
    for command in (
        Command("time", 48),
        Command("set gas unit ppm", 0),
        Command("flags"),
        Command("o3", 127),
    ):
        feed_every_way(clink.encode_request(command), command, clink.take_request)


def test_noise_before_a_command_is_cut_off_and_shown() -> None:
    buffer = bytearray(b"\x00x\xfe\xb1o3\r")
    with pytest.raises(Malformed) as noise:
        clink.take_request(buffer)
    assert noise.value.evidence == b"\x00x\xfe"
    assert clink.take_request(buffer) == O3


@pytest.mark.parametrize("line", [b"\r", b"\xb1\r", b"o\x003\r", b"x" * 256 + b"\r", b"x" * 300 + b"\r"])
def test_what_is_no_command(line: bytes) -> None:
    buffer = bytearray(line)
    with pytest.raises(Malformed):
        clink.take_request(buffer)
    assert buffer == b""


@pytest.mark.parametrize("words", ["", " o3", "o3 ", "o3\r", "µ", "set  x", "x" * 256])
def test_a_command_that_is_not_words_is_not_sent(words: str) -> None:
    with pytest.raises(ValueError, match="a command"):
        Command(words)


def test_an_instrument_id_has_seven_bits() -> None:
    with pytest.raises(ValueError, match=r"0\.\.127"):
        Command("o3", 128)


@pytest.mark.parametrize(
    ("words", "body", "sum_"),
    [("flags", "00000000", "03ad"), ("so2", "12.3 ppb", "035a"), ("set format 01", "ok", "0570")],
)
def test_sums_of_the_manual_and_of_the_reference(words: str, body: str, sum_: str) -> None:
    """0570 is printed in 48C B-19; it counts neither the line feed nor `sum`."""
    command, frame = Command(words), f"{words} {body}\nsum {sum_}\r".encode()
    assert clink.encode_reply(command, body, wire=SUMMED) == frame
    feed_every_way(frame, clink.Answer(command, (body,)), _take(command, SUMMED))


def test_the_line_feed_may_count() -> None:
    wire = Wire(checksum=True, sum_with_line_feed=True)
    frame = b"flags 00000000\nsum 03b7\r"
    assert clink.encode_reply(Command("flags"), "00000000", wire=wire) == frame
    assert _answer("flags", frame, wire).words == "00000000"
    with pytest.raises(Malformed, match="the sum is not"):
        _answer("flags", frame, SUMMED)


def test_a_sum_is_checked_even_where_none_is_expected() -> None:
    assert _answer("so2", b"so2 12.3 ppb\nsum 035A\r").words == "12.3 ppb"
    with pytest.raises(Malformed, match="the sum is not 035a"):
        _answer("so2", b"so2 12.3 ppb\nsum 035b\r")


def test_a_missing_sum_is_a_broken_reply() -> None:
    with pytest.raises(Malformed, match="without its sum"):
        _answer("so2", b"so2 12.3 ppb\r", SUMMED)


def test_no_flipped_byte_of_a_summed_reply_gives_another_value() -> None:
    frame = b"so2 12.3 ppb\nsum 035a\r"
    for place in range(len(frame)):
        for changed in range(256):
            wire = frame[:place] + bytes((changed,)) + frame[place + 1 :]
            assert set(_values_in(wire, Command("so2"), SUMMED)) <= {Measured(Decimal("12.3"), "ppb")}
            if wire.lower() != frame:
                assert _values_in(wire, Command("so2"), SUMMED) == []


def _values_in(wire: bytes, command: Command, line: Wire) -> list[Measured]:
    """Everything that is taken from these bytes; every turn shortens the buffer or ends it."""
    buffer, found = bytearray(wire), list[Measured]()
    while True:
        before = len(buffer)
        try:
            answer = clink.take_reply(buffer, command, line)
            if answer is None:
                assert len(buffer) == before
                return found
            found.append(clink.measured(answer))
        except Malformed:
            pass
        assert len(buffer) < before


def test_a_flipped_byte_without_a_sum_raises_nothing_but_malformed() -> None:
    frame = b"so2 12.3 ppb*\r"
    for place in range(len(frame)):
        for changed in range(256):
            _values_in(frame[:place] + bytes((changed,)) + frame[place + 1 :], Command("so2"), PLAIN)


@pytest.mark.parametrize(
    "reply",
    [
        b"hio3 5.0 ppb\r",
        b"o33 5.0 ppb\r",
        b"o315.0 ppb\r",
        b"5.0 ppb\r",
        b"o 3 5.0\r",
        b"\xfeo3 5.0 ppb\r",
        b"xo3 5.0 ppb\r",
    ],
)
def test_the_answer_to_another_question_is_no_value(reply: bytes) -> None:
    assert _values_in(reply, O3, PLAIN) == []


@pytest.mark.parametrize(
    "reply", [b"o3\r", b"o3 bkg 0.5 ppb\r", b"o3 nan ppb\r", b"o3 5.0 ppb\n6.0 ppb\r", b"o3 5,0 ppb\r"]
)
def test_an_answer_without_one_number_is_no_value(reply: bytes) -> None:
    answer = _answer("o3", reply)
    with pytest.raises(Malformed):
        clink.measured(answer)


@pytest.mark.parametrize("said", clink.REFUSALS)
@pytest.mark.parametrize("wire", [PLAIN, SUMMED, Wire(star=True)])
def test_the_instrument_says_no(said: str, wire: Wire) -> None:
    command = Command("set unit ppm", 42)
    frame = clink.encode_reply(command, said, wire=wire)
    with pytest.raises(Refusal, match=said):
        clink.take_reply(bytearray(frame), command, wire)


@pytest.mark.parametrize("reply", [b"bad cmd\r", b"set unit ppm\nbad cmd\r"])
def test_a_refusal_may_come_without_the_echo_or_below_it(reply: bytes) -> None:
    with pytest.raises(Refusal, match="not recognized"):
        _answer("set unit ppm", reply)


def test_flags_are_a_word_of_32_bits() -> None:
    assert clink.flags(_answer("flags", b"flags 80068000\r")) == 0x80068000  # 48i B-13
    assert clink.flags(_answer("flags", b"flags 0C100400\r")) == 0x0C100400
    for reply in (
        b"flags 8006800\r",
        b"flags 800680000\r",
        b"flags 8006800g\r",
        b"flags\r",
        b"flags 8006 8000\r",
    ):
        with pytest.raises(Malformed):
            clink.flags(_answer("flags", reply))


def test_a_set_is_confirmed() -> None:
    clink.check_accepted(_answer("set instrument id 50", b"set instrument id 50 ok\r"))
    with pytest.raises(Malformed, match="is not ok"):
        clink.check_accepted(_answer("set instrument id 50", b"set instrument id 50\r"))


def test_what_an_instrument_says_of_itself() -> None:
    span = clink.state_of(_answer("gas mode", b"gas mode span\r"))
    assert span is not None
    assert span.flag == "calibration"
    sample = clink.state_of(_answer("gas mode", b"gas mode sample*\r"))
    assert sample is not None
    assert sample.flag is None
    assert clink.state_of(_answer("gas mode", b"gas mode leak\r")) is None
    assert clink.state_of(_answer("range mode", b"range mode single\r")) is None


def test_a_last_digit_whose_parity_is_wrong_is_no_shorter_number() -> None:
    """A serial port reads it as NUL (drivers.serial_stream)."""
    with pytest.raises(Malformed):
        _answer("cellai", b"cellai 5092\x00\r")
    with pytest.raises(Malformed):
        _answer("o3", b"o3 30.78\x00\n\r")


def test_over_tcp_a_reply_may_end_otherwise() -> None:
    wire = Wire(end=b"\x00")
    answer = _answer("o3", b"o3\r\n30.781 ppb*\r\n\x00", wire)
    assert clink.measured(answer) == Measured(Decimal("30.781"), "ppb")
    summed = Wire(checksum=True, end=b"\x00")
    assert _answer("so2", b"so2 12.3 ppb\nsum 035a\r\x00", summed).words == "12.3 ppb"


def test_a_reply_is_written_as_it_is_read() -> None:
    for wire in (PLAIN, SUMMED, Wire(star=True), Wire(checksum=True, star=True, end=b"\r\x00")):
        frame = clink.encode_reply(O3, "30.781 ppb", wire=wire)
        feed_every_way(frame, clink.Answer(O3, ("30.781 ppb",)), _take(O3, wire))
        many = clink.encode_reply(Command("lrec 2 2"), records=("one", "two"), wire=wire)
        assert _answer("lrec 2 2", many, wire).lines == ("one", "two")
