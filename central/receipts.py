"""What the centre says of each ledger, signed: within two seconds of a commit, after 500 records, on every head."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from central.ledgers import Ledger
from central.now import Now
from central.store import Store
from central.succession import Succession
from telemetry.envelope import RECEIPT, Sealer
from telemetry.keys import SigningKey
from telemetry.receipt import Receipt, ReceiptStatus

AFTER_MS = 1500
AFTER_RECORDS = 500


class Outgoing(NamedTuple):
    """A receipt on its way, to be retained at its topic."""

    topic: str
    payload: bytes


def is_due(ledger: Ledger, now: Now) -> bool:
    """Whether the station should hear now what the centre has of this ledger."""
    if ledger.asked or ledger.unsaid >= AFTER_RECORDS:
        return True
    return bool(ledger.unsaid) and now.mono_ms - ledger.unsaid_since_mono_ms >= AFTER_MS


def status(ledger: Ledger, succession: Succession) -> ReceiptStatus:
    """What the centre thinks of a ledger, the worst first."""
    if not succession.end(ledger):
        return ReceiptStatus.RE_ENROL
    return ledger.reception.status(ledger.holes)


class Receipts:
    """Makes receipts of what is committed, and keeps the newest of each ledger before it leaves."""

    def __init__(self, store: Store, key: SigningKey, root: str, succession: Succession) -> None:
        self._store = store
        self._succession = succession
        self._sealer = Sealer(key, RECEIPT)
        self._root = root

    def make(self, ledgers: Iterable[Ledger], now: Now) -> list[Outgoing]:
        """The receipts of those ledgers for which one is due."""
        due = [ledger for ledger in ledgers if is_due(ledger, now)]
        return self._commit(due, now) if due else []

    def _commit(self, due: Sequence[Ledger], now: Now) -> list[Outgoing]:
        outgoing: list[Outgoing] = []
        kept: list[tuple[bytes, int, int, int]] = []
        with self._store.transaction():
            store_id = self._store.store_id
            for ledger, number in zip(due, self._store.take_numbers(len(due)), strict=True):
                through, through_hash = ledger.reception.through()
                said = Receipt(
                    station=ledger.station,
                    ledger=ledger.ledger,
                    through=through,
                    through_hash=through_hash,
                    ranges=tuple(ledger.reception.ranges_beyond()),
                    store_id=store_id,
                    number=number,
                    wall_ms=now.wall_ms,
                    status=status(ledger, self._succession),
                )
                envelope = self._sealer.seal(said.encode())
                topic = f"{self._root}/{ledger.station}/receipt/{ledger.ledger.hex()}"
                outgoing.append(Outgoing(topic, envelope))
                kept.append((envelope, now.wall_ms, number, ledger.id))
            self._store.save_receipts(kept)
        for ledger in due:
            ledger.asked, ledger.unsaid = False, 0
        return outgoing
