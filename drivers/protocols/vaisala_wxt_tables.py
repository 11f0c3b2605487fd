"""What the names, unit letters and texts of Vaisala's WXT weather transmitters mean.

Sources: names and order, WXT520 User's Guide M210906EN-C, page 65; unit letters, the settings of each sensor in
chapter 8 and WXT510 User's Guide M210470EN-D, table 7; texts, WXT530 User Guide M211840EN-G, chapter 10.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

Units = Mapping[str, str]
"""Unit letter to unit; empty for words."""

_ANGLE: Final[Units] = {"D": "deg"}
_SPEED: Final[Units] = {"M": "m/s", "K": "km/h", "S": "mph", "N": "kn"}
_TEMPERATURE: Final[Units] = {"C": "degC", "F": "degF"}
_HUMIDITY: Final[Units] = {"P": "%"}
_PRESSURE: Final[Units] = {"H": "hPa", "P": "Pa", "B": "bar", "M": "mmHg", "I": "inHg"}
_RAIN: Final[Units] = {"M": "mm", "I": "in", "H": "hits"}
_RAIN_RATE: Final[Units] = {"M": "mm/h", "I": "in/h", "H": "hits/h"}
_HAIL: Final[Units] = {"M": "hits/cm2", "I": "hits/in2", "H": "hits"}
_HAIL_RATE: Final[Units] = {"M": "hits/cm2h", "I": "hits/in2h", "H": "hits/h"}
_DURATION: Final[Units] = {"s": "s"}
_VOLTAGE: Final[Units] = {"V": "V"}
_HEATER: Final[Units] = {"N": "V", "V": "V", "F": "V", "W": "V"}
_WORDS: Final[Units] = {}

HEATING: Final = {
    "N": "heating off",
    "V": "heating on, half power",
    "F": "heating on, half power",
    "W": "full",
}
"""The unit letter of Vh tells what the heater does [WXT510 User's Guide, table 7]."""

COMPOSITE: Final = 0
COMBINED: Final = (1, 2, 3, 5)

_WIND: Final[Mapping[str, Units]] = {
    "Dn": _ANGLE,  # minimum, mean (m), maximum (x)
    "Dm": _ANGLE,
    "Dx": _ANGLE,
    "Sn": _SPEED,
    "Sm": _SPEED,
    "Sx": _SPEED,
}
_AIR: Final[Mapping[str, Units]] = {
    "Ta": _TEMPERATURE,
    "Tp": _TEMPERATURE,  # inside, of the pressure sensor
    "Ua": _HUMIDITY,
    "Pa": _PRESSURE,
}
_PRECIPITATION: Final[Mapping[str, Units]] = {
    "Rc": _RAIN,  # accumulated since the counter's reset
    "Rd": _DURATION,
    "Ri": _RAIN_RATE,
    "Hc": _HAIL,
    "Hd": _DURATION,
    "Hi": _HAIL_RATE,
    "Rp": _RAIN_RATE,  # peak
    "Hp": _HAIL_RATE,
}
_SUPERVISOR: Final[Mapping[str, Units]] = {
    "Th": _TEMPERATURE,  # heating
    "Vh": _HEATER,
    "Vs": _VOLTAGE,  # supply
    "Vr": _VOLTAGE,  # reference, 3.5 V
    "Id": _WORDS,
}
MESSAGES: Final[Mapping[int, Mapping[str, Units]]] = {
    COMPOSITE: {**_WIND, **_AIR, **_PRECIPITATION, **_SUPERVISOR},
    1: _WIND,
    2: _AIR,
    3: _PRECIPITATION,
    5: _SUPERVISOR,
}
"""Message number to its parameters in their fixed order; each may be left out by configuration."""


class TextRow(NamedTuple):
    """`identifier` is the number in NMEA mode; `flag` is empty when the text says nothing of a reading."""

    identifier: str
    words: str
    meaning: str
    refuses: bool
    flag: str


TEXTS: Final = (
    TextRow("01", "Unable to measure error", "the parameters asked for are not activated", True, ""),
    TextRow("02", "Sync/address error", "the address of the command is not this instrument's", True, ""),
    TextRow("03", "Unknown cmd error", "the command is not known", True, ""),
    TextRow(
        "04", "Profile reset", "settings were damaged, factory settings are used", False, "instrument_fault"
    ),
    TextRow(
        "05", "Factory reset", "calibration was damaged, factory values are used", False, "instrument_fault"
    ),
    TextRow("06", "Version reset", "new software", False, ""),
    TextRow("07", "Start-up", "the software has restarted", False, ""),
    TextRow("08", "Use chksum", "the checksum of the command was wrong", True, ""),
    TextRow("09", "Measurement reset", "all measurements were started again", False, ""),
    TextRow("10", "Rain reset", "the rain counter was reset", False, ""),
    TextRow("11", "Inty reset", "the rain intensity counter was reset", False, ""),
)
"""Each row's words and meaning: M211840EN-G, "Error messaging/text messages". The flags are our reading of it."""


def text_row(words: str) -> TextRow | None:
    """The row of a text; `Use chksum Goe` is the eighth. None: a text that the manual does not have."""
    for row in TEXTS:
        if words == row.words or (row.identifier == "08" and words.startswith(row.words)):
            return row
    return None
