"""What happened at the centre and when, written by the centre's process and read by the bench.

One event: its kind, the instant (CLOCK_BOOTTIME, µs), the message's number, its topic and payload.

    ARRIVED  a message came from the broker      STORED  the message of that number is committed
    READY    the centre is subscribed            SAID    a receipt was handed to the broker
"""

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

ARRIVED, STORED, SAID, READY = b"A", b"S", b"R", b"0"
_HEAD = struct.Struct(">cQIHI")


class Event(NamedTuple):
    """One event; topic and payload are empty where they say nothing new."""

    kind: bytes
    at_us: int
    number: int
    topic: str = ""
    payload: bytes = b""


def now_us() -> int:
    """The instant on the clock by which the records are dated."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Writer:
    """Adds events to a file, each at once."""

    def __init__(self, path: Path) -> None:
        self._out: BinaryIO = path.open("ab", buffering=0)

    def write(self, event: Event) -> None:
        """One event."""
        kind, at_us, number, topic, payload = event
        name = topic.encode()
        self._out.write(_HEAD.pack(kind, at_us, number, len(name), len(payload)) + name + payload)


class Reader:
    """Gives the events that were added since it was asked last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def new(self) -> Iterator[Event]:
        """Whole events only; what is still being written comes the next time."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        at = 0
        while at + _HEAD.size <= len(data):
            kind, at_us, number, topic_bytes, payload_bytes = _HEAD.unpack_from(data, at)
            start = at + _HEAD.size
            end = start + topic_bytes + payload_bytes
            if end > len(data):
                break
            topic = data[start : start + topic_bytes].decode()
            yield Event(kind, at_us, number, topic, data[start + topic_bytes : end])
            at = end
            self._at += _HEAD.size + topic_bytes + payload_bytes
