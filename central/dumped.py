"""A checksum around what is dumped beside the envelopes.

Storage rots. A dump that changed by itself must be seen as damaged and made anew from the envelopes, not believed.
"""

import hashlib

_CHECKSUM_BYTES = 8


def wrapped(dump: bytes) -> bytes:
    """The dump behind the first bytes of its SHA-256."""
    return _checksum(dump) + dump


def unwrapped(kept: bytes) -> bytes:
    """What was wrapped. ValueError when it is not that any more, or never was."""
    dump = kept[_CHECKSUM_BYTES:]
    if kept[:_CHECKSUM_BYTES] != _checksum(dump):
        raise ValueError("a dumped state is damaged: its checksum is another")
    return dump


def _checksum(dump: bytes) -> bytes:
    return hashlib.sha256(dump).digest()[:_CHECKSUM_BYTES]
