"""A station for long rehearsals: ten instruments of a wastewater plant, and the station file that describes them.

Instruments and file are written down separately: `sim.devices` from the manuals, `wastewater.toml` as a
technician would, so that a wrong register shows. Device ids of the file are the instruments' names.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from string import Template

from sim import moment
from sim.devices.advantech import adam6017
from sim.devices.endress import BUS_ADDRESS, cm44
from sim.devices.hach import sc3400, sc_sensor
from sim.devices.icpdas import m7017c
from sim.devices.moxa import e1240
from sim.devices.sick import marsic300
from sim.devices.teledyne import t300
from sim.devices.thermo import sharp5030i
from sim.face import Face
from sim.hosts.pty import PtyHost
from sim.hosts.tcp import TcpHost
from sim.instrument import Instrument
from sim.layout import Loop
from sim.moment import Now
from sim.script import Script
from sim.served import ServedLog
from sim.signals import Discharge, Noise, Signal, Sum, living
from sim.wire import Wire

SERIAL_LINE = "rs485"
_FILE = Path(__file__).with_name("wastewater.toml")
_NEVER_S = 1e12


@dataclass(frozen=True, slots=True)
class DemoStation:
    """`wires` by line id: six TCP lines with one instrument each, one serial line with four."""

    id: str
    wires: Mapping[str, Wire]

    def script(self, device: str) -> tuple[Script, int]:
        """The faults of the wire on which `device` is, and its unit there. KeyError: no such device."""
        for wire in self.wires.values():
            for unit, instrument in wire.face.instruments.items():
                if instrument.name == device:
                    return wire.script, unit
        raise KeyError(device)

    def toml(
        self, urls: Mapping[str, str], *, every: str = "1s", timeout: str = "500ms", guard: str = "500ms"
    ) -> str:
        """The station file without destinations; `urls` by line id. Add `[[destination]]` tables behind it."""
        places = {line.removesuffix("-tcp"): url for line, url in urls.items()}
        text = Template(_FILE.read_text(encoding="utf-8"))
        return text.substitute(places, station=self.id, every=every, timeout=timeout, guard=guard)


@dataclass(frozen=True, slots=True)
class ServedStation:
    """A station whose instruments are on the air: where each line is, and the hosts behind them."""

    urls: Mapping[str, str]
    hosts: Mapping[str, TcpHost | PtyHost]


def demo_station(
    station: str,
    *,
    seed: int,
    discharge_utc_s: float | None = None,
    served: ServedLog | None = None,
    now: Now = moment.real,
) -> DemoStation:
    """The same seed gives the same station. `discharge_utc_s`: when somebody empties an acid tank, if ever."""
    event_s = _NEVER_S if discharge_utc_s is None else discharge_utc_s
    account = served or ServedLog()
    lines: dict[str, dict[int, Instrument]] = {
        **{f"{name}-tcp": units for name, units in _tcp_instruments(seed, event_s).items()},
        SERIAL_LINE: _serial_instruments(seed, event_s),
    }
    wires = {
        line: Wire(line, Face(units, gateway=line != SERIAL_LINE), Script(seed=seed), account, now)
        for line, units in lines.items()
    }
    return DemoStation(station, wires)


@asynccontextmanager
async def serve(station: DemoStation, *, link: Path | None = None) -> AsyncIterator[ServedStation]:
    """Puts every instrument on a port of the loopback or on the serial line; `link` is the line's name."""
    async with AsyncExitStack() as stack:
        hosts: dict[str, TcpHost | PtyHost] = {}
        urls: dict[str, str] = {}
        for line, wire in station.wires.items():
            if line == SERIAL_LINE:
                terminal = await stack.enter_async_context(PtyHost(wire, link=link))
                hosts[line], urls[line] = terminal, f"serial://{terminal.path}?baudrate=9600&parity=N"
            else:
                port = await stack.enter_async_context(TcpHost(wire))
                hosts[line], urls[line] = port, f"tcp://{port.host}:{port.port}"
        yield ServedStation(urls, hosts)


def _tcp_instruments(seed: int, event_s: float) -> dict[str, dict[int, Instrument]]:
    water: dict[str, Signal] = {
        "pH": Sum((living(7.2, 0.3, seed, low=0, high=14), Discharge(event_s, -2.8)), 0, 14),
        "temperature": living(29.0, 2.0, seed + 1, low=0, high=60),
        "NH4": living(4.0, 1.2, seed + 2, low=0, high=100),
        "turbidity": Sum((living(18.0, 5.0, seed + 3, low=0, high=4000), Discharge(event_s, 220.0)), 0, 4000),
    }
    flows = {
        "flow-in": _loop(
            0, 200, Sum((living(90, 40, seed + 4, low=5, high=195), Discharge(event_s, 45)), 0, 200)
        ),
        "flow-out": _loop(0, 200, living(85, 35, seed + 5, low=5, high=195)),
    }
    tanks = {
        "level": _loop(0, "5.2428", living(2.4, 0.6, seed + 6, low=0.2, high=5)),
        "pump-pressure": _loop(0, "524.28", living(310, 15, seed + 7, low=0, high=520)),
    }
    gases: dict[str, Signal] = {
        "SO2": living(85, 20, seed + 8, low=0, high=500),
        "NO": living(140, 30, seed + 9, low=0, high=600),
        "O2": living(11.2, 0.9, seed + 10, low=0, high=20.9),
    }
    dust = sharp5030i(
        "dust",
        pm_ug_m3=living(42, 18, seed + 11, low=1, high=1000, peak_h=8),
        pressure_mmhg=living(757, 1.5, seed + 12, low=600, high=800, peak_h=10),
        humidity=living(74, 14, seed + 13, low=20, high=100, peak_h=4),
        temperature_degc=living(29, 4, seed + 14, low=-20, high=60),
    )
    return {
        "water": {BUS_ADDRESS: cm44("water", water)},
        "flow": {1: e1240("flow", flows)},
        "tanks": {1: adam6017("tanks", tanks)},
        "stack": {1: marsic300("stack", gases)},
        "co": {1: t300("co", living(1.4, 0.6, seed + 15, low=0, high=50, peak_h=18), seed=seed + 16)},
        "dust": {1: dust},
    }


def _serial_instruments(seed: int, event_s: float) -> dict[int, Instrument]:
    cod = Sum((living(62, 14, seed + 20, low=0, high=800), Discharge(event_s, 310.0)), 0, 800)
    conductivity = Sum((living(2.1, 0.2, seed + 21, low=0, high=20), Discharge(event_s, 1.4)), 0, 20)
    basin = {
        "DO": _loop(0, 16, living(2.2, 0.5, seed + 22, low=0, high=16, peak_h=5)),
        "air": _loop(
            4, 20, Sum((living(12.0, 1.0, seed + 23, low=4, high=20), Noise(0.05, seed + 24)), 4, 20)
        ),
    }
    return {
        3: sc_sensor("tss", "TSS", living(31, 8, seed + 25, low=0, high=500)),
        4: sc_sensor("cod", "COD", cod),
        5: sc3400(
            "salt", conductivity=conductivity, temperature_degc=living(28, 1, seed + 26, low=0, high=60)
        ),
        6: m7017c("basin", basin),
    }


def _loop(low: float | str, high: float | str, signal: Signal) -> Loop:
    return Loop(Decimal(low), Decimal(high), signal)
