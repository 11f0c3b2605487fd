"""4-20 mA through input modules: what a current means, what a module hides, and what a switch in the cabinet says."""

import json
import struct
from decimal import Decimal
from typing import Any

import pytest

from drivers.analog import AnalogDriver
from drivers.analog_settings import Settings
from drivers.driver import Cycle
from drivers.errors import NoAnswer, Refused
from drivers.exchange import Answer
from sim.devices.advantech import adam6017
from sim.devices.icpdas import m7017c
from sim.devices.moxa import e1240
from sim.face import Face
from sim.instrument import Instrument
from sim.layout import Loop
from sim.signals import Constant
from telemetry.reading import Flag, Reading
from tests.sim.bench import NOON

pytestmark = pytest.mark.pure

FAULT, ABOVE, BELOW = int(Flag.INSTRUMENT_FAULT), int(Flag.ABOVE_RANGE), int(Flag.BELOW_RANGE)
MAINTENANCE, SILENT = int(Flag.MAINTENANCE), int(Flag.NO_COMMUNICATION)
FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


class Module:
    """Registers in memory by table; what is not there is refused with exception 2. `says` comes first."""

    def __init__(self, **tables: dict[int, int]) -> None:
        self.tables = {FUNCTIONS[name]: registers for name, registers in tables.items()}
        self.asked: list[tuple[int, int, int]] = []
        self.says: dict[int, Exception] = {}

    async def __call__(self, unit: int, pdu: bytes) -> Answer:
        function, address, count = struct.unpack(">BHH", pdu)
        self.asked.append((function, address, count))
        at_mono_ms = 1000 * len(self.asked)
        if function in self.says:
            raise self.says[function]
        registers = self.tables.get(function, {})
        wanted = range(address, address + count)
        if not registers.keys() >= set(wanted):
            return Answer(bytes([function | 0x80, 2]), at_mono_ms)
        if function in (1, 2):
            body = sum(registers[a] << i for i, a in enumerate(wanted)).to_bytes((count + 7) // 8, "little")
        else:
            body = struct.pack(f">{count}H", *[registers[a] & 0xFFFF for a in wanted])
        return Answer(bytes([function, len(body)]) + body, at_mono_ms)


def described(*channels: dict[str, Any], **more: Any) -> Settings:
    given = {"unit": 1, "module": "ADAM-6017", "channel": channels, **more}
    return Settings.model_validate_json(json.dumps(given))


def driver(line: Any, *channels: dict[str, Any], **more: Any) -> AnalogDriver:
    settings = described(*channels, **more)
    assert list(settings.problems()) == []
    return AnalogDriver(settings, line)


def cod(number: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": "COD", "input": number, "span": [0, 500], "unit": "mg/L", **more}


def adam(raw: int, *, code: int = 0x0182) -> Module:
    """An ADAM-6017 whose input 0 reads `raw`; open inputs read 0."""
    return Module(holding=dict.fromkeys(range(8), 0) | {0: raw} | dict.fromkeys(range(200, 208), code))


def moxa(raw: int, status: int = 0) -> Module:
    statuses = dict.fromkeys(range(60, 68), 1) | {60: status}
    return Module(
        input=dict.fromkeys(range(8), 0) | {0: raw} | statuses, holding=dict.fromkeys(range(24, 32), 2)
    )


def only(cycle: Cycle) -> Reading:
    (reading,) = [reading for block in cycle.blocks for reading in block.readings]
    return reading


async def test_12_ma_on_an_adam_is_the_middle_of_the_span() -> None:
    """39321 is 12/20 of 65535 (ADAM-6017, 0..20 mA)."""
    module = adam(39321)
    cycle = await driver(module, cod()).read()
    assert cycle.blocks[0].at_mono_ms == 1000
    assert only(cycle) == Reading("COD", 250.0)
    assert cycle.errors == ()
    assert module.asked == [(3, 0, 1), (3, 200, 1)]


@pytest.mark.parametrize(
    ("raw", "value", "flags"),
    [
        (13107, 0.0, 0),  # 4 mA
        (12452, -6.2485, 0),  # 3.8 mA and a hair: still measuring
        (12451, -6.258, BELOW),  # just below 3.8 mA
        (11797, -12.49, BELOW),  # just above 3.6 mA
        (11796, None, FAULT),  # just below 3.6 mA
        (0, None, FAULT),  # a broken wire
        (65534, 500.0, 0),
        (65535, 500.0, ABOVE),  # the end of the scale: 20 mA or any more
    ],
)
async def test_namur_ne_43_in_the_numbers_of_an_adam(raw: int, value: float | None, flags: int) -> None:
    reading = only(await driver(adam(raw), cod()).read())
    assert reading.value == (None if value is None else pytest.approx(value, abs=0.02))
    assert reading.flags == flags


async def test_in_4_to_20_ma_mode_the_low_end_hides_a_broken_wire_and_is_never_valid() -> None:
    module = adam(0, code=0x0180)
    assert only(await driver(module, cod(), mode="4-20 mA").read()) == Reading("COD", 0.0, BELOW)


async def test_a_transmitter_whose_span_falls_is_low_when_its_current_is_high() -> None:
    empty = {"id": "room", "input": 0, "span": [5, 0], "unit": "m"}
    assert only(await driver(adam(65535), empty).read()) == Reading("room", 0.0, BELOW)
    assert only(await driver(adam(12000), empty).read()).flags == ABOVE


@pytest.mark.parametrize("code", [0x0181, 0x0180, 0x0148])
async def test_an_input_that_is_set_to_another_range_gives_no_value_and_says_so(code: int) -> None:
    """On +-20 mA 39321 means 4 mA, on 0..10 V it means 6 V: a wrong value that nobody would see."""
    cycle = await driver(adam(39321, code=code), cod()).read()
    assert only(cycle) == Reading("COD", None, FAULT)
    (error,) = cycle.errors
    assert f'the input of "COD" is set to another range (code {code}, not 386)' in str(error)
    assert "set the module's input, or mode =" in error.hint


async def test_a_module_that_hides_its_ranges_is_read_when_the_file_says_so() -> None:
    module = Module(holding={0: 39321})
    cycle = await driver(module, cod()).read()
    assert only(cycle) == Reading("COD", None, FAULT)
    assert isinstance(cycle.errors[0], Refused)
    cycle = await driver(module, cod(), check_mode=False).read()
    assert only(cycle) == Reading("COD", 250.0)
    assert cycle.errors == ()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, Reading("COD", 250.0)),
        (1, Reading("COD", None, FAULT)),
        (2, Reading("COD", 250.0, ABOVE)),
        (3, Reading("COD", 250.0, BELOW)),
        (9, Reading("COD", None, FAULT)),
    ],
)
async def test_the_status_of_an_e1240_is_believed(status: int, expected: Reading) -> None:
    """60 + n: 0 normal, 1 burn-out, 2 over range, 3 under range (manual A-11)."""
    module = Module(
        input={8: 0x4140, 9: 0x0000, 60: status},  # 12.0
        holding={24: 2},
    )
    assert only(await driver(module, cod(), module="ioLogik E1240 scaled").read()) == expected


async def test_an_e1240s_raw_number_and_its_end() -> None:
    """13107 is 4 mA, 65534 is 20 mA, FFFFh is above (85M, p.36; E1200 p.40)."""
    assert only(await driver(moxa(13107), cod(), module="ioLogik E1240").read()) == Reading("COD", 0.0)
    assert only(await driver(moxa(65534), cod(), module="ioLogik E1240").read()) == Reading("COD", 500.0)
    beyond = only(await driver(moxa(0xFFFF), cod(), module="ioLogik E1240").read())
    assert beyond.flags == ABOVE
    assert only(await driver(moxa(0), cod(), module="ioLogik E1240").read()) == Reading("COD", None, FAULT)


async def test_without_its_status_an_input_has_no_value() -> None:
    module = moxa(39321)
    del module.tables[4][60]
    cycle = await driver(module, cod(), module="ioLogik E1240").read()
    assert only(cycle) == Reading("COD", None, FAULT)
    assert any("refuses input 60..60" in str(error) for error in cycle.errors)


@pytest.mark.parametrize(
    ("raw", "bit", "expected"),
    [
        (12000, 0, Reading("COD", 250.0)),
        (20000, 1, Reading("COD", 500.0, ABOVE)),
        (3700, 1, Reading("COD", -9.375, BELOW)),
        (12000, 1, Reading("COD", 250.0, ABOVE)),
        (3500, 0, Reading("COD", None, FAULT)),
    ],
)
async def test_an_m_7017c_tells_one_bit_and_the_number_tells_which_end(
    raw: int, bit: int, expected: Reading
) -> None:
    module = Module(input={0: raw}, discrete={128: bit})
    assert only(await driver(module, cod(), module="M-7017C").read()) == expected


@pytest.mark.parametrize(
    ("means", "flag"),
    [
        ("calibration", Flag.CALIBRATION),
        ("maintenance", Flag.MAINTENANCE),
        ("door", Flag.MAINTENANCE),
        ("fault", Flag.INSTRUMENT_FAULT),
        ("warming up", Flag.WARMING_UP),
        ("out of service", Flag.OUT_OF_SERVICE),
    ],
)
async def test_a_contact_speaks_for_all_channels(means: str, flag: Flag) -> None:
    module = adam(39321)
    module.tables[2] = {3: 1}
    channels = [cod(), {"id": "level", "input": 1, "span": [0, 5], "unit": "m"}]
    device = driver(module, *channels, contact=[{"means": means, "table": "discrete", "address": 3}])
    (block,) = (await device.read()).blocks
    assert block.readings == (Reading("COD", 250.0, int(flag)), Reading("level", None, int(flag) | FAULT))
    module.tables[2][3] = 0
    (block,) = (await device.read()).blocks
    assert block.readings == (Reading("COD", 250.0), Reading("level", None, FAULT))


async def test_a_contact_that_opens_stands_in_a_bit_of_a_register() -> None:
    module = adam(39321)
    module.tables[3] |= {40: 0b1000}
    door = {"means": "door", "register": 40041, "bit": 3, "active": 0}
    device = driver(module, cod(), contact=[door])
    assert only(await device.read()) == Reading("COD", 250.0)
    module.tables[3][40] = 0b0111
    assert only(await device.read()) == Reading("COD", 250.0, MAINTENANCE)


async def test_a_fault_contact_does_not_take_the_value_and_hides_no_broken_wire() -> None:
    module = adam(0)
    module.tables[2] = {0: 1}
    device = driver(module, cod(), contact=[{"means": "fault", "table": "discrete", "address": 0}])
    assert only(await device.read()) == Reading("COD", None, FAULT)
    module.tables[3][0] = 39321
    assert only(await device.read()) == Reading("COD", 250.0, FAULT)
    module.tables[3][200] = 0x0148
    assert only(await device.read()) == Reading("COD", None, FAULT)


async def test_a_contact_that_cannot_be_read_leaves_the_value_and_its_reason() -> None:
    module = adam(39321)
    contact = {"means": "maintenance", "table": "discrete", "address": 0}
    cycle = await driver(module, cod(), contact=[contact]).read()
    assert only(cycle) == Reading("COD", 250.0, FAULT)
    assert "refuses discrete 0..0" in str(cycle.errors[0])


async def test_a_module_that_falls_silent_before_its_status_gives_no_value() -> None:
    module = moxa(39321)
    module.says = {3: NoAnswer("nobody")}
    cycle = await driver(module, cod(), module="ioLogik E1240").read()
    assert only(cycle) == Reading("COD", None, SILENT)
    module.says = {4: NoAnswer("nobody")}
    with pytest.raises(NoAnswer):
        await driver(module, cod(), module="ioLogik E1240").read()


async def test_a_module_that_the_table_does_not_have() -> None:
    """A 12 bit module: 0..4095 over 0..20 mA in a signed word, status bits of its own."""
    status = {"table": "input", "address": 50, "normal": [0, 4], "over": [2], "under": [1]}
    level = {
        "id": "level",
        "register": 30006,
        "type": "int16",
        "raw": [0, 4095],
        "span": [0, 8],
        "unit": "m",
        "status": status,
        "limits": [],
        "live": [0, 20],
    }
    module = Module(input={5: 1024, 50: 4})
    device = driver(module, level, module="other")
    assert only(await device.read()) == Reading("level", 2048 / 1023.75)
    module.tables[4][50] = 1
    assert only(await device.read()).flags == BELOW
    module.tables[4][50] = 8
    assert only(await device.read()) == Reading("level", None, FAULT)
    module.tables[4] |= {5: 0, 50: 0}
    assert only(await device.read()) == Reading("level", 0.0, BELOW)


@pytest.mark.parametrize(("ma", "value"), [(12, 250.0), (3.9, -3.125), (3.5, None), (20, 500.0)], ids=str)
@pytest.mark.parametrize("name", ["ADAM-6017", "ioLogik E1240", "ioLogik E1240 scaled", "M-7017C"])
async def test_the_simulated_modules_are_read_as_their_manuals_say(
    name: str, ma: float, value: float | None
) -> None:
    """Both sides were transcribed from the manuals; only the codecs are shared."""
    sent = (ma - 4) / 16 * 500
    loop = Loop(Decimal(0), Decimal(500), Constant(sent))
    made: dict[str, Instrument] = {
        "ADAM-6017": adam6017("io", {"COD": loop}),
        "ioLogik E1240": e1240("io", {"COD": loop}),
        "ioLogik E1240 scaled": e1240("io", {"COD": loop}),
        "M-7017C": m7017c("io", {"COD": loop}),
    }
    if name == "ioLogik E1240 scaled":  # its simulator shows the current itself
        made[name] = e1240("io", {"COD": Loop(Decimal(4), Decimal(20), Constant(ma))})
    face = Face({1: made[name]}, gateway=True)

    async def line(unit: int, pdu: bytes) -> Answer:
        answer = face.answer(unit, pdu, NOON)
        assert answer is not None
        return Answer(answer.pdu, NOON.mono_ms)

    cycle = await driver(line, cod(), module=name).read()
    assert cycle.errors == ()
    reading = only(cycle)
    assert reading.value == (None if value is None else pytest.approx(value, abs=0.02))
    clipped = ma == 20 and name != "ioLogik E1240"
    assert reading.flags == (FAULT if value is None else ABOVE if clipped else 0)


def test_the_configuration_record_leads_from_the_register_to_the_value() -> None:
    settings = described(cod(7), module="ioLogik E1240")
    ((*place, scale, offset, unit, limits),) = settings.rows()
    assert place == ["COD", "input", 7, "uint16", "ABCD"]
    assert unit == "mg/L"
    assert 13107 * float(str(scale)) + float(str(offset)) == pytest.approx(0, abs=1e-9)
    assert 65534 * float(str(scale)) + float(str(offset)) == pytest.approx(500)
    assert limits == [-6.25, 515.625], "what 3.8 and 20.5 mA mean"
    ((*_, limits),) = described(cod(7, range=[0, 400])).rows()
    assert limits == [0, 400]


@pytest.mark.parametrize(
    ("channels", "more", "path", "words"),
    [
        ([cod(8)], {}, ("channel", 0, "input"), "ADAM-6017 has inputs 0 to 7 (got 8)"),
        ([cod(), cod()], {}, ("channel", 1, "id"), "is there twice"),
        ([cod(), cod() | {"id": "TSS"}], {}, ("channel", 1, "input"), 'that of channel "COD" too'),
        ([cod(address=3, table="input", raw=[0, 1])], {}, ("channel", 0, "input"), "the same thing"),
        ([cod(raw=[0, 4095])], {}, ("channel", 0, "raw"), "has its own scale"),
        ([cod()], {"module": "other"}, ("channel", 0, "input"), "has no numbers for its inputs"),
        ([cod()], {"module": "ioLogik E1240", "mode": "4-20 mA"}, ("channel", 0, "mode"), "is not known"),
        (
            [{"id": "a", "span": [0, 1], "unit": "m"}],
            {"module": "other"},
            ("channel", 0, "input"),
            "give address, raw and ma",
        ),
        ([{"id": "a", "span": [0, 1], "unit": "m"}], {}, ("channel", 0, "input"), "give input (from 0)"),
        (
            [{"id": "a", "table": "input", "address": 0, "span": [0, 1], "unit": "m"}],
            {"module": "other"},
            ("channel", 0, "raw"),
            "are missing",
        ),
        (
            [{"id": "a", "address": 0, "raw": [0, 1], "span": [0, 1], "unit": "m"}],
            {"module": "other"},
            ("channel", 0, "table"),
            "the table is missing",
        ),
        (
            [{"id": "a", "table": "input", "address": 0, "raw": [9, 1], "span": [0, 1], "unit": "m"}],
            {"module": "other"},
            ("channel", 0, "raw"),
            "must rise",
        ),
        (
            [cod()],
            {"contact": [{"means": "door", "table": "discrete"}]},
            ("contact", 0, "address"),
            "missing",
        ),
        (
            [cod()],
            {"contact": [{"means": "door", "table": "holding", "address": 4}]},
            ("contact", 0, "bit"),
            "bit = 0..15",
        ),
        (
            [
                {
                    "id": "a",
                    "register": 40001,
                    "raw": [0, 1],
                    "span": [0, 1],
                    "unit": "m",
                    "status": {"address": 4},
                }
            ],
            {"module": "other"},
            ("channel", 0, "status"),
            "the table is missing",
        ),
    ],
)
def test_what_cannot_be_is_said_where_it_stands(
    channels: list[dict[str, Any]], more: dict[str, Any], path: tuple[object, ...], words: str
) -> None:
    problems = list(described(*channels, **more).problems())
    assert [problem.path for problem in problems] == [path]
    assert words in problems[0].message


def test_two_channels_that_overlap_are_named_as_in_the_file() -> None:
    wide = {"raw": [0, 9], "span": [0, 1], "unit": "m", "type": "float32", "table": "input"}
    first, second = {"id": "upper", "address": 0, **wide}, {"id": "lower", "address": 1, **wide}
    (problem,) = described(first, second, module="other").problems()
    assert problem.path == ("channel", 1, "address")
    assert '"lower" (300002..300003) and "upper" (300001..300002) overlap in part' in problem.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"span": [5, 5]}, "5 to 5 is no span"),
        ({"limits": [3.6, 3.8]}, "four currents that rise"),
        ({"limits": [3.8, 3.6, 20.5, 21]}, "four currents that rise"),
        ({"live": [20, 4]}, "20 mA is not below 4 mA"),
        ({"range": [9, 1]}, "not below the high end"),
        ({"unit": "mgl"}, 'did you mean "mg/L"'),
        ({"input": -1}, "greater than or equal to 0"),
    ],
)
def test_a_wrong_number_is_refused_with_a_reason(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        described(cod() | change)


def test_a_quiet_day_in_the_registers_beside_the_channels() -> None:
    """For the twin: every contact at rest, every status normal, every input set as the file says."""
    contacts = [
        {"means": "door", "table": "discrete", "address": 3, "active": 0},
        {"means": "maintenance", "table": "discrete", "address": 4},
        {"means": "fault", "table": "holding", "address": 70, "bit": 2, "active": 0},
        {"means": "calibration", "table": "holding", "address": 70, "bit": 5, "active": 0},
    ]
    settings = described(cod(2), module="ioLogik E1240", contact=contacts)
    assert settings.quiet() == {
        ("discrete", 3): 1,
        ("discrete", 4): 0,
        ("holding", 70): 0b100100,
        ("input", 62): 0,
        ("holding", 26): 2,
    }
    assert [point.channel for point in settings.points()] == ["COD"]
    assert settings.address() == 1
