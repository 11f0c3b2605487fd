"""Feeds a framer as wires do: whole, byte by byte, with the next message behind."""

from collections.abc import Callable


def feed_every_way(wire: bytes, expected: object, take: Callable[[bytearray], object]) -> None:
    """`take` finds `expected` in `wire`, waits for its last byte, and leaves what follows alone."""
    whole = bytearray(wire)
    assert take(whole) == expected
    assert whole == b""
    slowly = bytearray()
    for byte in wire[:-1]:
        slowly.append(byte)
        before = bytes(slowly)
        assert take(slowly) is None
        assert slowly == before
    slowly.append(wire[-1])
    assert take(slowly) == expected
    followed = bytearray(wire + wire + b"\x01")
    assert take(followed) == expected
    assert take(followed) == expected
    assert followed == b"\x01"
