"""What goes wrong on a wire: each fault bends a reply, faults compose, and nothing here waits or sends.

A Reply says what will be put on the wire and when. Faults of the message (unit, function, refusal) get a
right checksum; faults of the bytes (flip, cut, noise) come after it. Randomness is a generator passed in.

Not modelled: a slow slave that misses the next request while it is busy, collisions of two slaves, baud rate.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from drivers.protocols.modbus_pdu import ExceptionReply, encode_exception


@dataclass(frozen=True, slots=True)
class Reply:
    """What a slave puts on the wire. `pdu` None: nothing.

    `after_s` from the request's end; `noise` goes before the frame; `flips` and `cut` are places in the frame
    as fractions of its length (its length is known only when it is framed); `close`: hang up in place of or
    after the bytes; `reboot_s`: the instrument loses its power for so long.
    """

    unit: int
    pdu: bytes | None
    after_s: float = 0.0
    noise: bytes = b""
    flips: tuple[float, ...] = ()
    cut: float | None = None
    close: bool = False
    reboot_s: float | None = None
    faults: tuple[str, ...] = ()

    def on_the_wire(self, frame: Callable[[int, bytes], bytes]) -> bytes:
        """The bytes, with `frame(unit, pdu)` as the line frames them."""
        if self.pdu is None:
            return self.noise
        wire = bytearray(frame(self.unit, self.pdu))
        for place in self.flips:
            bit = int(place * len(wire) * 8)
            wire[bit >> 3] ^= 1 << (bit & 7)
        if self.cut is not None:
            del wire[max(1, int(self.cut * len(wire))) :]
        return self.noise + bytes(wire)


class Fault(Protocol):
    """One kind of trouble."""

    @property
    def name(self) -> str:
        """The word used in scripts and logs."""
        ...

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """The reply as it goes wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer at all."""

    name: str = "silent"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """Nothing on the wire."""
        return replace(reply, pdu=None, noise=b"")


@dataclass(frozen=True, slots=True)
class Slow:
    """The answer comes `by_s` later than usual. With more than the master's timeout it is a late answer."""

    by_s: float
    jitter_s: float = 0.0
    name: str = "slow"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """The same bytes, later."""
        return replace(reply, after_s=reply.after_s + self.by_s + rng.random() * self.jitter_s)


def late(timeout_s: float, by_s: float, jitter_s: float = 0.0) -> Slow:
    """An answer that lands after the master has given up: `by_s` to `by_s + jitter_s` too late."""
    return Slow(timeout_s + by_s, jitter_s, name="late")


@dataclass(frozen=True, slots=True)
class Truncated:
    """The end of the frame is missing; at least one byte is left. `keep` 0..1 of it, None: any length."""

    keep: float | None = None
    name: str = "truncated"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """A stump."""
        return replace(reply, cut=rng.random() if self.keep is None else self.keep)


@dataclass(frozen=True, slots=True)
class Flipped:
    """Single bits are wrong."""

    bits: int = 1
    name: str = "flip"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """The frame with other bits."""
        return replace(reply, flips=reply.flips + tuple(rng.random() for _ in range(self.bits)))


@dataclass(frozen=True, slots=True)
class Noisy:
    """Bytes in front of the frame: a transceiver that switches. None: one to four, any."""

    noise: bytes | None = None
    name: str = "noise"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """Noise, then the frame."""
        noise = rng.randbytes(rng.randint(1, 4)) if self.noise is None else self.noise
        return replace(reply, noise=noise + reply.noise)


@dataclass(frozen=True, slots=True)
class WrongUnit:
    """Another slave's address on an otherwise right answer. None: the next one."""

    unit: int | None = None
    name: str = "unit"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """From somebody else."""
        return replace(reply, unit=reply.unit % 247 + 1 if self.unit is None else self.unit)


@dataclass(frozen=True, slots=True)
class WrongFunction:
    """An answer to a question that nobody asked. None: 3 becomes 4, 4 becomes 3, others 3."""

    function: int | None = None
    name: str = "function"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """The same bytes under another function."""
        if not reply.pdu:
            return reply
        function = {3: 4}.get(reply.pdu[0], 3) if self.function is None else self.function
        return replace(reply, pdu=bytes((function,)) + reply.pdu[1:])


@dataclass(frozen=True, slots=True)
class Shortened:
    """One register less than asked, with a right byte count and checksum; some masters accept that."""

    name: str = "short"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """A well-formed answer of another length."""
        if not reply.pdu or len(reply.pdu) < 4 or reply.pdu[0] not in (3, 4):
            return reply
        return replace(reply, pdu=bytes((reply.pdu[0], reply.pdu[1] - 2)) + reply.pdu[2:-2])


@dataclass(frozen=True, slots=True)
class Refused:
    """An exception in place of the values."""

    code: int
    name: str = "exception"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """The refusal."""
        if not reply.pdu:
            return reply
        return replace(reply, pdu=encode_exception(ExceptionReply(reply.pdu[0] & 0x7F, self.code)))


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is closed in place of an answer; on a serial line that is silence."""

    name: str = "close"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """Hung up."""
        return replace(reply, pdu=None, noise=b"", close=True)


@dataclass(frozen=True, slots=True)
class Reboot:
    """The instrument loses its power: silent for `silent_s`, then counters begin at 0."""

    silent_s: float
    name: str = "reboot"

    def bend(self, reply: Reply, rng: random.Random) -> Reply:
        """Nothing now and for a while."""
        return replace(reply, pdu=None, noise=b"", reboot_s=self.silent_s)
