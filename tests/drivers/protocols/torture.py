"""What every codec of every instrument must bear, whatever the wire did to its bytes.

A codec is tried as its taker, with the request in hand where it has one: `take(buffer)` gives a message, None or
raises Malformed, as drivers.protocols.text tells. Everything here raises AssertionError and says with which bytes.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal

SHORT_BYTES, LONG_BYTES = 4_000, 32_000
QUICK_S = 0.02
FLOODS = (
    b"\0",
    b"\xff",
    b"\x55",
    b"x",
    b"*",
    b"\r",
    b"\n",
    b"\r\n",
    b"\x02",
    b"\x1b",
    b"!",
    b"$",
    b"0R1,",
    b"x\n",
)
SLOWER_AT_MOST = 24
"""Eight times the bytes may take eight times as long, with room for a busy machine; a square would take 64 times."""


@dataclass(frozen=True)
class Codec:
    """A taker and whole messages that it takes.

    refusals    whole messages in which the instrument says no
    checked     the protocol carries a check that finds every single damaged byte
    closes      a stream that cannot be resynchronised: Malformed leaves the bytes, the connection is closed
    most_kept   bytes that may wait in the buffer for an end that never comes
    copies      after noise one of so many copies of a message must come out whole
    """

    name: str
    take: Callable[[bytearray], object]
    examples: Sequence[bytes]
    refusals: Sequence[bytes] = ()
    checked: bool = False
    closes: bool = False
    most_kept: int = 2_048
    copies: int = 3


class Drained(NamedTuple):
    """What came out of a buffer."""

    messages: list[object]
    malformed: int


def drain(codec: Codec, buffer: bytearray) -> Drained:
    """Take until nothing more comes, as a reader of a line does, and hold the taker to its contract."""
    messages: list[object] = []
    malformed = 0
    while True:
        before = bytes(buffer)
        try:
            message = codec.take(buffer)
        except Malformed as error:
            malformed += 1
            _told_its_evidence(codec, error, before, buffer)
            continue
        if message is None:
            assert buffer == before, f"None, but {before!r} became {bytes(buffer)!r}"
            assert len(buffer) <= codec.most_kept, f"{len(buffer)} bytes are kept without an error"
            return Drained(messages, malformed)
        _went_on(before, buffer)
        messages.append(message)


def _told_its_evidence(codec: Codec, error: Malformed, before: bytes, buffer: bytearray) -> None:
    assert isinstance(error.evidence, bytes), f"evidence {error.evidence!r} of {before!r}"
    if codec.closes:
        assert buffer == before, f"the bytes of a closed connection were touched: {before!r}"
        buffer.clear()
        return
    assert error.evidence or isinstance(error, Refusal), f"no evidence of {before!r}"
    _went_on(before, buffer)


def _went_on(before: bytes, buffer: bytearray) -> None:
    assert len(buffer) < len(before), f"nothing was removed from {before!r}"
    assert before.endswith(buffer), f"{before!r} became {bytes(buffer)!r}, which is not its end"


def original(codec: Codec, example: bytes) -> object:
    """The message that an example is."""
    return codec.take(bytearray(example))


def whole(codec: Codec, _rng: Random) -> None:
    """Each example is one message, and what follows it stays; each refusal is a Refusal."""
    for example in codec.examples:
        message = original(codec, example)
        assert message is not None, f"{example!r} is not taken"
        buffer = bytearray(example + example)
        assert codec.take(buffer) == message
        assert buffer == example, f"{bytes(buffer)!r} is left of two {example!r}"
        assert drain(codec, buffer) == ([message], 0)
    for refusal in codec.refusals:
        buffer = bytearray(refusal)
        try:
            message = codec.take(buffer)
        except Refusal:
            assert not buffer, f"{bytes(buffer)!r} is left of {refusal!r}"
            continue
        raise AssertionError(f"{refusal!r} is no refusal but {message!r}")


def byte_by_byte(codec: Codec, _rng: Random) -> None:
    """Nothing is decided before the last byte came."""
    for example in codec.examples:
        buffer = bytearray()
        for place, byte in enumerate(example[:-1], 1):
            buffer.append(byte)
            assert codec.take(buffer) is None, f"{bytes(buffer)!r} is already a message"
            assert buffer == example[:place], f"{example[:place]!r} became {bytes(buffer)!r}"
        buffer.append(example[-1])
        assert codec.take(buffer) == original(codec, example)
        assert not buffer


def noise_around(codec: Codec, rng: Random) -> None:
    """Noise in front costs at most a few messages, and a message never takes what follows with it."""
    for example in codec.examples:
        message = original(codec, example)
        for size in (*range(1, 9), 40, 300):
            noise = rng.randbytes(size)
            behind = bytearray(example + noise)
            assert codec.take(behind) == message
            assert behind == noise, f"{example!r} took {noise!r} with it"
            _is_found_behind(codec, example, noise)


def truncated(codec: Codec, _rng: Random) -> None:
    """A message that was cut off anywhere is not a message, and the next ones are."""
    for example in codec.examples:
        for length in range(1, len(example)):
            _is_found_behind(codec, example, example[:length])


def _is_found_behind(codec: Codec, example: bytes, noise: bytes) -> None:
    if codec.closes:
        return
    drained = drain(codec, bytearray(noise + example * codec.copies))
    message = original(codec, example)
    assert message in drained.messages, f"{example!r} is lost behind {noise!r}"
    if codec.checked:
        others = [other for other in drained.messages if other != message]
        assert not others, f"{noise!r} before {example!r} made {others}"


def flipped_bits(codec: Codec, _rng: Random) -> None:
    """A checked message with one wrong bit is refused; any other raises nothing but Malformed."""
    for example in codec.examples:
        for damaged in one_bit_wrong(example):
            wrong = wrong_messages(codec, example, damaged)
            assert not (wrong and codec.checked), f"{damaged!r}, damaged from {example!r}, made {wrong}"


def one_bit_wrong(example: bytes) -> Iterator[bytes]:
    """Every copy with one bit flipped."""
    for place in range(len(example)):
        for bit in range(8):
            yield example[:place] + bytes((example[place] ^ 1 << bit,)) + example[place + 1 :]


def wrong_messages(codec: Codec, example: bytes, damaged: bytes) -> list[object]:
    """The messages that come out of damaged bytes and are not the one that was sent."""
    message = original(codec, example)
    return [other for other in drain(codec, bytearray(damaged)).messages if other != message]


def random_bytes(codec: Codec, rng: Random, count: int = 20_000) -> Drained:
    """Noise in the pieces that a serial port gives: half of it any bytes, half of it the bytes of the examples."""
    alphabet = bytes(set(b"".join(codec.examples)))
    buffer = bytearray()
    messages: list[object] = []
    malformed = 0
    while count > 0:
        size = min(count, rng.randint(1, 64))
        piece = rng.randbytes(size) if rng.random() < 0.5 else bytes(rng.choices(alphabet, k=size))
        count -= size
        buffer += piece
        drained = drain(codec, buffer)
        messages += drained.messages
        malformed += drained.malformed
    return Drained(messages, malformed)


def linear_time(codec: Codec, rng: Random) -> None:
    """Eight times the noise takes about eight times as long, also noise that looks like messages without an end."""
    shapes = {rng.randbytes(64), *FLOODS}
    for example in codec.examples[:2]:
        shapes |= {example[:1], example[-1:], example[:2], example[:-1], example}
    for shape in shapes - {b""}:
        noise = shape * (LONG_BYTES // len(shape) + 1)
        long_s = _seconds(codec, noise[:LONG_BYTES])
        if long_s <= QUICK_S:
            continue
        short_s = min(_seconds(codec, noise[:SHORT_BYTES]) for _ in range(3))
        long_s = min(long_s, _seconds(codec, noise[:LONG_BYTES]))
        assert long_s < SLOWER_AT_MOST * short_s, (
            f"{LONG_BYTES} bytes of {shape!r} take {long_s:.3f} s and {SHORT_BYTES} take {short_s:.3f} s"
        )


def _seconds(codec: Codec, noise: bytes) -> float:
    """Processor time until nothing more comes out of the noise."""
    buffer = bytearray(noise)
    began = time.process_time()
    while True:
        left = len(buffer)
        try:
            if codec.take(buffer) is None:
                break
        except Malformed:
            if codec.closes:
                break
        assert len(buffer) < left, f"nothing was removed from {noise[:40]!r}..."
    assert codec.closes or len(buffer) <= codec.most_kept, f"{len(buffer)} bytes are kept without an error"
    return time.process_time() - began


TORTURES: dict[str, Callable[[Codec, Random], object]] = {
    "whole": whole,
    "byte by byte": byte_by_byte,
    "noise around": noise_around,
    "truncated": truncated,
    "one bit wrong": flipped_bits,
    "random bytes": random_bytes,
    "linear time": linear_time,
}
