"""Ambient air: Bayern-Hessen, C-Link, Teledyne's words, two BAM-1020, a WXT520, a wind sensor that talks."""

from sim.devices.ecotech import serinus
from sim.devices.met_one import bam1020
from sim.devices.teledyne_words import t400_words
from sim.devices.thermo_iseries import i42, i48_clink
from sim.devices.vaisala import wmt700_nmea, wxt520
from sim.kinds.kind import Faces, Kind
from sim.signals import Constant, Signal, living
from sim.talk import TalkFace, on_one_line
from sim.talkers.bam1020 import Bam1020Talker
from sim.talkers.bayern_hessen import BayernHessenTalker
from sim.talkers.clink import ClinkTalker
from sim.talkers.nmea0183 import Nmea0183Talker
from sim.talkers.teledyne import TeledyneTalker
from sim.talkers.vaisala_wxt import VaisalaWxtTalker


def _faces(seed: int) -> Faces:
    nitrogen = i42(
        "nox",
        42,
        no_ppb=living(9, 4, seed, low=0, high=500),
        no2_ppb=living(17, 6, seed + 1, low=0, high=500),
        nox_ppb=living(26, 9, seed + 2, low=0, high=500),
    )
    sulphur = serinus("so2", 50, "SO2", living(6, 2, seed + 3, low=0, high=500))
    carbon = i48_clink(
        "co",
        co_ppm=living(1.4, 0.6, seed + 4, low=0.05, high=50, peak_h=18),
        pressure_mmhg=living(753, 1.5, seed + 5, low=600, high=800),
        flow_l_min=living(1.1, 0.02, seed + 6, low=0.5, high=2),
    )
    ozone = t400_words("o3", 400, o3_ppb=living(34, 18, seed + 7, low=0, high=500))
    mast = wmt700_nmea(
        "mast",
        direction_deg=living(205, 60, seed + 30, low=0, high=359),
        speed_m_s=living(3.4, 1.5, seed + 31, low=0, high=70),
    )
    return {
        "hessen": TalkFace(BayernHessenTalker(*on_one_line({42: nitrogen, 50: sulphur}))),
        "clink": TalkFace(ClinkTalker(*on_one_line({48: carbon}))),
        "teledyne": TalkFace(TeledyneTalker(*on_one_line({400: ozone}))),
        "bam10": _bam("pm10", "PM10", living(58, 20, seed + 8, low=3, high=980, peak_h=8), seed + 9),
        "bam25": _bam("pm2.5", "PM2.5", living(34, 14, seed + 10, low=2, high=980, peak_h=8), seed + 11),
        "weather": TalkFace(
            VaisalaWxtTalker(*on_one_line({1: wxt520("weather", "0", _weather(seed + 12), crc=True)}))
        ),
        "mast": TalkFace(Nmea0183Talker(*on_one_line({1: mast}))),
    }


def _bam(device: str, channel: str, ug_m3: Signal, seed: int) -> TalkFace:
    voice = bam1020(
        device,
        (channel, ug_m3),
        {"humidity": living(35, 6, seed, low=5, high=95)},
        pressure_hpa=living(1009, 2, seed + 100, low=900, high=1100),
    )
    return TalkFace(Bam1020Talker(*on_one_line({1: voice})))


def _weather(seed: int) -> dict[str, Signal]:
    return {
        "wind-direction": living(200, 60, seed, low=0, high=359),
        "wind-speed": living(2.5, 1.2, seed + 1, low=0, high=50),
        "wind-gust": living(4.5, 1.8, seed + 2, low=0, high=55),
        "temperature": living(29, 4, seed + 3, low=-20, high=60),
        "humidity": living(74, 14, seed + 4, low=5, high=100, peak_h=4),
        "pressure": living(1009, 2, seed + 5, low=900, high=1100, peak_h=10),
        "rain": Constant(12.4),
        "rain-rate": living(0.6, 0.5, seed + 6, low=0, high=200),
        "supply": living(12.2, 0.1, seed + 7, low=9, high=15),
    }


KIND = Kind("ambient-air", _faces)
