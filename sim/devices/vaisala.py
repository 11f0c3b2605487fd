"""Vaisala weather transmitters and wind sensors.

WXT520 in ASCII, transcribed from the User's Guide M210906EN-C, p. 65 and 78: aR1 wind (Dm, Sm, Sx), aR2 air (Ta,
Ua, Pa), aR3 precipitation (Rc, Ri), aR5 supervisor (Th, Vs); factory units: M m/s, C, P, H, M mm and mm/h, V.
WXT530 in NMEA 0183, transcribed from M211840EN-C, p. 119 and 120, device address 0: type and number of each
transducer.
WMT700 in NMEA 0183, transcribed from M211095EN, appendix E.3: MWV with angle, R, speed, N (knots), A.
"""

from collections.abc import Mapping
from decimal import Decimal

from sim.signals import Signal
from sim.speaker import Figure, Speaker
from sim.talk import Voice
from sim.talkers.vaisala_wxt import WxtFace

KNOT_M_S = Decimal(1852) / 3600
ASCII = {
    "wind-direction": ("Dm", "D", 0),
    "wind-speed": ("Sm", "M", 1),
    "wind-gust": ("Sx", "M", 1),
    "temperature": ("Ta", "C", 1),
    "humidity": ("Ua", "P", 1),
    "pressure": ("Pa", "H", 1),
    "rain": ("Rc", "M", 2),
    "rain-rate": ("Ri", "M", 1),
    "heating-temperature": ("Th", "C", 1),
    "supply": ("Vs", "V", 1),
}
NMEA = {
    "wind-direction": ("A:1", "D", 0),
    "wind-speed": ("S:1", "M", 1),
    "wind-gust": ("S:2", "M", 1),
    "temperature": ("C:0", "C", 1),
    "humidity": ("H:0", "P", 1),
    "pressure": ("P:0", "H", 1),
    "rain": ("V:0", "M", 2),
    "rain-rate": ("R:0", "M", 1),
    "supply": ("U:1", "V", 1),
}


def wxt520(name: str, address: str, weather: Mapping[str, Signal], *, crc: bool = False) -> Voice[WxtFace]:
    """`weather`: of ASCII; the other fields are not enabled. It is polled."""
    letters = {ASCII[channel][0]: ASCII[channel][1] for channel in weather}
    return Voice(_speaker(name, weather, ASCII), WxtFace(address, letters, crc=crc))


def wxt530_nmea(name: str, weather: Mapping[str, Signal]) -> Voice[Mapping[str, str]]:
    """`weather`: of NMEA; the other transducers are not enabled. It talks by itself; its wording are unit letters."""
    return Voice(_speaker(name, weather, NMEA), {NMEA[channel][0]: NMEA[channel][1] for channel in weather})


def wmt700_nmea(name: str, *, direction_deg: Signal, speed_m_s: Signal) -> Voice[Mapping[str, str]]:
    """Channels wind-direction and wind-speed. It says knots, and talks by itself."""
    figures = [
        Figure("wind-direction", "wind_direction", direction_deg, decimals=0),
        Figure("wind-speed", "wind_speed", speed_m_s, scale=KNOT_M_S, decimals=2),
    ]
    return Voice(Speaker(name, figures), {"wind_direction": "D", "wind_speed": "N"})


def _speaker(name: str, weather: Mapping[str, Signal], fields: Mapping[str, tuple[str, str, int]]) -> Speaker:
    return Speaker(
        name,
        [
            Figure(channel, fields[channel][0], signal, decimals=fields[channel][2])
            for channel, signal in weather.items()
        ],
    )
