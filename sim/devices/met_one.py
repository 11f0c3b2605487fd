"""Met One BAM-1020, particulate matter.

Transcribed from a published report of a real instrument (header
`Time,Conc(mg/m3),Qtot(m3),WS(MPS),WD(DEG),BP(mm),RH(%), Delta(C),AT(C)` and twelve letters) and the manual Rev W,
p. 90 (mg/m3, the hour that just ended) and p. 94 (queries).
"""

from collections.abc import Mapping
from decimal import Decimal

from sim.signals import Constant, Signal
from sim.speaker import Figure, Speaker
from sim.talk import Voice
from sim.talkers.bam1020 import Bam1020Face

MMHG_HPA = Decimal("1.33322387415")
HEADER = {
    "Conc": "mg/m3",
    "Qtot": "m3",
    "WS": "MPS",
    "WD": "DEG",
    "BP": "mm",
    "RH": "%",
    "Delta": "C",
    "AT": "C",
}
COLUMNS = {
    "volume": "Qtot",
    "wind-speed": "WS",
    "wind-direction": "WD",
    "humidity": "RH",
    "temperature": "AT",
}
VOLUME_M3 = 0.834


def bam1020(
    name: str, dust: tuple[str, Signal], weather: Mapping[str, Signal], *, pressure_hpa: Signal
) -> Voice[Bam1020Face]:
    """`dust`: channel and ug/m3. `weather`: of COLUMNS; what is not there shows 0. The hour's end is channel Time."""
    shown = {"volume": Constant(VOLUME_M3), **weather}
    channel, ug_m3 = dust
    figures = [
        Figure(channel, "Conc", ug_m3, scale=Decimal(1000)),
        Figure("pressure", "BP", pressure_hpa, scale=MMHG_HPA, decimals=1),
        Figure("Delta", "Delta", Constant(4.5), decimals=1),
        *(
            Figure(each, column, shown.get(each, Constant(0.0)), decimals=3 if each == "volume" else 1)
            for each, column in COLUMNS.items()
        ),
    ]
    return Voice(Speaker(name, figures), Bam1020Face(HEADER, time_channel="Time"))
