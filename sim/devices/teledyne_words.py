"""Teledyne API analyzers that do not speak Modbus here: T300 and T400 over Hessen, T101 and T400 in words.

Transcribed from the manuals: T400 p. 151, O3 has ID 400; T300 p. 164, CO 310, CO2 311, O2 312; one status word,
4000 ppb, 6000 ppm (T300 p. 150-154, table 6-6). Their answers are not in the source: type 2, each gas under its own
ID, is a guess, and so is ppm for CO2 and O2. T101 A-24: `SO2=261.4 PPB`, `H2S/TRS=331.6 PPB`, PMTTEMP is answered
with `PMT TEMP=7.0 C`, CONVTEMP with `CONV TEMP=315.0 C`. T400: as the T101; SAMPFLOW `SAMP FL`, CC/M, BOXTEMP `BOX
TEMP` are guesses.
"""

from decimal import Decimal

from drivers.protocols.bayern_hessen import TELEDYNE_TYPE_2
from drivers.protocols.teledyne import TERMINAL
from sim.signals import Constant, Signal
from sim.speaker import Figure, Speaker
from sim.talk import Voice
from sim.talkers.bayern_hessen import AnalyzerFace, Slot
from sim.talkers.teledyne import TeledyneFace

PPB, PPM = 0x4000, 0x6000
TAIL = ("000", "000000")
PPM_OF_PERCENT = Decimal("0.0001")


def t400_hessen(name: str, *, o3_ppb: Signal) -> Voice[AnalyzerFace]:
    """Channel O3, ID 400."""
    return Voice(
        Speaker(name, [Figure("O3", "o3", o3_ppb)]),
        AnalyzerFace(TELEDYNE_TYPE_2, (Slot(400, TAIL, "o3", PPB),)),
    )


def t300_hessen(name: str, *, co_ppm: Signal, co2_percent: Signal, o2_percent: Signal) -> Voice[AnalyzerFace]:
    """Channels CO (ID 310), CO2 (311) and O2 (312)."""
    figures = [
        Figure("CO", "co", co_ppm),
        Figure("CO2", "co2", co2_percent, scale=PPM_OF_PERCENT, decimals=0),
        Figure("O2", "o2", o2_percent, scale=PPM_OF_PERCENT, decimals=0),
    ]
    slots = tuple(Slot(310 + place, TAIL, figure.field, PPM) for place, figure in enumerate(figures))
    return Voice(Speaker(name, figures), AnalyzerFace(TELEDYNE_TYPE_2, slots))


def t101_words(name: str, unit: int, *, so2_ppb: Signal, h2s_ppb: Signal) -> Voice[TeledyneFace]:
    """Channels SO2, H2S, pmt-temperature and converter-temperature."""
    figures = [
        Figure("SO2", "SO2", so2_ppb, decimals=1),
        Figure("H2S", "H2S/TRS", h2s_ppb, decimals=1),
        Figure("pmt-temperature", "PMTTEMP", Constant(7.0), decimals=1),
        Figure("converter-temperature", "CONVTEMP", Constant(315.0), decimals=1),
    ]
    tests = {
        "SO2": ("SO2", "PPB"),
        "H2S/TRS": ("H2S/TRS", "PPB"),
        "PMTTEMP": ("PMT TEMP", "C"),
        "CONVTEMP": ("CONV TEMP", "C"),
    }
    return Voice(Speaker(name, figures), TeledyneFace(TERMINAL, unit, tests))


def t400_words(name: str, unit: int, *, o3_ppb: Signal) -> Voice[TeledyneFace]:
    """Channels O3, sample-flow (L/min) and box-temperature."""
    figures = [
        Figure("O3", "O3", o3_ppb, decimals=1),
        Figure("sample-flow", "SAMPFLOW", Constant(0.78), scale=Decimal("0.001"), decimals=0),
        Figure("box-temperature", "BOXTEMP", Constant(30.2), decimals=1),
    ]
    tests = {"O3": ("O3", "PPB"), "SAMPFLOW": ("SAMP FL", "CC/M"), "BOXTEMP": ("BOX TEMP", "C")}
    return Voice(Speaker(name, figures), TeledyneFace(TERMINAL, unit, tests))
