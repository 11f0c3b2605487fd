"""What was read from the instruments and what arrived at the subscriber, gateway by gateway, value by value."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.peers import plant
from bench.peers.peer import Peer, Value
from bench.peers.plant import Read, serial_of
from bench.trace import ARRIVED, Event, Reader
from mqtt.session import packet_bytes

_PROPERTIES_BYTES = 1  # of a PUBLISH of MQTT 5 without properties; those of 3.1.1 have no such byte


class Message(NamedTuple):
    """A message with readings; the instant is the subscriber's, CLOCK_BOOTTIME, µs."""

    at_us: int
    payload_bytes: int
    packet_bytes: int
    values: Sequence[Value]


@dataclass(slots=True)
class Evidence:
    """Of one gateway. `came`: when the value of a device, channel and serial number came first."""

    reads: list[Read] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    came: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def between(self, from_us: int, to_us: int) -> list[Read]:
        """What was read in this time."""
        return [read for read in self.reads if from_us <= read.at_us < to_us]

    def arrivals(self, reads: Sequence[Read]) -> list[int | None]:
        """When each value of these reads arrived; None: it has not."""
        return [
            self.came.get((read.device, channel, read.serial))
            for read in reads
            for channel in range(read.first, read.first + read.width)
        ]

    def first_since(self, from_us: int) -> int | None:
        """When the first of the values came that were read since then."""
        reads = [read for read in self.reads if read.at_us >= from_us]
        return min((at_us for at_us in self.arrivals(reads) if at_us is not None), default=None)

    def note(self, event: Event, values: Sequence[Value], mqtt5: bool) -> None:
        """A message of this gateway arrived."""
        size = packet_bytes(event.topic, event.payload) - (0 if mqtt5 else _PROPERTIES_BYTES)
        self.messages.append(Message(event.at_us, len(event.payload), size, values))
        for value in values:
            self.came.setdefault((value.device, value.channel, serial_of(value.value)), event.at_us)


class Witness:
    """Follows the plant's log and the subscriber's trace."""

    def __init__(self, peers: Sequence[Peer], log: plant.Log, trace: Reader) -> None:
        self._peers = peers
        self._log = log
        self._trace = trace
        self.of: dict[str, Evidence] = {peer.name: Evidence() for peer in peers}

    def look(self) -> None:
        """Take in what is new. Decoding costs CPU: not while a gateway's CPU is measured."""
        for event in self._trace.new():
            if event.kind == ARRIVED:
                self._arrived(event)
        for read in self._log.new():
            peer = self._peers[0]
            devices = len(peer.site.ports)
            mine = self.of[self._peers[read.device // devices].name]
            mine.reads.append(read._replace(device=read.device % devices))

    def _arrived(self, event: Event) -> None:
        for peer in self._peers:
            if values := list(peer.values(event.topic, event.payload)):
                self.of[peer.name].note(event, values, mqtt5=peer.mqtt5)
                return
