"""Ecotech and Acoem Serinus gas analyzers over Bayern-Hessen.

Transcribed from the Serinus 40 manual 2.2, p. 143-144: families S10, S30 and S50 answer `MD01 kkk +nnnn+ee ss ff 000
00000000`; the S40 family `MD02 kkk … 00000000 mmm …`, first NO, then NOx under a second ID (NO2 when that option is
selected: Serinus 30 Benutzerhandbuch 2.1, p. 251). Acoem Serinus 10 p. 217, Serinus 30 p. 220: `MDcc`, and for each gas
the instrument's ID, the value, ss, ff, the gas's ID and the instrument's serial number. ss bit 6: volumetric.
The second ID of an S40 is a setting: here the one behind the first.
"""

from drivers.protocols.bayern_hessen import ECOTECH_NEW, ECOTECH_OLD
from sim.signals import Signal
from sim.speaker import Figure, Speaker
from sim.talk import Voice
from sim.talkers.bayern_hessen import AnalyzerFace, Slot

VOLUMETRIC = 0x4000
GAS_IDS = {"O3": "001", "CO": "002"}
"""Given in the instrument's menu; these are ours."""
SERIAL_NUMBER = "100730"


def serinus(name: str, unit: int, channel: str, gas: Signal) -> Voice[AnalyzerFace]:
    """A Serinus 10, 30 or 50 of the older firmware."""
    slot = Slot(unit, ("000", "00000000"), "gas", VOLUMETRIC)
    return Voice(Speaker(name, [Figure(channel, "gas", gas)]), AnalyzerFace(ECOTECH_OLD, (slot,)))


def serinus40(name: str, unit: int, *, no_ppb: Signal, nox_ppb: Signal) -> Voice[AnalyzerFace]:
    """Channels NO and NOx."""
    slots = tuple(
        Slot(unit + place, ("00000000",), gas, VOLUMETRIC) for place, gas in enumerate(("no", "nox"))
    )
    figures = [Figure("NO", "no", no_ppb), Figure("NOx", "nox", nox_ppb)]
    return Voice(Speaker(name, figures), AnalyzerFace(ECOTECH_OLD, slots))


def acoem(name: str, unit: int, channel: str, gas: Signal) -> Voice[AnalyzerFace]:
    """A Serinus 10 or 30 of Acoem that reports one gas of GAS_IDS."""
    slot = Slot(unit, (GAS_IDS[channel], SERIAL_NUMBER), "gas", VOLUMETRIC)
    return Voice(Speaker(name, [Figure(channel, "gas", gas)]), AnalyzerFace(ECOTECH_NEW, (slot,)))
