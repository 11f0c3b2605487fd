"""Run by the interpreter of .venv-cwt: python-cwt, which we did not write, verifies envelopes.

Reads a JSON list of {"public", "kid", "envelope"} (hex) from stdin, writes a list of payloads (hex) or null.
"""

import json
import sys

from cwt import COSE, COSEKey  # type: ignore[import-not-found]
from cwt.exceptions import CWTError  # type: ignore[import-not-found]


def payload_of(case: dict[str, str]) -> str | None:
    """The payload that python-cwt returns; None when it refuses the envelope."""
    key = COSEKey.new({1: 1, 2: bytes.fromhex(case["kid"]), 3: -19, -1: 6, -2: bytes.fromhex(case["public"])})
    try:
        payload: bytes = COSE.new(alg_auto_inclusion=False).decode(bytes.fromhex(case["envelope"]), key)
    except (CWTError, ValueError):
        return None
    return payload.hex()


if __name__ == "__main__":
    json.dump([payload_of(case) for case in json.load(sys.stdin)], sys.stdout)
