"""C-Link on a line: what an ozone analyzer answers, what it does while it answers, and sums that prove it."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers.clink import ClinkDriver, Settings
from drivers.driver import Cycle
from drivers.errors import Garbled, NoAnswer, Refused
from drivers.protocols.clink import Command, encode_reply, encode_request
from drivers.protocols.clink import Wire as Wording
from sim.talkers.clink import ClinkTalker
from telemetry.reading import Flag, Reading
from tests.drivers.air_analyzers import CLINK, flags, readings, talking
from tests.drivers.air_analyzers import asked as analyzer_asked
from tests.virtual_time import in_virtual_time

FAULT, CALIBRATION = int(Flag.INSTRUMENT_FAULT), int(Flag.CALIBRATION)
NO_COMMUNICATION, MAINTENANCE = int(Flag.NO_COMMUNICATION), int(Flag.MAINTENANCE)
O3 = {"id": "O3", "field": "o3", "unit": "ppb"}
PRES = {"id": "pressure", "field": "pres", "unit": "mmHg"}
SAMPLE = {b"gas mode": b"gas mode sample\r"}


def settings(*channels: dict[str, Any], **more: Any) -> Settings:
    found = Settings.model_validate_json(json.dumps({"unit": 49, "channel": channels or [O3], **more}))
    assert list(found.problems()) == []
    return found


async def said(asked: Settings, answers: dict[bytes, bytes], **more: Any) -> tuple[Cycle, list[bytes]]:
    """What the driver makes of an analyzer that gives these answers to these words, and what was sent."""

    def answer(request: bytes) -> bytes | None:
        return answers.get(request.lstrip(b"\xb1").rstrip(b"\r"))

    return await analyzer_asked(ClinkDriver, asked, answer, **more)


@in_virtual_time
async def test_a_49i_is_asked_what_it_does_and_then_what_it_measures() -> None:
    answers = {**SAMPLE, b"o3": b"o3 30.781 ppb\r", b"pres": b"pres 753.4 mmHg\r"}
    cycle, sent = await said(settings(O3, PRES), answers)
    assert sent == [b"\xb1gas mode\r", b"\xb1o3\r", b"\xb1pres\r"]
    assert readings(cycle) == (Reading("O3", 30.781), Reading("pressure", 753.4))
    assert cycle.errors == ()
    first, second = cycle.blocks
    assert second.at_mono_ms - first.at_mono_ms >= 50, "each value has the time of its own answer"


@pytest.mark.parametrize(
    ("answer", "flags"),
    [(b"gas mode zero\r", CALIBRATION), (b"gas mode span*\r", CALIBRATION), (b"gas mode sample\r", 0)],
)
@in_virtual_time
async def test_a_span_check_is_never_taken_for_outside_air(answer: bytes, flags: int) -> None:
    cycle, _ = await said(settings(), {b"gas mode": answer, b"o3": b"o3 400.2 ppb\r"})
    assert readings(cycle) == (Reading("O3", 400.2, flags),)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"gas mode leak check\r", 'gas mode is "leak check", which no manual here explains'),
        (b"gas mode bad cmd\r", "if this model has no gas mode, take it out of states"),
    ],
)
@in_virtual_time
async def test_an_analyzer_whose_doing_nobody_knows_measures_nothing(answer: bytes, told: str) -> None:
    cycle, _ = await said(settings(), {b"gas mode": answer, b"o3": b"o3 30.781 ppb\r"})
    assert readings(cycle) == (Reading("O3", 30.781, FAULT),)
    assert told in str(cycle.errors[0])


@in_virtual_time
async def test_service_mode_is_maintenance() -> None:
    answers = {**SAMPLE, b"mode": b"mode service\r", b"o3": b"o3 30.781 ppb\r"}
    cycle, sent = await said(settings(states=["gas mode", "mode"]), answers)
    assert readings(cycle) == (Reading("O3", 30.781, MAINTENANCE),)
    assert len(sent) == 3


@pytest.mark.parametrize(
    ("word", "flags", "told"),
    [
        (b"00000000", 0, None),
        (b"0C100400", CALIBRATION, None),
        (b"0C100002", CALIBRATION | FAULT, "reports a fault (flags 0C100002)"),
        (b"0C10", FAULT, "eight hexadecimal digits"),
        (b"bad cmd", FAULT, "not recognized"),
    ],
)
@in_virtual_time
async def test_bits_of_the_word_flags_mean_what_the_file_says(
    word: bytes, flags: int, told: str | None
) -> None:
    bits = {"0C000000": "calibration", "0000000f": "instrument_fault"}
    answers = {b"flags": b"flags " + word + b"\r", b"o3": b"o3 30.781 ppb\r"}
    cycle, _ = await said(settings(states=[], flag_bits=bits), answers)
    assert readings(cycle) == (Reading("O3", 30.781, flags),)
    assert [bool(told and told in str(error)) for error in cycle.errors] == [True] * bool(told)


@in_virtual_time
async def test_the_word_itself_can_be_a_channel() -> None:
    word = {"id": "flags", "unit": "1"}
    cycle, _ = await said(settings(word, states=[]), {b"flags": b"flags 80068000\r"})
    assert readings(cycle) == (Reading("flags", 0x80068000),)
    broken, _ = await said(settings(word, states=[]), {b"flags": b"flags 8006800\r"})
    assert readings(broken) == (Reading("flags", None, FAULT),)


@in_virtual_time
async def test_a_unit_that_was_changed_in_the_menu_is_converted_or_refused() -> None:
    cycle, _ = await said(settings(), {**SAMPLE, b"o3": b"o3 3.0781E-02 ppm\r"})
    assert readings(cycle) == (Reading("O3", 30.781),)
    cycle, _ = await said(settings(), {**SAMPLE, b"o3": b"o3 61.562 \xb5g/m3\r"})
    assert readings(cycle) == (Reading("O3", None, FAULT),)
    assert 'the instrument says "ug/m3" where the station file expects "ppb"' in str(cycle.errors[0])


@in_virtual_time
async def test_a_command_that_this_model_does_not_know_costs_its_own_channel_only() -> None:
    answers = {**SAMPLE, b"o3": b"o3 bad cmd\r", b"pres": b"pres 753.4 mmHg\r"}
    cycle, _ = await said(settings(O3, PRES), answers)
    assert sorted(readings(cycle)) == [Reading("O3", None, FAULT), Reading("pressure", 753.4)]
    assert "the command is not recognized" in str(cycle.errors[0])
    with pytest.raises(Refused):
        await said(settings(states=[]), {b"o3": b"o3 bad cmd\r"})


@in_virtual_time
async def test_a_value_that_is_missing_keeps_the_analyzers_own_reason_too() -> None:
    answers = {b"gas mode": b"gas mode span\r", b"o3": b"o3 bad cmd\r"}
    cycle, _ = await said(settings(), answers)
    assert readings(cycle) == (Reading("O3", None, FAULT | CALIBRATION),)


@in_virtual_time
async def test_an_answer_that_is_no_number_is_no_value() -> None:
    cycle, _ = await said(settings(), {**SAMPLE, b"o3": b"o3 ----- ppb\r"})
    assert readings(cycle) == (Reading("O3", None, FAULT),)
    assert str(cycle.errors[0]).startswith("O3: '-----' is not a number")


@in_virtual_time
async def test_an_analyzer_that_falls_silent_costs_one_timeout() -> None:
    cycle, sent = await said(
        settings(O3, PRES, {**PRES, "id": "again"}), {**SAMPLE, b"o3": b"o3 30.781 ppb\r"}
    )
    assert sorted(readings(cycle)) == [
        Reading("O3", 30.781),
        Reading("again", None, NO_COMMUNICATION),
        Reading("pressure", None, NO_COMMUNICATION),
    ]
    assert len(sent) == 3
    assert len(cycle.errors) == 1
    with pytest.raises(NoAnswer):
        await said(settings(O3, PRES), {})


@in_virtual_time
async def test_what_is_not_proven_by_its_sum_is_no_value() -> None:
    summed = settings(states=[], checksum=True)
    answer = encode_reply(Command("o3"), "30.781 ppb", wire=Wording(checksum=True))
    cycle, _ = await said(summed, {b"o3": answer})
    assert readings(cycle) == (Reading("O3", 30.781),)
    for wrong in (answer.replace(b"30.7", b"30.8"), b"o3 30.781 ppb\r"):
        with pytest.raises(Garbled):
            await said(summed, {b"o3": wrong})


@in_virtual_time
async def test_the_answer_to_another_command_is_not_ours() -> None:
    with pytest.raises(Garbled):
        await said(settings(states=[]), {b"o3": b"hio3 5.0 ppb\r"})


@in_virtual_time
async def test_an_instrument_without_an_id_is_asked_in_words_only() -> None:
    cycle, sent = await said(settings(unit=0, states=[], end="nul"), {b"o3": b"o3 30.781 ppb\x00"})
    assert sent == [b"o3\r"]
    assert readings(cycle) == (Reading("O3", 30.781),)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("set zero", "does more than ask"),
        ("SET format 01", "does more than ask"),
        ("push up", "does more than ask"),
        ("lrec 10 5", "does more than ask"),
        ("lr11 10 5", "does more than ask"),
        ("o3 ", "one space between"),
        ("o3\r", "ASCII words"),
        ("µ", "ASCII words"),
    ],
)
def test_a_field_asks_for_a_value_and_does_nothing_else(words: str, message: str) -> None:
    table = {"unit": 49, "channel": [{**O3, "field": words}]}
    (problem,) = Settings.model_validate_json(json.dumps(table)).problems()
    assert problem.path == ("channel", 0, "field")
    assert message in problem.message


@pytest.mark.pure
def test_what_a_device_says_of_itself() -> None:
    device = settings()
    assert (device.address(), device.alone(), device.speech()) == (49, False, "characters")
    assert settings(unit=0).alone()
    assert device.rows() == [["O3", "C-Link", "o3", "text", "", 1.0, 0.0, "ppb", None]]
    with pytest.raises(ValueError, match="flag_bits"):
        settings(flag_bits={"0C": "calibration"})


@in_virtual_time
async def test_an_analyzer_that_is_sent_span_gas_says_so(tmp_path: Path) -> None:
    line, drivers = talking(CLINK, tmp_path)
    talker = line.wire.face.talker  # type: ignore[union-attr]
    assert isinstance(talker, ClinkTalker)
    async with line.bus:
        assert flags(await drivers["so2"].read()) == {0}
        line.write(encode_request(Command("set span", 43)))
        talker.says[49]["flags"] = "0000000F"
        cycle = await drivers["so2"].read()
        assert flags(cycle) == {CALIBRATION}
        ozone = {name: value for name, value, _ in readings(await drivers["o3"].read())}
        assert ozone["flags"] == 15
        line.write(encode_request(Command("set sample", 43)))
        talker.says[43] |= {"mode": "service", "flags": "00000001"}
        cycle = await drivers["so2"].read()
        assert flags(cycle) == {MAINTENANCE | FAULT}
