"""A river: a Liquiline with seven inputs, three sc sensors behind a serial server, a radar that talks by itself."""

from drivers.protocols.line_text import Wording, compiled_lines
from sim.devices.endress import cm44
from sim.devices.hach import sc3400, sc_sensor, tss_sc
from sim.face import Face
from sim.kinds.kind import Faces, Kind
from sim.signals import living
from sim.speaker import Figure, Speaker
from sim.talk import TalkFace
from sim.talkers.lines import LinesTalker

RADAR = Wording(request="", terminator="\\r\\n", pattern="R{level}m")


def _faces(seed: int) -> Faces:
    water = {
        "pH": living(7.0, 0.2, seed, low=0, high=14),
        "temperature": living(28.5, 1.5, seed + 1, low=0, high=60),
        "DO": living(5.4, 0.8, seed + 2, low=0, high=20, peak_h=15),
        "NH4": living(0.4, 0.1, seed + 3, low=0, high=100),
        "NO3": living(3.1, 0.5, seed + 4, low=0, high=100),
        "PO4": living(0.12, 0.03, seed + 5, low=0, high=20),
        "TOC": living(4.2, 0.6, seed + 6, low=0, high=200),
    }
    solids = tss_sc(
        "solids",
        turbidity_fnu=living(24, 6, seed + 7, low=0, high=4000),
        solids_mg_l=living(38, 9, seed + 8, low=0, high=500),
    )
    salt = sc3400(
        "salt",
        conductivity=living(0.42, 0.05, seed + 9, low=0, high=50),
        temperature_degc=living(28.4, 1.5, seed + 10, low=0, high=60),
    )
    cod = sc_sensor("cod", "COD", living(14, 3, seed + 11, low=0, high=400))
    level = Speaker("radar", [Figure("level", "level", living(2.35, 0.7, seed + 12, low=0.2, high=14))])
    return {
        "liquiline": Face({247: cm44("water", water)}, gateway=True),
        "hach": Face({3: solids, 4: cod, 5: salt}),
        "radar": TalkFace(LinesTalker({1: level}, {1: compiled_lines(RADAR)})),
    }


KIND = Kind(
    "surface-water",
    _faces,
    {
        "cod": {"COD-unit": "unit", "COD-parameter": "parameter"},
        "salt": {"T": "temperature"},
    },
)
