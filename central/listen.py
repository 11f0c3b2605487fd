"""Reading each ledger in order of seq for what is not explained: silence, and clocks that jump.

Records come in any order; here they are read when everything before them is there, or is known to be lost.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from central.ledgers import Ledger
from central.store import Store
from telemetry.envelope import RECORD, Forged, peek
from telemetry.fields import RecordError
from telemetry.finding import Finding
from telemetry.record import Record, decode_record

CHUNK = 200


def listen(ledger: Ledger, store: Store, budget: int) -> tuple[list[Finding], int]:
    """Read on; at most `budget` records from the store, those that came just now cost nothing.

    What was found, and how much of the budget is left.
    """
    findings: list[Finding] = []
    readable = ledger.readable()
    while ledger.silence_seq < readable:
        first = ledger.silence_seq + 1
        if first in ledger.fresh:
            findings += ledger.silence.feed(ledger.fresh[first])
            ledger.silence_seq = first
            continue
        if budget <= 0:
            break
        most = min(CHUNK, budget)
        rows = store.records.envelopes(ledger.id, first, readable, most)
        for record in _records(rows):
            findings += ledger.silence.feed(record)
        # A station may name any number of seqs in a tombstone: what is not stored is passed over in one step.
        ledger.silence_seq = rows[-1][0] if len(rows) == most else readable
        budget -= max(1, len(rows))
    return findings, budget


def _records(rows: Sequence[tuple[int, bytes]]) -> Iterator[Record]:
    for _, envelope in rows:
        with suppress(
            Forged, RecordError
        ):  # it rotted in the store: `tram central verify` says so, serving goes on
            yield decode_record(peek(envelope, RECORD).payload)
