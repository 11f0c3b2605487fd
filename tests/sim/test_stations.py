"""The demo's station: what the drivers read of the file is what the instruments served."""

from pathlib import Path

import pytest

from agent.station import load_station
from agent.tables import settings_of, wire_of
from drivers import catalogue
from drivers.bus import Bus
from drivers.protocols.modbus import Value
from sim.face import Face
from sim.faults import Silent
from sim.stations import SERIAL_LINE, demo_station, serve
from tests.sim.bench import NOON


@pytest.mark.pure
def test_a_station_has_ten_instruments_four_of_them_on_one_line() -> None:
    station = demo_station("BD_DEMO_NUO001", seed=1)
    units = {line: len(wire.face.instruments) for line, wire in station.wires.items()}
    assert units.pop(SERIAL_LINE) == 4
    assert list(units.values()) == [1] * 6


@pytest.mark.pure
def test_two_seeds_are_two_stations_and_one_seed_is_one() -> None:
    def ph(seed: int) -> Value:
        face = demo_station("A", seed=seed).wires["water-tcp"].face
        assert isinstance(face, Face)
        return face.instruments[247].read("holding", 0, 2, NOON).values["pH"]

    assert ph(1) == ph(1) != ph(2)


@pytest.mark.pure
def test_an_emptied_acid_tank_shows_in_ph_cod_and_flow_at_once() -> None:
    calm = demo_station("A", seed=1)
    sour = demo_station("A", seed=1, discharge_utc_s=NOON.utc_s - 120)

    def shown(line: str, unit: int, table: str, address: int) -> float:
        before, after = (
            station.wires[line].face.instruments[unit].read(table, address, 2, NOON)  # type: ignore[arg-type, union-attr]
            for station in (calm, sour)
        )
        ((channel, quiet),) = before.values.items()
        loud = after.values[channel]
        assert isinstance(quiet, float)
        assert isinstance(loud, float)
        return loud - quiet

    assert shown("water-tcp", 247, "holding", 0) == pytest.approx(-2.8)
    assert shown(SERIAL_LINE, 4, "holding", 0) == pytest.approx(310)
    assert shown("flow-tcp", 1, "input", 8) == pytest.approx(45, abs=0.001)


@pytest.mark.pure
def test_trouble_is_aimed_at_a_device_by_its_name() -> None:
    station = demo_station("A", seed=1)
    script, unit = station.script("cod")
    script.add(Silent(), unit)
    assert station.wires[SERIAL_LINE].ask(4, bytes.fromhex("03 00 00 00 02")) is None
    assert station.wires[SERIAL_LINE].ask(3, bytes.fromhex("03 00 00 00 02")) is not None
    with pytest.raises(KeyError):
        station.script("nobody")


@pytest.mark.system
async def test_every_channel_of_the_file_reads_what_was_served(tmp_path: Path) -> None:
    station = demo_station("BD_DEMO_NUO001", seed=3)
    async with serve(station, link=tmp_path / "rs485.tty") as on_air:
        file = tmp_path / "station.toml"
        file.write_text(station.toml(on_air.urls, timeout="250ms", guard="50ms"))
        plan = load_station(file, elsewhere=True)
        assert plan.id == "BD_DEMO_NUO001"
        assert len(plan.devices) == 10
        for device in plan.devices:
            (line,) = [line for line in plan.lines if line.id == device.line]
            async with Bus(wire_of(line), lambda: 0) as bus:
                cycle = await catalogue.driver(device.driver)(settings_of(device), bus.exchange).read()
            assert cycle.errors == ()
            served: dict[str, Value] = {}
            for answer in station.wires[device.line].served.kept:
                if answer.device == device.id:
                    served |= answer.values
            read = {reading.channel: reading.value for block in cycle.blocks for reading in block.readings}
            assert read == {channel: served[channel] for channel in read}
            assert not any(reading.flags for block in cycle.blocks for reading in block.readings)
