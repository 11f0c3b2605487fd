"""Input modules for 4-20 mA: where each shows its inputs, in which numbers, and how it says that one is out of order.

An input in 4-20 mA mode reads a broken wire like 4 mA; set modules to 0-20 mA where the table has that mode.
A module that is not here is described in the station file: address, raw and ma, and status when it has one.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal, NamedTuple

from drivers.protocols.modbus import DataType, Table

Mode = Literal["0-20 mA", "4-20 mA"]
Pair = tuple[float, float]


class Verdict(Enum):
    """What a status says of its input. BEYOND: over or under, the number itself tells which."""

    NORMAL = "normal"
    OVER = "over range"
    UNDER = "under range"
    BEYOND = "over or under range"
    FAULT = "burn-out"


class Registers(NamedTuple):
    """One value for each input: input n stands at `first` + n x `step`."""

    table: Table
    first: int
    step: int = 1
    type: DataType = "uint16"

    def of(self, number: int) -> int:
        """The address of this input's."""
        return self.first + number * self.step


class Scale(NamedTuple):
    """Two numbers of an input, the currents that they mean, and the numbers at which it stands still."""

    raw: Pair
    ma: Pair
    ends: Pair


class Status(NamedTuple):
    """Registers that judge the inputs; a number that is not in `verdicts` is a fault."""

    at: Registers
    verdicts: Mapping[int, Verdict]


class Setting(NamedTuple):
    """Registers that tell to which range each input is set, and the codes of each mode."""

    at: Registers
    codes: Mapping[Mode, tuple[int, ...]]


class Module(NamedTuple):
    """One kind. `source` says from where its row is, and what in it is a guess."""

    inputs: int
    values: Registers
    scales: Mapping[Mode, Scale]
    status: Status | None
    setting: Setting | None
    source: str


_MOXA_STATUS: Final = Status(
    Registers("input", 60),
    {0: Verdict.NORMAL, 1: Verdict.FAULT, 2: Verdict.OVER, 3: Verdict.UNDER},
)
_MOXA_SETTING: Final = Setting(Registers("holding", 24), {"0-20 mA": (2,), "4-20 mA": (1, 4)})

MODULES: Final[Mapping[str, Module]] = {
    "ADAM-6017": Module(
        inputs=8,
        values=Registers("holding", 0),
        scales={
            "0-20 mA": Scale((0, 65535), (0, 20), (0, 65535)),
            "4-20 mA": Scale((0, 65535), (4, 20), (0, 65535)),
        },
        status=None,
        setting=Setting(Registers("holding", 200), {"0-20 mA": (0x0182,), "4-20 mA": (0x0180,)}),
        source="Advantech ADAM-6000 user manual, Modbus mapping: 40001.., type codes at 40201..",
    ),
    "ioLogik E1240": Module(
        inputs=8,
        values=Registers("input", 0),
        scales={"0-20 mA": Scale((13107, 65534), (4, 20), (0, 65535))},
        status=_MOXA_STATUS,
        setting=_MOXA_SETTING,
        source="Moxa ioLogik E1200 user manual, A-11, A-15; the scale is a guess from the sister module 85M, p.36",
    ),
    "ioLogik E1240 scaled": Module(
        inputs=8,
        values=Registers("input", 8, 2, "float32"),
        scales={
            "0-20 mA": Scale((0, 20), (0, 20), (0, 20)),
            "4-20 mA": Scale((4, 20), (4, 20), (4, 20)),
        },
        status=_MOXA_STATUS,
        setting=_MOXA_SETTING,
        source="Moxa ioLogik E1200 user manual, A-11, A-15: mA, as long as nobody sets another scaling",
    ),
    "M-7017C": Module(
        inputs=8,
        values=Registers("input", 0, 1, "int16"),
        scales={
            "0-20 mA": Scale((0, 20_000), (0, 20), (0, 20_000)),
            "4-20 mA": Scale((4_000, 20_000), (4, 20), (4_000, 20_000)),
        },
        status=Status(Registers("discrete", 128, 1, "bit"), {0: Verdict.NORMAL, 1: Verdict.BEYOND}),
        setting=None,
        source="ICP DAS M-7017C quick start, engineering format; its step of 1 uA is a guess",
    ),
}
