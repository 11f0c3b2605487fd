"""SDI-12: one wire, one letter or digit for each sensor, every word ends with `!` or CR LF. Both directions.

Sources: SDI-12 version 1.4 (section 4.4.12 by quotation), the list of commands in Campbell CS215 manual, table
D-1, and MRC-565 specifications, page 99; characters in a data answer, Apogee SN-500 manual, B.1.10 and B.1.11.

    0M!  -> 00053     data in 5 s, 3 values; then the service request `0`; then 0D0! -> 0+3.14-2.7+1
    0C!  -> 000512    the same for the whole line at once: two digits of values, no service request
    0MC! 0CC! 0RC0!   the data that follow carry a CRC; the announcement itself never does

The break before a command is the line's business; what an adapter makes of it (NUL) is noise here. An adapter
that is transparent echoes the command in front of the answer: an exact echo is taken off.
On the wire a service request that comes too late looks like a data answer without data.
"""

import re
from typing import Final

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.sdi12_crc import crc_of, without_crc
from drivers.protocols.sdi12_message import (
    ADDRESS,
    Acknowledge,
    AddressQuery,
    Announced,
    ChangeAddress,
    Here,
    Identify,
    Identity,
    Measure,
    ReadContinuous,
    Reply,
    Request,
    SendData,
    Values,
    Verify,
)
from drivers.protocols.text import Refusal, malformed, number, take_line, text

MAX_ANSWER_BYTES: Final = 96
"""The longest are 1 + 75 + 3 (data with CRC) and 33 (identification)."""
MAX_COMMAND_BYTES: Final = 128
"""More than any command: a sensor also hears its neighbours' answers, which are noise to it."""
LONGEST_VALUES: Final = {False: 35, True: 75}
"""Characters of values in one answer; True after a concurrent measurement and for continuous reading."""
MAX_DIGITS: Final = 7
"""In one value; recalled from section 4.4.6 of the specification, not confirmed."""

_END: Final = b"\r\n"
_VALUE: Final = re.compile(r"[+-](?:\d+\.?\d*|\.\d+)", re.ASCII)
_ANNOUNCED: Final = {
    False: re.compile(r"(\d{3})(\d)", re.ASCII),
    True: re.compile(r"(\d{3})(\d{2})", re.ASCII),
}
_IDENTITY: Final = re.compile(r"(\d\d)(.{8})(.{6})(.{3})(.{0,13})", re.ASCII)
_COMMAND: Final = re.compile(
    r"(?P<everyone>\?)|(?P<address>[0-9A-Za-z])(?:(?P<identify>I)|A(?P<new>[0-9A-Za-z])|(?P<verify>V)"
    r"|(?P<measure>[MC])(?P<crc>C?)(?P<variant>[1-9]?)|D(?P<data>[0-9])|R(?P<proven>C?)(?P<read>[0-9]))?",
    re.ASCII,
)


def encode_request(request: Request) -> bytes:
    """The command with its `!`."""
    return f"{request.command}!".encode("ascii")


def take_request(buffer: bytearray) -> Request | None:
    """Remove one command, as a sensor hears it. None: its `!` has not come.

    Malformed: noise or another sensor's answer in front of it, or a command that is not spoken here (`aX…!`).
    """
    end = buffer.find(b"!", 0, MAX_COMMAND_BYTES)
    last = (end if end >= 0 else min(len(buffer), MAX_COMMAND_BYTES)) - 1
    start = next((at + 1 for at in range(last, -1, -1) if not 0x20 <= buffer[at] < 0x7F), 0)
    if start:
        raise malformed("noise before a command", buffer, start)
    if end < 0 and len(buffer) < MAX_COMMAND_BYTES:
        return None
    if end < 0:
        raise malformed("no command in these bytes", buffer, MAX_COMMAND_BYTES)
    word = bytes(buffer[:end])
    del buffer[: end + 1]
    found = _COMMAND.fullmatch(text(word))
    if found is None:
        raise Malformed("a command that is not spoken here", word + b"!")
    return _request(found)


def _request(found: re.Match[str]) -> Request:
    if found["everyone"]:
        return AddressQuery()
    address = found["address"]
    if found["measure"]:
        return Measure(address, found["measure"] == "C", bool(found["crc"]), int(found["variant"] or 0))
    if found["data"]:
        return SendData(address, int(found["data"]))
    if found["read"]:
        return ReadContinuous(address, int(found["read"]), bool(found["proven"]))
    if found["new"]:
        return ChangeAddress(address, found["new"])
    if found["identify"]:
        return Identify(address)
    return Verify(address) if found["verify"] else Acknowledge(address)


def encode_reply(request: Request, reply: Reply) -> bytes:
    """The answer with CR LF, and with the CRC that the request asks for.

    ValueError: it cannot be said in one answer (too many characters, a value of more than seven digits).
    """
    match reply:
        case Here():
            body = ""
        case Identity():
            body = f"{reply.version}{reply.vendor:8}{reply.model:6}{reply.firmware:3}{reply.serial}"
        case Announced():
            width = 2 if isinstance(request, Measure) and request.concurrent else 1
            body = f"{reply.seconds:03}{reply.values:0{width}}"
        case Values():
            body = "".join(f"{value:+f}" for value in reply.values)
    if _parsed(request, reply.address, body) != reply:
        raise ValueError(f"{reply} does not answer {request}")
    line = f"{reply.address}{body}".encode("ascii")
    proven = isinstance(request, SendData | ReadContinuous) and request.crc
    return line + (crc_of(line) if proven else b"") + _END


def encode_service_request(address: str) -> bytes:
    """`a` and CR LF: the data of a measurement that was not concurrent are ready before their time."""
    return address.encode("ascii") + _END


def take_service_request(buffer: bytearray, address: str) -> Here | None:
    """Remove the service request of `address`. Malformed: anything else was heard."""
    line = _take_line(buffer, b"")
    if line is None:
        return None
    if line != address.encode("ascii"):
        raise Malformed(f"not the service request of {address}", line)
    return Here(address)


def take_reply(buffer: bytearray, request: Request) -> Reply | None:
    """Remove the answer to `request`, and the command's echo in front of it. None: more bytes may complete it.

    Refusal: no data, no values, an address that was kept. Malformed: noise, a wrong CRC, another answer.
    """
    line = _take_line(buffer, encode_request(request))
    if line is None:
        return None
    proven = isinstance(request, SendData | ReadContinuous) and request.crc and len(line) > 1
    body = text(without_crc(line) if proven else line)
    reply = _parsed(request, body[:1], body[1:])
    if reply is None:
        raise Malformed(f"does not answer {encode_request(request).decode()}", line)
    if isinstance(reply, Values) and not reply.values:
        raise Refusal("no data: not measured, not ready yet, or aborted", line)
    if isinstance(reply, Announced) and not reply.values and isinstance(request, Measure):
        raise Refusal("announces no values", line)
    if isinstance(request, ChangeAddress) and reply.address != request.new:
        raise Refusal(f"the sensor keeps its address {reply.address}", line)
    return reply


def _take_line(buffer: bytearray, echo: bytes) -> bytes | None:
    noise = next((at for at, byte in enumerate(buffer) if 0x20 <= byte < 0x7F), len(buffer))
    if noise:
        raise malformed("noise before an answer", buffer, noise)
    start = len(echo) if buffer.startswith(echo) else 0
    if start and buffer.startswith(_END, start):
        start += len(_END)
    return take_line(buffer, _END, longest=MAX_ANSWER_BYTES, start=start, echo=len(echo) + len(_END))


def _parsed(request: Request, address: str, body: str) -> Reply | None:
    """What `body` from `address` says to `request`; None: it does not answer it."""
    mine = {address if isinstance(request, AddressQuery) else request.address}
    if isinstance(request, ChangeAddress):
        mine.add(request.new)
    if address not in mine or ADDRESS.fullmatch(address) is None:
        return None
    match request:
        case Identify():
            found = _IDENTITY.fullmatch(body)
            return Identity(address, *found.groups()) if found else None
        case Measure() | Verify():
            concurrent = isinstance(request, Measure) and request.concurrent
            found = _ANNOUNCED[concurrent].fullmatch(body)
            return Announced(address, int(found[1]), int(found[2])) if found else None
        case SendData() | ReadContinuous():
            return _values(address, body, long=isinstance(request, ReadContinuous) or request.concurrent)
        case _:
            return None if body else Here(address)


def _values(address: str, body: str, *, long: bool) -> Values | None:
    words = _VALUE.findall(body)
    whole = "".join(words) == body and len(body) <= LONGEST_VALUES[long]
    if not whole or any(sum(map(str.isdigit, word)) > MAX_DIGITS for word in words):
        return None
    return Values(address, tuple(number(word) for word in words))
