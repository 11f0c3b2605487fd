"""Who speaks in characters on a line? One question for each protocol that has one for everybody, at each usual setting.

    Bayern-Hessen   DA without an address; several instruments answer at once, and nobody can be read
    C-Link          `instrument id`, without an ID and with those that the models are delivered with
    SDI-12          ?!, which a line with one probe answers

None of them changes anything. Instruments of Modbus pass them over as noise.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from drivers.errors import Unreachable
from drivers.protocols import bayern_hessen, clink, sdi12
from drivers.protocols.bayern_hessen_frame import Framing
from drivers.protocols.sdi12_message import AddressQuery
from drivers.protocols.text import xor_of
from drivers.scan import Ending, Limits, Over
from drivers.trials import Setting

SETTINGS: Final = (
    Setting(9600),
    Setting(19200),
    Setting(38400),
    Setting(115200),
    Setting(4800),
    Setting(2400),
    Setting(1200, "E", 7),
)
"""Analyzers are delivered with 8N1, most with 9600; SDI-12 has 1200 7E1, behind an adapter mostly 9600 8N1."""
CLINK_IDS: Final = (None, 42, 43, 48, 49)
_HESSEN: Final = re.compile(rb"(\x02MD\d\d +(\d{3}) [^\x02\x03]*\x03)([\dA-F]{2})")
_HESSEN_CR: Final = re.compile(rb"\x02MD\d\d +(\d{3}) [^\x02\x03\r]*\r")
_CLINK: Final = re.compile(rb"instrument id +(\d{1,3})[\s\x00*]", re.IGNORECASE)
_SDI12: Final = re.compile(rb"(?:^|[^\x20-\x7e]|!)([0-9A-Za-z])\r\n")


class Hail(NamedTuple):
    """`driver` of the station file. `request` are all bytes that are sent."""

    protocol: str
    driver: str
    request: bytes

    def address(self, heard: bytes) -> str | None:
        """The address of whoever answered this; None: it is no answer."""
        found = _read(self.driver, heard)
        return None if found is None else found.decode("ascii")


def _read(driver: str, heard: bytes) -> bytes | None:
    if driver == "clink":
        found = _CLINK.search(heard)
        return found[1] if found else None
    if driver == "sdi12":
        found = _SDI12.search(heard)
        return found[1] if found else None
    checked = _HESSEN.search(heard)
    if checked is not None:
        return checked[2] if int(checked[3], 16) == xor_of(checked[1]) else None
    found = _HESSEN_CR.search(heard)
    return found[1] if found else None


HAILS: Final = (
    *(
        Hail(
            "Bayern-Hessen",
            "bayern_hessen",
            bayern_hessen.encode_request(bayern_hessen.DataQuery("", framing)),
        )
        for framing in (Framing.BCC, Framing.CR)
    ),
    *(
        Hail("C-Link", "clink", clink.encode_request(clink.Command("instrument id", each)))
        for each in CLINK_IDS
    ),
    Hail("SDI-12", "sdi12", sdi12.encode_request(AddressQuery())),
)


class Spoke(NamedTuple):
    """Who answered. `address` None: something came that cannot be read."""

    setting: Setting | None
    hail: Hail
    address: str | None
    heard: bytes


class TextPort(Protocol):
    """What hailing needs of a line: of drivers.scan_port.StreamPort."""

    async def open(self) -> None:
        """Unreachable: held by another program, not there, ..."""
        ...

    async def tune(self, setting: Setting | None) -> None:
        """Speed and parity from now on. Unreachable: the port cannot do that."""
        ...

    async def say(self, request: bytes, wait_s: float) -> bytes:
        """Everything that is heard within `wait_s` behind it. Unreachable: the line is gone."""
        ...

    def close(self) -> None:
        """Lets go."""
        ...


class Hailing:
    """One run over a line."""

    def __init__(self, port: TextPort, settings: Sequence[Setting | None], limits: Limits) -> None:
        self._port = port
        self._settings = settings
        self._limits = limits
        self.spoke: list[Spoke] = []
        self.refused: list[Setting] = []
        self.unasked: list[Setting | None] = []
        """At these not everybody was asked, whatever ended the run."""

    async def run(self) -> Ending:
        """Unreachable only when the line cannot be opened at all."""
        self.unasked = list(self._settings)
        try:
            await self._limits.within(self._port.open())
        except Over as over:
            return over.ending
        try:
            for setting in self._settings:
                if await self._tuned(setting) and (ending := await self._at(setting)) is not None:
                    return ending
                self.unasked.remove(setting)
            return "complete"
        except Over as over:
            return over.ending
        except Unreachable:
            return "line lost"
        finally:
            self._port.close()

    async def _tuned(self, setting: Setting | None) -> bool:
        try:
            await self._port.tune(setting)
        except Unreachable:
            if setting is None:
                raise
            self.refused.append(setting)
            return False
        return True

    async def _at(self, setting: Setting | None) -> Ending | None:
        """All hails at one setting; why it ended before."""
        for hail in HAILS:
            if (ending := self._limits.reached()) is not None:
                return ending
            heard = await self._limits.within(self._port.say(hail.request, self._limits.wait_s))
            heard = heard.removeprefix(hail.request)
            if heard:
                self.spoke.append(Spoke(setting, hail, hail.address(heard), heard))
        return None

    def clear(self) -> tuple[Spoke, ...]:
        """Those that were understood, each once."""
        seen: dict[tuple[Setting | None, str, str], Spoke] = {}
        for each in self.spoke:
            if each.address is not None:
                seen.setdefault((each.setting, each.hail.driver, each.address), each)
        return tuple(seen.values())

    def unread(self) -> tuple[Spoke, ...]:
        """Settings at which something was heard and nobody was understood."""
        understood = {each.setting for each in self.spoke if each.address is not None}
        return tuple(each for each in self.spoke if each.address is None and each.setting not in understood)
