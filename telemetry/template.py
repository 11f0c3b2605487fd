"""A CBOR item whose floats change and whose other bytes never do, filled in by one call of `struct`."""

import struct
from collections.abc import Sequence
from math import inf


class Template:
    """`constants` surround the floats: one more than there are of them. `kinds`: "f" or "d" per float.

    Each constant ends with the initial byte of the float that follows it (0xfa for f, 0xfb for d).
    """

    def __init__(self, constants: Sequence[bytes], kinds: str) -> None:
        lengths = [len(constant) for constant in constants]
        pairs = list(zip(lengths, [*kinds, ""], strict=True))
        self._write = struct.Struct(">" + "".join(f"{length}s{kind}" for length, kind in pairs))
        self._read = struct.Struct(">" + "".join(f"{length}x{kind}" for length, kind in pairs))
        self._arguments: list[bytes | float] = [b""] * (2 * len(kinds) + 1)
        self._arguments[0::2] = constants

    def fill(self, floats: list[float]) -> bytes | None:
        """The item with these floats; None when one of them does not fit its place exactly or is not finite."""
        arguments = self._arguments
        arguments[1::2] = floats
        try:
            filled = self._write.pack(*arguments)
        except OverflowError:
            return None
        exact = self._read.unpack(filled) == tuple(floats)
        return filled if exact and -inf < min(floats) and max(floats) < inf else None
