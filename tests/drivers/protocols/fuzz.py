"""Noise by the million bytes and damaged messages for every codec: does one crash, hang, or give a wrong value?

`python -m tests.drivers.protocols.fuzz --bytes 1000000` prints per codec the bytes, the messages, what was refused
and the time; it fails where a message with one damaged byte became another message although its protocol has a
check. Damage in several bytes may pass a check by its nature (an exclusive or does not see two bytes change places;
a sum of 8 bits misses one in 256): how many did is told and is no failure.

Before that hypothesis tells stories of a line: whole messages, stumps, damaged ones, floods and noise, in pieces as a
port gives them. Each must be borne, and a message behind it must come out; what breaks it is shown shortest.
"""

import argparse
import sys
import time
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.drivers.protocols.codecs import CODECS
from tests.drivers.protocols.torture import Codec, drain, original, random_bytes, wrong_messages

BYTES_PER_DAMAGED_MESSAGE = 200
"""So many bytes of noise for one damaged message of each kind."""


_ROW = "{:<41} {:>10} {:>9} {:>9} {:>8} {:>9} {:>8} {:>8} {:>8}"
_TITLES = _ROW.format(
    "codec", "noise", "messages", "refused", "damaged", "wrong", "several", "stories", "time"
)


class Fuzzed(NamedTuple):
    """What one codec did. `damaged` messages of each kind were tried."""

    name: str
    checked: bool
    noise_bytes: int
    messages: int
    refused: int
    damaged: int
    wrong: tuple[str, ...]
    passed_the_check: int
    stories: int
    seconds: float


def fuzz(codec: Codec, noise_bytes: int, seed: int, stories: int = 0) -> Fuzzed:
    """Raises AssertionError, or whatever the codec raises besides Malformed, with the bytes that did it."""
    rng = Random(seed)
    began = time.perf_counter()
    if stories:
        tell(codec, stories, seed)
    drained = random_bytes(codec, rng, noise_bytes)
    damaged = noise_bytes // BYTES_PER_DAMAGED_MESSAGE
    wrong = [text for _ in range(damaged) for text in _wrong(codec, rng, _one_byte)]
    passed = [text for _ in range(damaged) for text in _wrong(codec, rng, _several_bytes)]
    return Fuzzed(
        codec.name,
        codec.checked,
        noise_bytes,
        len(drained.messages),
        drained.malformed,
        damaged,
        tuple(wrong) if codec.checked else (),
        len(passed),
        stories,
        time.perf_counter() - began,
    )


def tell(codec: Codec, stories: int, number: int) -> None:
    """So many stories of a line, by hypothesis; the same ones for the same number."""

    @seed(number)
    @settings(
        max_examples=stories,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(_wires(codec), st.integers(1, 64), st.sampled_from(codec.examples))
    def told(wire: bytes, piece: int, example: bytes) -> None:
        buffer = bytearray()
        for start in range(0, len(wire), piece):
            drain(codec, buffer)
            buffer += wire[start : start + piece]
        buffer += example * codec.copies
        heard = drain(codec, buffer).messages
        assert codec.closes or original(codec, example) in heard, f"{example!r} is lost behind {wire!r}"

    told()


def _wires(codec: Codec) -> st.SearchStrategy[bytes]:
    """What a line may bring: messages, whole and broken, and what is none."""
    example = st.sampled_from((*codec.examples, *codec.refusals))
    place = st.floats(0, 1)
    stump = st.builds(lambda whole, at: whole[: int(at * len(whole))], example, place)
    tail = st.builds(lambda whole, at: whole[int(at * len(whole)) :], example, place)
    damaged = st.builds(
        lambda whole, at, byte: whole[: int(at * len(whole))] + byte + whole[int(at * len(whole)) + 1 :],
        example,
        place,
        st.binary(min_size=1, max_size=1),
    )
    flood = st.builds(
        lambda unit, times: unit * times, st.binary(min_size=1, max_size=3), st.integers(1, 800)
    )
    part = st.one_of(example, stump, tail, damaged, flood, st.binary(max_size=40))
    return st.lists(part, max_size=8).map(b"".join)


def _wrong(codec: Codec, rng: Random, damage: Callable[[bytes, Random], bytes]) -> list[str]:
    """The messages that a damaged example gave and that are not the one that was sent."""
    example = rng.choice(codec.examples)
    damaged = damage(example, rng)
    messages = wrong_messages(codec, example, damaged)
    drain(codec, bytearray(damaged + example))  # whatever it is, it must be borne in front of the next one
    return [f"{example!r} -> {damaged!r} -> {message!r}" for message in messages]


def _one_byte(example: bytes, rng: Random) -> bytes:
    place = rng.randrange(len(example))
    return example[:place] + bytes((rng.randrange(256),)) + example[place + 1 :]


def _several_bytes(example: bytes, rng: Random) -> bytes:
    """Bytes lost, doubled, changed, in another order, or two messages grown together."""
    first, last = sorted(rng.choices(range(len(example) + 1), k=2))
    return rng.choice(
        (
            example[:first] + example[last:],
            example[:last] + example[first:],
            example[:first] + rng.randbytes(last - first) + example[last:],
            example[:first] + example[first:last][::-1] + example[last:],
            example[:first] + example,
        )
    )


def _line(fuzzed: Fuzzed) -> str:
    return _ROW.format(
        fuzzed.name,
        f"{fuzzed.noise_bytes:,}",
        f"{fuzzed.messages:,}",
        f"{fuzzed.refused:,}",
        f"{fuzzed.damaged:,}",
        len(fuzzed.wrong) if fuzzed.checked else "no check",
        f"{fuzzed.passed_the_check:,}",
        f"{fuzzed.stories:,}",
        f"{fuzzed.seconds:.1f} s",
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=1_000_000, help="of noise for each codec")
    parser.add_argument("--stories", type=int, default=300, help="for each codec, told by hypothesis")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="codecs whose name contains this")
    arguments = parser.parse_args()
    codecs = [codec for codec in CODECS if arguments.only in codec.name]
    print(_TITLES)
    wrong: list[str] = []
    for codec in codecs:
        fuzzed = fuzz(codec, arguments.bytes, arguments.seed, arguments.stories)
        print(_line(fuzzed), flush=True)
        wrong += fuzzed.wrong
    for text in wrong[:20]:
        print(f"  {text}")
    print(
        f"{len(wrong)} wrong values from {len(codecs)} codecs with {arguments.bytes:,} bytes of noise "
        f"and {arguments.stories:,} stories each"
    )
    return 1 if wrong or not codecs else 0


if __name__ == "__main__":
    sys.exit(main())
