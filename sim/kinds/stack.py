"""A stack: a MARSIC300, an ADAM-6017 on UDP, a flow meter that answers in lines of its own."""

from decimal import Decimal

from drivers.protocols.line_text import Wording, compiled_lines
from sim.devices.advantech import adam6017
from sim.devices.sick import marsic300
from sim.face import Face
from sim.kinds.kind import Faces, Kind
from sim.layout import Loop
from sim.signals import Signal, living
from sim.speaker import Figure, Speaker
from sim.talk import TalkFace
from sim.talkers.lines import LinesTalker

FLOW_METER = Wording(request="?\\r", terminator="\\r\\n", pattern="FLOW {q} Nm3/h V {v} m/s")


def _faces(seed: int) -> Faces:
    gases: dict[str, Signal] = {
        "SO2": living(85, 20, seed, low=0, high=500),
        "NO": living(140, 30, seed + 1, low=0, high=600),
        "NO2": living(9, 3, seed + 2, low=0, high=100),
        "NOx": living(224, 45, seed + 3, low=0, high=1000),
        "CO": living(66, 25, seed + 4, low=0, high=1000),
        "O2": living(11.2, 0.9, seed + 5, low=0, high=20.9),
        "H2O": living(9.5, 1.0, seed + 6, low=0, high=40),
    }
    duct = {
        "PM": Loop(Decimal(0), Decimal(200), living(32, 9, seed + 7, low=2, high=190)),
        "temperature": Loop(Decimal(0), Decimal(400), living(145, 12, seed + 8, low=20, high=390)),
        "pressure": Loop(Decimal(90), Decimal(110), living(100.6, 0.3, seed + 9, low=91, high=109)),
    }
    flow = Speaker(
        "flow",
        [
            Figure("flow", "q", living(61_000, 9_000, seed + 10, low=100, high=190_000)),
            Figure("velocity", "v", living(12.3, 1.8, seed + 11, low=0.1, high=39)),
        ],
    )
    return {
        "marsic": Face({1: marsic300("gas", gases)}, gateway=True),
        "adam": Face({1: adam6017("duct", duct)}, gateway=True),
        "flowmeter": TalkFace(LinesTalker({1: flow}, {1: compiled_lines(FLOW_METER)})),
    }


KIND = Kind("stack", _faces, {"gas": {"active-point": "sampling-point"}})
