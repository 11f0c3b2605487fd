"""Industrial wastewater: a Liquiline, two sc sensors, an E1240 and an M-7017C."""

from decimal import Decimal

from sim.devices.endress import cm44
from sim.devices.hach import sc_sensor, tss_sc
from sim.devices.icpdas import m7017c
from sim.devices.moxa import e1240
from sim.face import Face
from sim.kinds.kind import Faces, Kind
from sim.layout import Loop
from sim.signals import living


def _faces(seed: int) -> Faces:
    water = {
        "pH": living(7.2, 0.3, seed, low=0, high=14),
        "temperature": living(29.0, 2.0, seed + 1, low=0, high=60),
        "NH4": living(4.0, 1.2, seed + 2, low=0, high=100),
    }
    solids = tss_sc(
        "tss",
        turbidity_fnu=living(18, 5, seed + 3, low=0, high=4000),
        solids_mg_l=living(31, 8, seed + 4, low=0, high=500),
    )
    flows = {
        "flow-in": Loop(Decimal(0), Decimal(200), living(90, 40, seed + 5, low=5, high=195)),
        "flow-out": Loop(Decimal(0), Decimal(200), living(85, 35, seed + 6, low=5, high=195)),
    }
    outlet = {
        "colour": Loop(Decimal(0), Decimal(500), living(42, 12, seed + 7, low=5, high=480)),
        "Cl": Loop(Decimal(0), Decimal(5), living(0.6, 0.2, seed + 8, low=0.1, high=4.8)),
    }
    cod = sc_sensor("cod", "COD", living(62, 14, seed + 9, low=0, high=800))
    return {
        "liquiline": Face({247: cm44("water", water)}, gateway=True),
        "rs485": Face({3: solids, 4: cod}),
        "iologik": Face({1: e1240("flow", flows)}, gateway=True),
        "icpdas": Face({1: m7017c("outlet", outlet)}),
    }


KIND = Kind("wastewater", _faces, {"cod": {"COD-unit": "unit", "COD-parameter": "parameter"}})
