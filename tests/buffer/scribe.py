"""A writer to be killed: appends records, keeps what a failed write left over, and prints what is acknowledged.

python -m tests.buffer.scribe PATH HOW_MANY      "OK n" after each acknowledged seq; ends with "DONE"
"""

import asyncio
import sys
from pathlib import Path

from buffer.errors import StoreError
from buffer.store import Entry, Store, Tail
from tests.buffer.recorder import GENEROUS, LEDGER, Recorder

PATIENCE = 5


def recorder_at(tail: Tail | None) -> Recorder:
    """A recorder that goes on where the store is, with the very bytes it would have written."""
    recorder = Recorder()
    while tail is not None and recorder.tail.next_seq < tail.next_seq:
        recorder.entry(first=recorder.tail.next_seq % 7 == 0)
    assert tail in (None, recorder.tail), "the chain does not go on"
    return recorder


async def write(path: Path, how_many: int) -> None:
    store = await Store.open(path, destinations=["centre"], quota_bytes=GENEROUS, keep_ms=10**9)
    recorder = recorder_at(store.tail)
    if store.tail is None:
        await store.begin(recorder.tail)
    waiting: list[Entry] = []
    troubles = 0
    for _ in range(how_many):
        waiting.append(recorder.entry(first=recorder.tail.next_seq % 7 == 0))
        try:
            await store.append(waiting, recorder.tail, {"last": b"%d" % waiting[-1].seq})
        except StoreError as error:
            troubles += 1
            print("TROUBLE", type(error).__name__, flush=True)
            if troubles == PATIENCE:
                return
            continue
        print("OK", waiting[-1].seq, flush=True)
        if waiting[-1].seq % 10 == 0:
            await store.delivered("centre", LEDGER, [(1, waiting[-1].seq - 5)])
        waiting.clear()
    await store.close()
    print("DONE", flush=True)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))
