"""Reading each ledger in order of seq for what is not explained: silence, and clocks that jump.

Records come in any order; here they are read when everything before them is there, or is known to be lost.
"""

from central.ledgers import Ledger
from central.store import Store
from telemetry.envelope import RECORD, peek
from telemetry.finding import Finding
from telemetry.record import Record, decode_record

CHUNK = 200


def listen(ledger: Ledger, store: Store, budget: int) -> tuple[list[Finding], int]:
    """Read on, at most about `budget` records. What was found, and how many were read."""
    findings: list[Finding] = []
    readable = ledger.readable()
    read = 0
    while ledger.silence_seq < readable and read < budget:
        records, reached = _next(ledger, store, readable)
        for record in records:
            findings += ledger.silence.feed(record)
        ledger.silence_seq = reached
        read += max(1, len(records))
    return findings, read


def _next(ledger: Ledger, store: Store, readable: int) -> tuple[list[Record], int]:
    """The next records in order, one that came just now or a chunk from the store, and the seq they reach to."""
    first = ledger.silence_seq + 1
    if first in ledger.fresh:
        return [ledger.fresh[first]], first
    last = min(first + CHUNK - 1, readable)
    rows = store.records.envelopes(ledger.id, first, last)
    return [decode_record(peek(envelope, RECORD).payload) for _, envelope in rows], last
