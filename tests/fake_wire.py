"""MQTT 5 on the wire, the broker's side, for the fake broker: written apart from any client library."""

import asyncio
import struct
from dataclasses import dataclass
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14

# Property identifiers and their widths in bytes; 0: string or binary, -1: variable length, -2: a pair of strings.
_WIDTHS = {
    0x01: 1, 0x02: 4, 0x03: 0, 0x08: 0, 0x09: 0, 0x0B: -1, 0x11: 4, 0x12: 0, 0x13: 2, 0x15: 0, 0x16: 0,
    0x17: 1, 0x18: 4, 0x19: 1, 0x1A: 0, 0x1C: 0, 0x1F: 0, 0x21: 2, 0x22: 2, 0x23: 2, 0x24: 1, 0x25: 1,
    0x26: -2, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1,
}  # fmt: skip
MESSAGE_EXPIRY, SESSION_EXPIRY, SERVER_KEEP_ALIVE = 0x02, 0x11, 0x13
RECEIVE_MAXIMUM, MAXIMUM_QOS, RETAIN_AVAILABLE, MAXIMUM_PACKET_SIZE = 0x21, 0x24, 0x25, 0x27


class Published(NamedTuple):
    """A PUBLISH that reached the broker. `expiry_s` None: none given."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int
    expiry_s: int | None
    client_id: str


@dataclass
class Greeting:
    """What a client's CONNECT said."""

    client_id: str
    clean_start: bool
    keepalive_s: int
    properties: dict[int, int]
    username: str | None
    password: bytes | None
    will: Published | None


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic filter covers a topic (MQTT 5.0, 4.7)."""
    wanted, given = pattern.split("/"), topic.split("/")
    for place, part in enumerate(wanted):
        if part == "#":
            return True
        if place >= len(given) or part not in ("+", given[place]):
            return False
    return len(wanted) == len(given)


def packet(kind: int, flags: int, body: bytes) -> bytes:
    return bytes([kind << 4 | flags]) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    digits = bytearray()
    while True:
        number, digit = divmod(number, 128)
        digits.append(digit | 0x80 if number else digit)
        if not number:
            return bytes(digits)


async def read_packet(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            return first >> 4, first & 0x0F, await reader.readexactly(length)


def read_text(body: bytes, at: int) -> tuple[str, int]:
    data, at = _binary(body, at)
    return data.decode(), at


def _binary(body: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("!H", body, at)
    return body[at + 2 : at + 2 + length], at + 2 + length


def properties(values: dict[int, int]) -> bytes:
    body = b"".join(bytes([name]) + value.to_bytes(_WIDTHS[name], "big") for name, value in values.items())
    return _varint(len(body)) + body


def read_properties(body: bytes, at: int) -> tuple[dict[int, int], int]:
    """The numeric properties at `at`, and where the packet goes on."""
    length, at = _read_varint(body, at)
    end, values = at + length, {}
    while at < end:
        name, width = body[at], _WIDTHS[body[at]]
        at += 1
        if width > 0:
            values[name] = int.from_bytes(body[at : at + width], "big")
            at += width
        elif width == -1:
            values[name], at = _read_varint(body, at)
        else:
            for _ in range(2 if width == -2 else 1):
                _, at = _binary(body, at)
    return values, end


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        digit = body[at]
        number |= (digit & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if digit < 0x80:
            return number, at


def read_greeting(body: bytes) -> Greeting:
    protocol, at = read_text(body, 0)
    assert (protocol, body[at]) == ("MQTT", 5)
    flags = body[at + 1]
    (keepalive_s,) = struct.unpack_from("!H", body, at + 2)
    said, at = read_properties(body, at + 4)
    client_id, at = read_text(body, at)
    will = username = password = None
    if flags & 0x04:
        will_properties, at = read_properties(body, at)
        topic, at = read_text(body, at)
        payload, at = _binary(body, at)
        qos, retain = flags >> 3 & 3, bool(flags & 0x20)
        will = Published(
            topic, payload, qos, retain, False, 0, will_properties.get(MESSAGE_EXPIRY), client_id
        )
    if flags & 0x80:
        username, at = read_text(body, at)
    if flags & 0x40:
        password, at = _binary(body, at)
    return Greeting(client_id, bool(flags & 0x02), keepalive_s, said, username, password, will)


def read_publish(flags: int, body: bytes, client_id: str) -> Published:
    topic, at = read_text(body, 0)
    qos, mid = flags >> 1 & 3, 0
    if qos:
        (mid,) = struct.unpack_from("!H", body, at)
        at += 2
    said, at = read_properties(body, at)
    expiry_s = said.get(MESSAGE_EXPIRY)
    return Published(topic, body[at:], qos, bool(flags & 1), bool(flags & 8), mid, expiry_s, client_id)


def publish_packet(topic: str, payload: bytes, mid: int, *, retain: bool, dup: bool) -> bytes:
    name = topic.encode("utf-8", "surrogateescape")
    body = struct.pack("!H", len(name)) + name + struct.pack("!H", mid) + b"\x00" + payload
    return packet(PUBLISH, dup << 3 | 1 << 1 | retain, body)
