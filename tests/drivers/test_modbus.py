"""The driver against an instrument in memory: what a poll brings back, and what it says when it cannot."""

import json
import struct
from typing import Any

import pytest

from drivers.driver import Cycle
from drivers.errors import Garbled, NoAnswer, Refused, Unreachable
from drivers.exchange import Answer
from drivers.modbus import ModbusDriver
from drivers.modbus_settings import Settings
from telemetry.reading import Flag, Reading

pytestmark = pytest.mark.pure


class Instrument:
    """Holding registers in memory. `missing` registers are refused with exception 2; `says` comes first."""

    def __init__(self, registers: dict[int, int] | None = None) -> None:
        self.registers = registers or {}
        self.missing: set[int] = set()
        self.most = 125
        self.says: list[bytes | Exception] = []
        self.asked: list[tuple[int, int, int, int]] = []

    async def __call__(self, unit: int, pdu: bytes) -> Answer:
        function, address, count = struct.unpack(">BHH", pdu)
        self.asked.append((unit, function, address, count))
        at_mono_ms = 1000 * len(self.asked)
        if self.says:
            said = self.says.pop(0)
            if isinstance(said, Exception):
                raise said
            if said:
                return Answer(said, at_mono_ms)
        wanted = range(address, address + count)
        if self.missing.intersection(wanted) or count > self.most:
            return Answer(bytes([function | 0x80, 3 if count > self.most else 2]), at_mono_ms)
        if function in (1, 2):
            packed = sum((self.registers.get(a, 0) & 1) << i for i, a in enumerate(wanted))
            body = packed.to_bytes((count + 7) // 8, "little")
        else:
            body = struct.pack(f">{count}H", *[self.registers.get(a, 0) for a in wanted])
        return Answer(bytes([function, len(body)]) + body, at_mono_ms)


def channel(name: str, address: int, kind: str = "uint16", **more: Any) -> dict[str, Any]:
    return {"id": name, "table": "holding", "address": address, "type": kind, "unit": "mg/L", **more}


def driver(instrument: Instrument, *channels: dict[str, Any], **more: Any) -> ModbusDriver:
    settings = Settings.model_validate_json(json.dumps({"unit": 247, "channel": channels, **more}))
    assert list(settings.problems()) == []
    return ModbusDriver(settings, instrument)


def values(cycle: Cycle) -> dict[str, Any]:
    return {reading.channel: reading.value for block in cycle.blocks for reading in block.readings}


def flags(cycle: Cycle) -> dict[str, int]:
    return {reading.channel: reading.flags for block in cycle.blocks for reading in block.readings}


async def test_the_ph_meter_of_the_manual() -> None:
    """Liquiline: request f7 03 00 00 00 04, reply 08 40 fb 33 33 00 00 00 00 (domain D5)."""
    instrument = Instrument()
    instrument.says = [bytes.fromhex("03 08 40 fb 33 33 00 00 00 00")]
    device = driver(
        instrument, channel("pH", 0, "float32"), channel("status", 2), channel("unit-code", 3, unit="1")
    )
    cycle = await device.read()
    assert instrument.asked == [(247, 3, 0, 4)]
    (block,) = cycle.blocks
    assert block.at_mono_ms == 1000
    assert block.readings == (
        Reading("pH", struct.unpack(">f", bytes.fromhex("40fb3333"))[0]),
        Reading("status", 0),
        Reading("unit-code", 0),
    )
    assert cycle.errors == ()


async def test_a_float32_of_the_device_still_fits_32_bits_and_an_integer_stays_one() -> None:
    instrument = Instrument(dict(enumerate([*struct.unpack(">HH", struct.pack(">f", 3.3)), 12])))
    cycle = await driver(instrument, channel("a", 0, "float32"), channel("b", 2)).read()
    value = values(cycle)["a"]
    assert struct.unpack(">f", struct.pack(">f", value))[0] == value
    assert isinstance(values(cycle)["b"], int)


async def test_values_are_scaled_in_decimal() -> None:
    instrument = Instrument({0: 71, 1: 71, 2: 5})
    device = driver(
        instrument,
        channel("a", 0, scale=0.1),
        channel("b", 1, scale=10, offset=-10),
        channel("c", 2, offset=-0.5),
    )
    assert values(await device.read()) == {"a": 7.1, "b": 700, "c": 4.5}


async def test_nan_and_sentinels_are_readings_without_value() -> None:
    instrument = Instrument({0: 0x7FA0, 1: 0, 2: 0xFFFF, 3: 0xFFFF, 4: 7})
    device = driver(
        instrument,
        channel("nan", 0, "float32"),
        channel("none", 2, no_value=[65535]),
        channel("service", 3, no_value=[65535], no_value_means="maintenance", scale=0.1),
        channel("fine", 4, no_value=[65535]),
    )
    cycle = await device.read()
    assert values(cycle) == {"nan": None, "none": None, "service": None, "fine": 7}
    assert flags(cycle) == {
        "nan": Flag.INSTRUMENT_FAULT,
        "none": Flag.INSTRUMENT_FAULT,
        "service": Flag.MAINTENANCE,
        "fine": 0,
    }


async def test_a_float32_sentinel_is_recognised_as_the_device_writes_it() -> None:
    instrument = Instrument(dict(enumerate(struct.unpack(">HH", struct.pack(">f", -9999.9)))))
    cycle = await driver(instrument, channel("a", 0, "float32", no_value=[-9999.9])).read()
    assert values(cycle) == {"a": None}


async def test_a_scaled_value_beyond_64_bits_is_no_value() -> None:
    instrument = Instrument(dict.fromkeys(range(4), 0xFFFF))
    cycle = await driver(instrument, channel("a", 0, "uint64", scale=1000)).read()
    assert (values(cycle), flags(cycle)) == ({"a": None}, {"a": Flag.INSTRUMENT_FAULT})


async def test_coils_texts_and_bits_of_a_register() -> None:
    instrument = Instrument({0: 0x4341, 1: 0x3830, 2: 0b100, 128: 1})
    device = driver(
        instrument,
        channel("tag", 0, "string", length=4),
        channel("alarm", 2, "bit", bit=2),
        channel("ok", 2, "bit", bit=0),
        {"id": "over", "register": "00129", "type": "bit"},
    )
    assert values(await device.read()) == {"tag": "CA80", "alarm": 1, "ok": 0, "over": 1}
    assert [asked[1:] for asked in instrument.asked] == [(3, 0, 3), (1, 128, 1)]


async def test_a_refused_block_is_split_once_remembered_and_said() -> None:
    instrument = Instrument({0: 1, 4: 2})
    instrument.missing = {2, 3}
    device = driver(instrument, channel("a", 0), channel("b", 4))
    cycle = await device.read()
    assert values(cycle) == {"a": 1, "b": 2}
    assert [asked[2:] for asked in instrument.asked] == [(0, 5), (0, 1), (4, 1)]
    (said,) = cycle.errors
    assert str(said) == (
        "unit 247 refuses holding 0..4 (400001) with exception 2 (illegal data address); "
        "from now on it is read in 2 parts"
    )
    instrument.asked.clear()
    assert (await device.read()).errors == ()
    assert [asked[2:] for asked in instrument.asked] == [(0, 1), (4, 1)]


async def test_one_wrong_address_does_not_take_its_neighbours_along() -> None:
    instrument = Instrument({0: 1, 2: 3})
    instrument.missing = {1}
    device = driver(instrument, channel("a", 0), channel("wrong", 1), channel("c", 2))
    for _ in range(2):
        cycle = await device.read()
        assert values(cycle) == {"a": 1, "wrong": None, "c": 3}
        assert flags(cycle) == {"a": 0, "wrong": Flag.INSTRUMENT_FAULT, "c": 0}
    (error,) = cycle.errors
    assert isinstance(error, Refused)
    assert error.code == 2
    assert "check table and address against the manual" in str(error)


async def test_a_device_that_gives_few_registers_at_once_is_read_in_parts() -> None:
    instrument = Instrument({0: 1, 8: 2})
    instrument.most = 4
    cycle = await driver(instrument, channel("a", 0), channel("b", 8)).read()
    assert values(cycle) == {"a": 1, "b": 2}


async def test_a_busy_device_is_flagged_and_not_split() -> None:
    instrument = Instrument({0: 1, 40: 2})
    instrument.says = [b"", bytes([0x83, 6])]
    cycle = await driver(instrument, channel("a", 0), channel("b", 40)).read()
    assert flags(cycle) == {"a": 0, "b": Flag.INSTRUMENT_FAULT}
    assert "exception 6 (server device busy)" in str(cycle.errors[0])
    assert [asked[2:] for asked in instrument.asked] == [(0, 1), (40, 1)]


async def test_a_device_that_refuses_everything_is_an_error() -> None:
    instrument = Instrument()
    instrument.says = [bytes([0x83, 4])]
    with pytest.raises(Refused, match=r"exception 4 \(server device failure\)"):
        await driver(instrument, channel("a", 0)).read()


async def test_silence_costs_one_timeout_and_the_rest_is_not_asked_for() -> None:
    instrument = Instrument()
    instrument.says = [NoAnswer("silent")]
    device = driver(instrument, channel("a", 0), channel("b", 40), channel("c", 80))
    with pytest.raises(NoAnswer):
        await device.read()
    assert len(instrument.asked) == 1


async def test_silence_in_the_middle_keeps_what_was_read() -> None:
    instrument = Instrument({0: 5})
    instrument.says = [b"", Unreachable("gone")]
    cycle = await driver(instrument, channel("a", 0), channel("b", 40), channel("c", 80)).read()
    assert values(cycle) == {"a": 5, "b": None, "c": None}
    assert flags(cycle) == {"a": 0, "b": Flag.NO_COMMUNICATION, "c": Flag.NO_COMMUNICATION}
    assert [block.at_mono_ms for block in cycle.blocks] == [1000, 1000]
    assert len(cycle.errors) == 1
    assert len(instrument.asked) == 2


@pytest.mark.parametrize("code", [10, 11])
async def test_a_gateway_says_that_the_device_behind_it_is_silent(code: int) -> None:
    instrument = Instrument()
    instrument.says = [bytes([0x83, code])]
    with pytest.raises(NoAnswer, match="gateway"):
        await driver(instrument, channel("a", 0)).read()


@pytest.mark.parametrize(
    "pdu", [bytes([3, 4, 0, 1, 0, 2]), bytes([4, 2, 0, 1]), bytes([3, 2, 0]), bytes([3])]
)
async def test_a_reply_that_does_not_fit_is_never_a_value(pdu: bytes) -> None:
    """The bus checks this too; an exchange that does not must not get through."""
    instrument = Instrument()
    instrument.says = [pdu]
    with pytest.raises(Garbled, match="did not answer the question for holding 0"):
        await driver(instrument, channel("a", 0)).read()
