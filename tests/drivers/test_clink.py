"""C-Link on a line: what an ozone analyzer answers, what it does while it answers, and sums that prove it."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.station import load_station
from agent.tables import settings_of, wire_of
from config.errors import StationFileError
from drivers.clink import ClinkDriver, Settings
from drivers.driver import Cycle
from drivers.errors import Garbled, NoAnswer, Refused, Unreachable
from drivers.lines import bus_for, on
from drivers.protocols.clink import Command, encode_reply, encode_request
from drivers.protocols.clink import Wire as Wording
from sim.rehearsal import Rehearsal, rewrite
from sim.served import ServedLog
from sim.talk import TalkFace
from sim.talkers.clink import ClinkTalker
from sim.twin import Wishes, serve, wires
from telemetry.reading import Flag, Reading
from tests.drivers.simulated_talk import SimulatedLine, TalkingLine, moment
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

    def answer(request: bytes) -> list[tuple[float, bytes]]:
        words = request.lstrip(b"\xb1").rstrip(b"\r")
        return [(0.05, answers[words])] if words in answers else []

    line = SimulatedLine(answer, **more)
    async with line.bus:
        cycle = await ClinkDriver(asked, line.bus).read()
    return cycle, [request for _, request in line.requests]


def readings(cycle: Cycle) -> tuple[Reading, ...]:
    return tuple(reading for block in cycle.blocks for reading in block.readings)


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


STATION = """\
[station]
id = "AIR"

[[line]]
id = "rs485"
url = "serial:///dev/ttyS77?baudrate=9600&parity=N"
timeout = "300ms"
guard = "50ms"

[[line]]
id = "server"
url = "tcp://10.0.0.6:9880"
timeout = "300ms"
guard = "50ms"

[[device]]
id = "o3"
line = "rs485"
driver = "clink"
unit = 49
checksum = true
every = "5s"
channel = [
  { id = "O3", field = "o3", unit = "ppb" },
  { id = "flow", field = "flow a", unit = "L/min", instrument_unit = "CC/M" },
  { id = "flags", unit = "1" },
]

[[device]]
id = "so2"
line = "rs485"
driver = "clink"
unit = 43
checksum = true
sum_with_line_feed = true
states = ["gas mode", "mode"]
flag_bits = { "0000000F" = "instrument_fault" }
every = "5s"
channel = [ { id = "SO2", field = "so2", unit = "ug/m3", instrument_unit = "ppb", scale = 2.62 } ]

[[device]]
id = "pm"
line = "server"
driver = "clink"
states = []
end = "nul"
every = "5s"
channel = [
  { id = "PM10", field = "pm", unit = "µg/m3" },
  { id = "T", field = "ambient temp", unit = "°C" },
  { id = "ratio", unit = "1" },
]
"""


def written(folder: Path, text: str = STATION) -> Path:
    file = folder / "station.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.system
async def test_the_twin_is_read_on_a_pseudo_terminal_and_over_tcp(tmp_path: Path) -> None:
    file = written(tmp_path)
    served = ServedLog()
    read: dict[tuple[str, str], Any] = {}
    async with serve(load_station(file, elsewhere=True), Wishes(links=tmp_path), served) as (urls, _):
        copy = tmp_path / "rehearsal.toml"
        copy.write_text(rewrite(STATION, "station.toml", Rehearsal(urls, "k.pem", "l.db")), encoding="utf-8")
        station = load_station(copy, elsewhere=True)
        for line in station.lines:
            devices = [device for device in station.devices if device.line == line.id]
            async with bus_for(wire_of(line), [settings_of(device) for device in devices], lambda: 0) as bus:
                for device in devices:
                    cycle = await on(bus, ClinkDriver, settings_of(device)).read()
                    assert cycle.errors == (), device.id
                    assert all(reading.flags == 0 for reading in readings(cycle))
                    read |= {(device.id, name): value for name, value, _ in readings(cycle)}
    last = {(answer.device, name): value for answer in served.kept for name, value in answer.values.items()}
    assert read == last
    assert len(read) == 7


def talking(folder: Path, *faults: str, **more: Any) -> tuple[TalkingLine, dict[str, ClinkDriver]]:
    """The twin of the line rs485 in virtual time, and the drivers of its devices."""
    station = load_station(written(folder), elsewhere=True)
    face = wires(station, Wishes(), ServedLog(), moment)["rs485"].face
    assert isinstance(face, TalkFace)
    line = TalkingLine(face, faults=faults, timeout="1s", guard="1s", **more)
    devices = [device for device in station.devices if device.line == "rs485"]
    return line, {device.id: ClinkDriver(settings_of(device), line.bus) for device in devices}


FAULTS = ("silent", "late=1.2", "truncated", "flip", "flip=3", "noise", "close", "reboot=3", "slow=0.5")


@pytest.mark.parametrize("fault", FAULTS)
@in_virtual_time
async def test_every_fault_gives_the_right_value_or_none(tmp_path: Path, fault: str) -> None:
    line, drivers = talking(tmp_path, f"{fault}%20/o3", retries=1)
    whole = 0
    async with line.bus:
        for _ in range(40):
            before = len(line.wire.served.kept)
            for device, driver in drivers.items():
                got = await polled(driver)
                served = [
                    answer for answer in list(line.wire.served.kept)[before:] if answer.device == device
                ]
                shown = {(name, value) for answer in served for name, value in answer.values.items()}
                assert set(got.items()) <= shown, "nothing but what this instrument said in this poll"
                whole += len(got) == len(driver._settings.channel)
    assert whole >= 45
    assert sum(bool(answer.faults) for answer in line.wire.served.kept) > 5


async def polled(driver: ClinkDriver) -> dict[str, Any]:
    """The values of one poll; what has none has a reason."""
    try:
        cycle = await driver.read()
    except (NoAnswer, Garbled, Unreachable):
        return {}
    assert sorted(name for name, _, _ in readings(cycle)) == sorted(c.id for c in driver._settings.channel)
    assert all(value is not None or flags for _, value, flags in readings(cycle))
    return {name: value for name, value, _ in readings(cycle) if value is not None}


@in_virtual_time
async def test_an_analyzer_that_is_sent_span_gas_says_so(tmp_path: Path) -> None:
    line, drivers = talking(tmp_path)
    talker = line.wire.face.talker  # type: ignore[union-attr]
    assert isinstance(talker, ClinkTalker)
    async with line.bus:
        assert {flags for _, _, flags in readings(await drivers["so2"].read())} == {0}
        line.write(encode_request(Command("set span", 43)))
        talker.says[49]["flags"] = "0000000F"
        cycle = await drivers["so2"].read()
        assert {flags for _, _, flags in readings(cycle)} == {CALIBRATION}
        ozone = {name: value for name, value, _ in readings(await drivers["o3"].read())}
        assert ozone["flags"] == 15
        line.write(encode_request(Command("set sample", 43)))
        talker.says[43] |= {"mode": "service", "flags": "00000001"}
        cycle = await drivers["so2"].read()
        assert {flags for _, _, flags in readings(cycle)} == {MAINTENANCE | FAULT}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("unit = 43", "unit = 49", 'is the address of device "o3" too'),
        ("unit = 43\n", "", "asked without its address"),
    ],
)
def test_two_analyzers_whose_answers_could_be_mixed_up_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(StationFileError) as told:
        load_station(written(tmp_path, STATION.replace(old, new)), elsewhere=True)
    assert message in str(told.value)
