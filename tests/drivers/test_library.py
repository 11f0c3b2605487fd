"""Every profile of registers against its instrument: a simulator that was transcribed from the manual on its own.

A profile is read through the real driver; the numbers that must come out are written here. A float32 has 7 digits.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent.station import load_station
from agent.tables import settings_of
from config.errors import StationFileError
from drivers.blocks import plan
from drivers.driver import Cycle
from drivers.exchange import Answer
from drivers.modbus import ModbusDriver
from drivers.modbus_settings import Settings
from drivers.profile import FOLDER, names, read
from sim.devices.advantech import adam6017
from sim.devices.endress import cm44
from sim.devices.hach import sc3400, sc_sensor, tss_sc
from sim.devices.icpdas import m7017c
from sim.devices.moxa import e1240
from sim.devices.sick import marsic300, mcs100e
from sim.devices.siemens import ga700
from sim.devices.teledyne import t100, t300, t400
from sim.face import Face
from sim.instrument import Instrument
from sim.layout import Loop
from sim.signals import Constant, Signal
from sim.twin import instrument as twin
from telemetry.keyfile import create
from telemetry.reading import Flag
from tests.drivers.test_profile import settings
from tests.sim.bench import NOON

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "stations"
INPUTS = {f"ai{n}": 4.5 + 2 * n for n in range(8)}
"""mA."""
MODBUS = [name for name in names() if read(name).about.driver == "modbus"]
INHG_HPA = 33.8639


class Case(NamedTuple):
    """A simulated instrument, and what the profile must read of it: channel to value."""

    build: Callable[[], Instrument]
    values: Mapping[str, float]
    flags: Mapping[str, int] = {}
    """Of channels that are flagged although nothing is wrong."""
    within: float = 1e-6
    """Relative."""


def constant(values: Mapping[str, float]) -> dict[str, Signal]:
    return {name: Constant(value) for name, value in values.items()}


def loops() -> dict[str, Loop]:
    """Transmitters of 4..20 mA that measure their own current."""
    return {name: Loop(Decimal(4), Decimal(20), Constant(ma)) for name, ma in INPUTS.items()}


def steady(instrument: Instrument, **values: float) -> Instrument:
    """What the bench says of itself, without its noise."""
    for channel, value in values.items():
        instrument.set(channel.replace("_", "-"), value)
    return instrument


def off(*channels: str) -> dict[str, float]:
    return dict.fromkeys(channels, 0)


GASES = {
    "SO2": 42.5,
    "CO2": 9.5,
    "SO2/CO2": 4.25,
    "H2O": 11.5,
    "NO": 140.5,
    "NO2": 7.5,
    "NOx": 148,
    "NH3": 1.5,
    "CO": 33.5,
    "CH4": 2.5,
    "O2": 11.25,
    "VOC": 3.5,
}
MCS = {f"result{n}": 10.5 + n for n in range(1, 9)}
GA = {"CO": 12.5, "NO": 42.5, "O2": 11.25}
ROW_STATES = ("in-zero", "in-span", "in-multi-point", "invalid")
CASES: dict[str, Case] = {
    "adam-6017": Case(lambda: adam6017("a", loops()), INPUTS, within=1e-4),
    "endress-cm44": Case(
        lambda: cm44("w", constant({"pH": 7.85, "T": 28.5})),
        {"pH": 7.85, "temperature": 28.5} | off("pH-status", "temperature-status"),
    ),
    "hach-3400-sc": Case(
        lambda: sc3400("s", conductivity=Constant(2.125), temperature_degc=Constant(28.5)),
        {"EC": 2.125, "temperature": 28.5},
    ),
    "hach-sc": Case(
        lambda: sc_sensor("c", "COD", Constant(62.5)), {"measurement": 62.5} | off("unit", "parameter")
    ),
    "hach-tss-sc": Case(
        lambda: tss_sc("t", turbidity_fnu=Constant(18.5), solids_mg_l=Constant(31.25)),
        {"turbidity": 18.5, "TSS": 31.25},
    ),
    "icpdas-m7017c": Case(
        lambda: m7017c("b", loops()), INPUTS | off(*(f"ai{n}-off-range" for n in range(8)))
    ),
    "moxa-e1240": Case(lambda: e1240("f", loops()), INPUTS | off(*(f"ai{n}-status" for n in range(8)))),
    "sick-marsic300": Case(
        lambda: marsic300("g", constant(GASES)),
        {name.replace("/CO2", "-CO2-ratio"): value for name, value in GASES.items()}
        | {"sampling-point": 1, "live": 1}
        | off("malfunction", "maintenance-request", "maintenance", "out-of-specification")
        | off("zero", "span", "zero-or-span"),
    ),
    "sick-mcs100e": Case(lambda: mcs100e("g", constant(MCS)), MCS),
    "siemens-ga700": Case(
        lambda: ga700("g", constant(GA), pressure_hpa=Constant(1013.25)),
        {"component1": 12.5, "component2": 42.5, "component3": 11.25, "pressure": 1013.25}
        | {f"component{n}-status": 0x80 for n in (1, 2, 3)}
        | {"pressure-status": 0x80}
        | off("component4", "component5", "component4-status", "component5-status")
        | off("device-state", "device-substate", "global-status"),
        {"component4": int(Flag.OUT_OF_SERVICE), "component5": int(Flag.OUT_OF_SERVICE)},
    ),
    "teledyne-t100": Case(
        lambda: steady(t100("so2", Constant(12.5), seed=1), stability=0.25),
        {"SO2": 12.5, "stability": 0.25, "system-ok": 1} | off(*ROW_STATES, "in-low-span"),
    ),
    "teledyne-t300": Case(
        lambda: steady(
            t300("co", Constant(1.5), seed=1),
            bench_temperature=48.5,
            sample_temperature=44.5,
            sample_pressure=28.5,
            box_temperature=31.5,
        ),
        {
            "CO": 1.5,
            "stability": 0.05,
            "bench-temperature": 48.5,
            "sample-temperature": 44.5,
            "sample-pressure": 28.5 * INHG_HPA,
            "box-temperature": 31.5,
            "system-ok": 1,
        }
        | off(*ROW_STATES),
    ),
    "teledyne-t400": Case(
        lambda: steady(
            t400("o3", Constant(22.5), seed=1),
            sample_temperature=33.5,
            sample_flow=780.5,
            sample_pressure=28.5,
            box_temperature=30.5,
        ),
        {
            "O3": 22.5,
            "stability": 0.3,
            "sample-temperature": 33.5,
            "sample-flow": 0.7805,
            "sample-pressure": 28.5 * INHG_HPA,
            "box-temperature": 30.5,
            "system-ok": 1,
        }
        | off(*ROW_STATES, "in-low-span"),
    ),
}


async def poll(settled: Settings, instrument: Instrument) -> Cycle:
    """The second poll: by then the driver knows which registers between two channels are refused."""

    async def exchange(unit: int, pdu: bytes) -> Answer:
        answer = Face({unit: instrument}).answer(unit, pdu, NOON)
        assert answer is not None
        return Answer(answer.pdu, NOON.mono_ms)

    driver = ModbusDriver(settled, exchange)
    await driver.read()
    return await driver.read()


def of(cycle: Cycle) -> dict[str, Any]:
    return {reading.channel: reading for block in cycle.blocks for reading in block.readings}


def test_no_profile_of_registers_is_without_a_simulator() -> None:
    assert set(MODBUS) == set(CASES)


def test_no_profile_is_without_an_example_and_its_source() -> None:
    assert set(names()) <= {path.stem for path in EXAMPLES.glob("*.toml")}
    for name in names():
        profile = read(name)
        assert all(source.manual and source.edition and source.pages for source in profile.about.source)
        assert all(row.page for row in profile.rows)


@pytest.mark.parametrize("name", names())
def test_a_row_that_is_not_confirmed_says_why(name: str) -> None:
    assert [row.id for row in read(name).rows if not row.confirmed and not row.note] == []


@pytest.mark.parametrize("name", MODBUS)
async def test_a_profile_reads_its_instrument(name: str) -> None:
    case = CASES[name]
    cycle = await poll(settings(name), case.build())
    assert cycle.errors == ()
    readings = of(cycle)
    assert {channel: reading.value for channel, reading in readings.items()} == pytest.approx(
        dict(case.values), rel=case.within
    )
    flagged = {channel: reading.flags for channel, reading in readings.items() if reading.flags}
    assert flagged == case.flags


@pytest.mark.parametrize(
    ("name", "channel", "value", "flagged", "flag"),
    [
        ("endress-cm44", "pH-status", 1, {"pH"}, Flag.IMPLAUSIBLE),
        ("endress-cm44", "T-status", 2, {"temperature"}, Flag.INSTRUMENT_FAULT),
        ("endress-cm44", "T-status", 3, {"temperature"}, Flag.OUT_OF_SERVICE),
        ("hach-sc", "COD-unit", 1, {"measurement", "parameter"}, Flag.INSTRUMENT_FAULT),
        ("moxa-e1240", "ai3-status", 1, {"ai3"}, Flag.INSTRUMENT_FAULT),
        ("moxa-e1240", "ai3-status", 2, {"ai3"}, Flag.ABOVE_RANGE),
        ("moxa-e1240", "ai3-status", 3, {"ai3"}, Flag.BELOW_RANGE),
        ("siemens-ga700", "NO-status", 0x3C, {"component2"}, Flag.CALIBRATION),
        ("siemens-ga700", "NO-status", 0x78, {"component2"}, Flag.WARMING_UP),
        ("siemens-ga700", "NO-status", 0x68, {"component2"}, Flag.IMPLAUSIBLE),
        ("siemens-ga700", "NO-status", 0x24, {"component2"}, Flag.INSTRUMENT_FAULT),
        ("siemens-ga700", "NO-status", 0x11, {"component2"}, Flag.INSTRUMENT_FAULT),
        ("siemens-ga700", "NO-status", 0x8E, set(), 0),
    ],
)
async def test_a_status_of_one_value_flags_that_value(
    name: str, channel: str, value: int, flagged: set[str], flag: int
) -> None:
    instrument = CASES[name].build()
    instrument.set(channel, value)
    readings = of(await poll(settings(name), instrument))
    usual = CASES[name].flags
    found = {key: r.flags for key, r in readings.items() if r.flags and key not in usual}
    assert found == dict.fromkeys(flagged, flag)


@pytest.mark.parametrize(
    ("name", "state", "value", "gas", "flag"),
    [
        ("sick-marsic300", "malfunction", 1, "SO2", Flag.INSTRUMENT_FAULT),
        ("sick-marsic300", "maintenance-request", 1, "SO2", 0),
        ("sick-marsic300", "maintenance", 1, "O2", Flag.MAINTENANCE),
        ("sick-marsic300", "out-of-specification", 1, "NOx", Flag.IMPLAUSIBLE),
        ("sick-marsic300", "live", 0, "SO2", Flag.STALE),
        ("sick-marsic300", "active-point", 0, "SO2", Flag.MAINTENANCE),
        ("sick-marsic300", "zero", 1, "SO2", Flag.CALIBRATION),
        ("sick-marsic300", "span", 1, "SO2", Flag.CALIBRATION),
        ("sick-marsic300", "zero-or-span", 1, "SO2", Flag.CALIBRATION),
        *(
            (name, state, value, gas, flag)
            for name, gas in (("teledyne-t100", "SO2"), ("teledyne-t300", "CO"), ("teledyne-t400", "O3"))
            for state, value, flag in (
                ("invalid", 1, Flag.INSTRUMENT_FAULT),
                ("zero", 1, Flag.CALIBRATION),
                ("span", 1, Flag.CALIBRATION),
                ("multi-point", 1, Flag.CALIBRATION),
                ("ok", 0, Flag.IMPLAUSIBLE),
            )
        ),
        ("teledyne-t100", "low-span", 1, "SO2", Flag.CALIBRATION),
        ("teledyne-t400", "low-span", 1, "O3", Flag.CALIBRATION),
    ],
)
async def test_a_state_of_the_instrument_flags_all_that_it_measures(
    name: str, state: str, value: int, gas: str, flag: int
) -> None:
    instrument = CASES[name].build()
    instrument.set(state, value)
    assert of(await poll(settings(name), instrument))[gas].flags == flag


async def test_an_input_that_an_m7017c_calls_out_of_range_is_flagged() -> None:
    instrument = CASES["icpdas-m7017c"].build()
    instrument.fixed["discrete", 130] = 1
    readings = of(await poll(settings("icpdas-m7017c"), instrument))
    assert {key for key, reading in readings.items() if reading.flags} == {"ai2"}


@pytest.mark.parametrize("name", MODBUS)
async def test_its_example_station_is_in_order_and_its_twin_is_well(name: str, tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text((EXAMPLES / f"{name}.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "keys").mkdir()
    create(tmp_path / "keys" / "station.pem")
    try:
        station = load_station(file)
    except StationFileError as error:
        pytest.fail(str(error))
    (device,) = station.devices
    assert device.profile == name
    settled = settings_of(device)
    assert isinstance(settled, Settings)
    cycle = await poll(settled, twin(device, seed=1))
    assert cycle.errors == ()
    assert {channel: reading.flags for channel, reading in of(cycle).items() if reading.flags} == {}


def test_what_is_about_the_profile_never_reaches_the_driver() -> None:
    for name in names():
        text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
        assert "confirmed" in text
        assert "about" not in read(name).table
        for channel in read(name).table["channel"]:
            assert not {"confirmed", "page", "note"} & set(channel)


def test_a_ga700_gives_every_value_and_its_status_in_one_answer() -> None:
    device = settings("siemens-ga700")
    reads = plan(device.points(), gap=device.block_gap)
    assert [(read.table, read.address, read.length) for read in reads] == [
        ("holding", 2, 63),
        ("holding", 0x100, 3),
    ]
