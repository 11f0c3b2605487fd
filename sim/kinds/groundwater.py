"""Groundwater: an SDI-12 probe in the well, a Liquiline on RS-485, a WXT530 that sends NMEA 0183 by itself."""

from sim.devices.endress import cm44
from sim.devices.vaisala import wxt530_nmea
from sim.face import Face
from sim.kinds.kind import Faces, Kind
from sim.signals import Constant, Signal, living
from sim.speaker import Figure, Speaker
from sim.talk import TalkFace, on_one_line
from sim.talkers.nmea0183 import Nmea0183Talker
from sim.talkers.sdi12 import Probe, Sdi12Talker


def _faces(seed: int) -> Faces:
    well = Speaker(
        "well",
        [
            Figure("level", "1", living(18.4, 0.3, seed, low=1, high=95)),
            Figure("temperature", "2", living(27.1, 0.2, seed + 1, low=5, high=45)),
            Figure("EC", "3", living(640, 20, seed + 2, low=10, high=19_000)),
        ],
    )
    water = {
        "pH": living(6.4, 0.1, seed + 3, low=0, high=14),
        "TDS": living(410, 15, seed + 4, low=0, high=19_000),
    }
    weather: dict[str, Signal] = {
        "wind-direction": living(190, 50, seed + 5, low=0, high=359),
        "wind-speed": living(2.1, 1.0, seed + 6, low=0, high=50),
        "wind-gust": living(3.9, 1.6, seed + 7, low=0, high=55),
        "temperature": living(29, 4, seed + 8, low=-20, high=60),
        "humidity": living(72, 14, seed + 9, low=5, high=100, peak_h=4),
        "pressure": living(1009, 2, seed + 10, low=900, high=1100, peak_h=10),
        "rain": Constant(3.2),
        "rain-rate": living(0.4, 0.3, seed + 11, low=0, high=200),
        "supply": living(12.2, 0.1, seed + 12, low=9, high=15),
    }
    return {
        "well": TalkFace(Sdi12Talker({1: well}, {1: Probe("0")})),
        "rs485": Face({24: cm44("water", water, bus_address=24)}),
        "weather": TalkFace(Nmea0183Talker(*on_one_line({1: wxt530_nmea("weather", weather)}))),
    }


KIND = Kind("groundwater", _faces)
