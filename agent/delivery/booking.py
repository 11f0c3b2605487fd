"""Booking: a receipt that arrived becomes a delivery in the store, or an alarm.

envelope ──unseal──▶ decode ──own hashes──▶ judge ──▶ ACCEPTED  delivered; forgotten records are owed again
             │          │                     ├─────▶ REFUSED   counted, as if it had not come
             └──────────┴──── not a receipt ──┘─────▶ BEYOND    `restored_store`: this store is an old copy
"""

from collections.abc import Callable
from typing import NamedTuple

from agent.clock import Clock
from agent.delivery.alarms import Alarms
from agent.delivery.owing import Owing
from agent.receipt import Held, Judged, Seen, Verdict, judge, seen, seqs_to_check, silent_about
from buffer.store import Store
from telemetry.envelope import RECEIPT, Forged, unseal
from telemetry.fields import RecordError
from telemetry.keys import KeyRing
from telemetry.ranges import count, intersect, subtract
from telemetry.receipt import Receipt, ReceiptStatus, decode_receipt

RestoredStore = Callable[[bytes], None]
"""Takes the ledger of which the centre has more than this store, or something else. Called once per ledger."""

_STATUS_WORDS = {
    ReceiptStatus.HOLE: "the centre misses records that this station neither holds nor explains",
    ReceiptStatus.FORK: "the centre has two different records under one number: is a copy of this station running?",
    ReceiptStatus.RE_ENROL: "the centre asks to enrol this station again",
}


class _Ours(NamedTuple):
    """A ledger of this store: its newest seq, and whether it is still written."""

    newest: int
    current: bool


class Booking:
    """The receipts of one destination, over all its connections."""

    def __init__(
        self,
        *,
        destination: str,
        station: str,
        keys: KeyRing,
        store: Store,
        owing: Owing,
        alarms: Alarms,
        clock: Clock,
        restored_store: RestoredStore,
    ) -> None:
        self.newest: Seen | None = None
        self.heard_at_ms: int | None = None
        self.refused = 0
        self.refused_why: str | None = None
        self.ask_all = False
        self._destination = destination
        self._station = station
        self._keys = keys
        self._store = store
        self._owing = owing
        self._alarms = alarms
        self._clock = clock
        self._restored_store = restored_store
        self._seen: dict[bytes, Seen] = {}
        self._compared: dict[bytes, int] = {}
        self._status: dict[bytes, int] = {}
        self._beyond: set[bytes] = set()

    async def book(self, envelope: bytes, *, answers: bool) -> bytes | None:
        """The ledger of a receipt that was accepted; None: it was not, and nothing happened but an alarm.

        `answers`: the centre sent it on this connection; a broker's retained copy proves no living centre.
        """
        receipt = self._open(envelope)
        if receipt is None:
            return None
        ours = self._ledger(receipt.ledger)
        if ours is None:
            self._refuse(f"it is for ledger {receipt.ledger.hex()}, of which nothing is held here")
            return None
        judged = await self._judge(receipt, ours)
        if judged.verdict is Verdict.REFUSED:
            self._refuse(judged.why)
            return None
        if judged.verdict is Verdict.BEYOND:
            self._signal(receipt.ledger, judged.why)
            return None
        await self._accept(receipt, judged, ours, answers=answers)
        return receipt.ledger

    def _open(self, envelope: bytes) -> Receipt | None:
        try:
            return decode_receipt(unseal(envelope, RECEIPT, self._keys).payload)
        except (Forged, RecordError) as e:
            self._refuse(f"it is not a receipt of a pinned key: {e}")
            return None

    def _ledger(self, ledger: bytes) -> _Ours | None:
        tail, end = self._store.tail, self._store.end_of(ledger)
        if end is None:
            return None
        return _Ours(end.next_seq - 1, current=tail is not None and tail.ledger == ledger)

    async def _judge(self, receipt: Receipt, ours: _Ours) -> Judged:
        owed = self._owing.owed(receipt.ledger)
        places = seqs_to_check(receipt, owed)
        hashes = {seq: await self._hash_at(receipt.ledger, seq) for seq in places}
        held = Held(ours.newest, ours.current, owed, hashes)
        return judge(receipt, station=self._station, last=self._last(receipt.ledger), held=held)

    async def _hash_at(self, ledger: bytes, seq: int) -> bytes | None:
        """Our own. At a ledger's end it is known, though the record there may have gone with a damaged file."""
        end = self._store.end_of(ledger)
        held = await self._store.hash_at(ledger, seq)
        return end.prev if held is None and end is not None and end.next_seq - 1 == seq else held

    def _last(self, ledger: bytes) -> Seen | None:
        """The newest receipt; after a restart the newest that changed what is owed, so that no older one counts."""
        return self._seen.get(ledger) or Seen.load(self._store.notes.get(self._note(ledger), b""))

    def _note(self, ledger: bytes) -> str:
        return f"receipt {self._destination} {ledger.hex()}"

    async def _accept(self, receipt: Receipt, judged: Judged, ours: _Ours, *, answers: bool) -> None:
        ledger = receipt.ledger
        await self._deliver(ledger, judged, self._remember(receipt))
        if judged.unproven and not ours.current:
            self._owing.dispute(ledger, judged.unproven)
        if judged.new_store or (answers and self._compared.get(ledger) != receipt.status):
            await self._compare(receipt, judged, ours)
        # Last: if the store failed on the way, the next receipt still comes from a centre that was restored.
        self.newest = self._seen[ledger] = seen(receipt)
        if answers:
            self._compared[ledger] = receipt.status
            self.heard_at_ms = self._clock.mono_ms()
        self._show_status(receipt)

    def _remember(self, receipt: Receipt) -> dict[str, bytes]:
        return {self._note(receipt.ledger): seen(receipt).dump()}

    async def _deliver(self, ledger: bytes, judged: Judged, notes: dict[str, bytes]) -> None:
        news = intersect(judged.covered, self._owing.owed(ledger))
        if news:
            await self._store.delivered(self._destination, ledger, news, notes)
        self._owing.covered(ledger, judged.covered)

    async def _compare(self, receipt: Receipt, judged: Judged, ours: _Ours) -> None:
        """What was receipted once and is not any more was lost by the centre, and is owed again."""
        lowest = await self._store.lowest_held(receipt.ledger)
        if lowest is None:
            return
        silent = silent_about(receipt, lowest, ours.newest)
        silent = subtract(silent, self._owing.owed(receipt.ledger))
        forgotten = [part for part in silent if await self._holds(receipt.ledger, *part)]
        if not forgotten and not judged.new_store:
            return
        self.ask_all = True
        notes = self._remember(receipt)
        await self._store.owe_again(self._destination, receipt.ledger, judged.covered, notes)
        self._owing.again(receipt.ledger)
        missing = count(tuple(forgotten))
        text = f"the centre does not have {missing} records that counted as delivered: they are sent again"
        why = (
            "the centre started from an older copy"
            if judged.new_store
            else "its copy is older, or another one"
        )
        self._alarms.begin("centre-restored", f"{text}; {why}")

    async def _holds(self, ledger: bytes, first: int, last: int) -> bool:
        return bool(await self._store.read(ledger, first, last, max_bytes=1, max_rows=1))

    def _show_status(self, receipt: Receipt) -> None:
        self._status[receipt.ledger] = receipt.status
        said = {*self._status.values()}
        for status, words in _STATUS_WORDS.items():
            kind = f"centre-says-{status.name.lower()}"
            if status in said:
                self._alarms.begin(kind, words)
            else:
                self._alarms.end(kind)

    def _refuse(self, why: str) -> None:
        """Said in the log when the reason changes, so that a flood of forgeries is one line."""
        self.refused += 1
        if self.refused_why != why:
            self.refused_why = why
            self._alarms.say("receipt-refused", why=why, refused=self.refused)

    def _signal(self, ledger: bytes, why: str) -> None:
        if ledger not in self._beyond:
            self._beyond.add(ledger)
            self._alarms.say("store-behind", ledger=ledger.hex(), why=why)
            self._restored_store(ledger)
