"""Finding records in bytes of any origin, such as the pages of a damaged file. Pure; believes nothing.

A record's envelope begins with a header of fixed bytes (docs/wire.md, section 2) and says how long it is. Whether what
was found is whole and true, its signature tells.
"""

import re
from collections.abc import Iterator

from telemetry import cbor
from telemetry.envelope import MAX_ENVELOPE_BYTES, RECORD

_TYPE = re.escape(b"\x10" + cbor.encode_text(RECORD))
_HEADER = b"\xa3\x01\x32\x04\x48.{8}" + _TYPE
_HEADER_BYTES = 5 + 8 + 1 + len(cbor.encode_text(RECORD))
_START = re.compile(
    re.escape(b"\xd2\x84" + cbor.encode_head(2, _HEADER_BYTES)) + _HEADER + rb"\xa0(?:\x58(.)|\x59(..))",
    re.DOTALL,
)
_SIGNATURE_BYTES = 66


def starts(data: bytes) -> Iterator[tuple[int, int]]:
    """(offset, length) of what looks like the beginning of a record's envelope; its end may lie beyond the data."""
    for found in _START.finditer(data):
        payload_bytes = int.from_bytes(found[1] or found[2])
        length = found.end() - found.start() + payload_bytes + _SIGNATURE_BYTES
        if length <= MAX_ENVELOPE_BYTES:
            yield found.start(), length
