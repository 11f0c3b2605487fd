"""The check in what was heard, and the one that the characters give: whether the line changes bytes. Pure.

Each function finds the last message in the bytes; None: there is none with a check in it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from drivers.ascii import Settings as AsciiSettings
from drivers.clink import Settings as ClinkSettings
from drivers.endpoint import SerialPort, TcpHost, ThisMachine, UdpHost
from drivers.protocols.modbus_ascii import lrc
from drivers.protocols.modbus_rtu import crc16
from drivers.protocols.sdi12_crc import CRC_CHARACTERS, crc_of
from drivers.protocols.text import sum_of, xor_of

_HESSEN = re.compile(rb"(\x02[^\x02\x03]*\x03)([\x20-\x7e]{2})")
_NMEA = re.compile(rb"\$([^$*\r\n]*)\*([\dA-Fa-f]{2})")
_CLINK = re.compile(rb"([^\r\n\x00]+)\n *sum ([\dA-Fa-f]{4})")
_LINE = re.compile(rb"[^\r\n]+(?=\r\n)")
_ASCII_FRAME = re.compile(rb":([\dA-Fa-f]+)([\dA-Fa-f]{2})\r")
SHORTEST_RTU = 4


class Check(NamedTuple):
    """As written in the protocol. `found` stands in the message, `expected` is what its other bytes give."""

    name: str
    found: str
    expected: str

    @property
    def right(self) -> bool:
        """Whether no byte of the message was changed, as far as the check can tell."""
        return self.found.upper() == self.expected.upper()


def of_modbus(where: SerialPort | TcpHost | UdpHost | ThisMachine, heard: bytes) -> Check | None:
    """CRC of an RTU frame or LRC of an ASCII one; Modbus TCP has none of its own."""
    if isinstance(where, UdpHost | ThisMachine):
        return None
    if (where.framer == "ascii") if isinstance(where, SerialPort) else where.ascii:
        found = _last(_ASCII_FRAME, heard)
        if found is None or len(found[1]) % 2:
            return None
        return Check("LRC", found[2].decode(), f"{lrc(bytes.fromhex(found[1].decode())):02X}")
    if where.numbered or len(heard) < SHORTEST_RTU:
        return None
    frame = _sound_frame(heard) or heard
    return Check("CRC", frame[-2:].hex(" "), crc16(frame[:-2]).to_bytes(2, "little").hex(" "))


def _sound_frame(heard: bytes) -> bytes:
    """An answer of the length that it says, with noise or an echo around it; empty: there is none."""
    for start in range(len(heard) - SHORTEST_RTU):
        refused = heard[start + 1] & 0x80
        frame = heard[start : start + (5 if refused else 5 + heard[start + 2])]
        if len(frame) >= SHORTEST_RTU + 1 and crc16(frame) == 0:
            return frame
    return b""


def of_characters(driver: str, settings: Any, heard: bytes) -> Check | None:  # noqa: ANN401 - by driver
    """By the driver's protocol; None as well: its messages have no check, or the station file switches it off."""
    finder = _FINDERS.get(driver)
    return finder(settings, heard) if finder else None


def _hessen(_settings: object, heard: bytes) -> Check | None:
    found = _last(_HESSEN, heard)
    return Check("check", found[2].decode(), f"{xor_of(found[1]):02X}") if found else None


def _nmea(_settings: object, heard: bytes) -> Check | None:
    found = _last(_NMEA, heard)
    return Check("checksum", found[2].decode(), f"{xor_of(found[1]):02X}") if found else None


def _clink(settings: ClinkSettings, heard: bytes) -> Check | None:
    found = _last(_CLINK, heard)
    if found is None:
        return None
    line_feed = b"\n" * settings.sum_with_line_feed
    return Check("sum", found[2].decode(), f"{sum_of(found[1] + line_feed, bits=16):04x}")


def _line_text(settings: AsciiSettings, heard: bytes) -> Check | None:
    lines = settings.lines
    messages = [line for line in heard.split(lines.end) if line.strip()]
    if lines.check is None or not messages:
        return None
    inside = messages[-1].removeprefix(lines.start)
    covered, digits = inside[: -lines.check.digits], inside[-lines.check.digits :]
    wanted = lines.check.of(covered.removesuffix(lines.mark)[lines.check.skip :])
    return Check(lines.check.algorithm, digits.decode("latin-1"), f"{wanted:0{lines.check.digits}X}")


def _sdi12(settings: Any, heard: bytes) -> Check | None:  # noqa: ANN401 - of the driver sdi12 or vaisala_wxt
    proven = settings.crc if hasattr(settings, "crc") else settings.request.crc
    found = _last(_LINE, heard)
    if not proven or found is None or len(found[0]) <= CRC_CHARACTERS:
        return None
    line = found[0]
    return Check(
        "CRC", line[-CRC_CHARACTERS:].decode("latin-1"), crc_of(line[:-CRC_CHARACTERS]).decode("ascii")
    )


_FINDERS: Mapping[str, Callable[[Any, bytes], Check | None]] = {
    "ascii": _line_text,
    "bayern_hessen": _hessen,
    "clink": _clink,
    "nmea0183": _nmea,
    "sdi12": _sdi12,
    "vaisala_wxt": _sdi12,
}


def _last(pattern: re.Pattern[bytes], heard: bytes) -> re.Match[bytes] | None:
    found = None
    for found in pattern.finditer(heard):  # noqa: B007 - the last one counts
        pass
    return found
