"""A centre in a folder with clocks of its own and no broker: what arrives is said, what leaves is read."""

from collections.abc import Sequence
from pathlib import Path

from central.centre import Centre
from central.folder import Folder, prepare
from central.now import Now
from central.receipts import Outgoing
from central.store import Store
from telemetry.envelope import RECEIPT, unseal
from telemetry.keys import KeyRing, public_to_pem
from telemetry.receipt import Receipt, decode_receipt
from tests.central.gateway import START_MS, Gateway

ROOT = "tram/1"


class World:
    """`say` is what the operator saw. Time stands still until `pass_ms`."""

    def __init__(self, path: Path, *, bench: bool = False) -> None:
        self.folder = Folder(path)
        self.key, _ = prepare(self.folder)
        self.bench = bench
        self.said: list[str] = []
        self.now = Now(START_MS, 1_000_000)
        self.start()

    def start(self) -> None:
        """As `serve` does at its start."""
        self.store = Store.open(self.folder.database)
        self.centre = Centre(
            self.folder, self.store, self.key, root=ROOT, bench=self.bench, say=self.said.append
        )
        self.centre.look(self.now)

    def stop(self) -> None:
        """The process is gone; what was committed is there."""
        self.store.close()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()
        self.centre.answer_all()

    def enrol(self, gateway: Gateway) -> None:
        """Its key file is there, whoever wrote it."""
        self.folder.station_key(gateway.station).write_bytes(public_to_pem(gateway.key.public))
        self.look()

    def look(self) -> None:
        """A second passes."""
        self.pass_ms(1000)
        self.centre.look(self.now)

    def pass_ms(self, ms: int) -> None:
        """Time goes on."""
        self.now = Now(self.now.wall_ms + ms, self.now.mono_ms + ms)

    def live(self, station: str, *envelopes: bytes) -> None:
        """One `live` message."""
        self.send(f"{station}/live", b"".join(envelopes))

    def past(self, station: str, *envelopes: bytes) -> None:
        """One `past` message."""
        self.send(f"{station}/past", b"".join(envelopes))

    def head(self, gateway: Gateway, *, owed: Sequence[tuple[int, int]] = ()) -> None:
        """The gateway's head, as it is now."""
        self.send(f"{gateway.station}/head/{gateway.ledger.hex()}", gateway.head(owed=owed))

    def send(self, topic: str, payload: bytes) -> None:
        """One message on any topic below the root, committed."""
        self.centre.take([(f"{ROOT}/{topic}", payload)], self.now)

    def due(self) -> list[Outgoing]:
        """What leaves now."""
        return self.centre.due(self.now)

    def receipt(self) -> Receipt:
        """The one receipt that leaves now, its signature checked."""
        (sent,) = self.due()
        return self.opened(sent)

    def opened(self, sent: Outgoing) -> Receipt:
        """A receipt, its signature and its topic checked."""
        said = decode_receipt(unseal(sent.payload, RECEIPT, KeyRing([self.key.public])).payload)
        assert sent.topic == f"{ROOT}/{said.station}/receipt/{said.ledger.hex()}"
        return said

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What a query of the store's tables gives."""
        return self.store._connection.execute(sql).fetchall()
