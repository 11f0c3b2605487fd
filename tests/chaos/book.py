"""One folder that pens write in (tests.chaos.pen), what they said, and whether the store is true to it."""

import asyncio
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from buffer.errors import StoreError
from buffer.snapshot import open_snapshot
from buffer.store import Store
from buffer.writer import Inline
from telemetry import keyfile
from telemetry.audit import audit
from telemetry.envelope import RECORD, hash_of, peek
from telemetry.finding import FindingKind
from telemetry.keys import KeyRing
from telemetry.record import decode_record
from tests.chaos.fault import Violated
from tests.chaos.pen import CENTRE
from tests.chaos.reckoning import named_as_gone

ROOT = Path(__file__).parents[2]
LONGEST_S = 120
STATED = {FindingKind.NEW_LEDGER}
"""What an audit may find: a file that was set aside makes a new ledger, which names the old one."""

Place = tuple[bytes, int]


class Proof(NamedTuple):
    """`records` in the store; `lost`: acknowledged ones that are not, and that no record names as gone."""

    records: int
    lost: int
    doubled: int


@dataclass(slots=True)
class Said:
    """What pens have printed, over all their runs."""

    signed: dict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    acknowledged: dict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    events: list[str] = field(default_factory=list)
    is_done: bool = False

    def hear(self, lines: Iterable[str]) -> None:
        """One run's output; a last line that was cut off counts for nothing."""
        self.is_done = False
        for line in lines:
            what, *words = line.split()
            if what in {"SIGNED", "OK"} and len(words) == 3 and len(words[2]) == 64:
                place = bytes.fromhex(words[0]), int(words[1])
                (self.signed if what == "SIGNED" else self.acknowledged)[place].add(words[2])
            elif what == "EVENT":
                self.events.append(" ".join(words))
            self.is_done = what == "DONE"


class Book:
    """Made with a key of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "data" / "ledger.db"
        self.said = Said()
        self.trace = folder / "trace"
        self.ring = KeyRing([keyfile.create(folder / "station.pem").public])

    def command(self, cycles: int, *more: str) -> list[str]:
        """A pen at work here."""
        return [sys.executable, "-m", "tests.chaos.pen", str(self.folder), str(cycles), *more]

    def write(self, cycles: int, *more: str, prefix: Sequence[str] = ()) -> bool:
        """Let a pen write, in whatever trouble the prefix brings. True when it came to its end."""
        done = subprocess.run(
            [*prefix, *self.command(cycles, *more)],
            capture_output=True, text=True, cwd=ROOT, timeout=LONGEST_S, check=False,
        )  # fmt: skip
        self.said.hear(done.stdout.splitlines())
        with (self.folder / "errors").open("a", encoding="utf-8") as errors:
            errors.write(done.stderr)
        return self.said.is_done

    def prove(self, path: Path | None = None, *, signatures: bool = True) -> Proof:
        """Open the store as the next start does, and hold it against what was said. Violated when it does not open.

        signatures: also the audit that a centre makes. Without, the hashes are compared with those that were signed.
        """
        path = path or self.path
        try:
            asyncio.run(_opened_and_closed(path))
            with open_snapshot(path) as snapshot:
                envelopes = [
                    row.envelope for held in snapshot.ledgers() for row in snapshot.entries(held.ledger)
                ]
        except StoreError as error:
            raise Violated(f"the store does not open: {error}") from error
        records = [decode_record(peek(envelope, RECORD).payload) for envelope in envelopes]
        here = {(r.ledger, r.seq): hash_of(e).hex() for r, e in zip(records, envelopes, strict=True)}
        if signatures:
            self._is_linked(envelopes)
        foreign = [place for place, its in here.items() if its not in self.said.signed[place]]
        if foreign:
            raise Violated(
                f"{len(foreign)} records in the store that no pen signed, first seq {foreign[0][1]}"
            )
        gone = named_as_gone(records)
        lost = [
            place
            for place, hashes in self.said.acknowledged.items()
            if here.get(place) not in hashes and place[1] not in gone.get(place[0], ())
        ]
        doubled = sum(len(hashes) > 1 for hashes in self.said.acknowledged.values())
        return Proof(len(records), len(lost), doubled)

    def _is_linked(self, envelopes: Sequence[bytes]) -> None:
        for judged in audit(envelopes, self.ring):
            found = [finding for finding in judged.findings if finding.what not in STATED]
            if found or judged.holes:
                raise Violated(f"the audit finds {found or judged.holes}")


async def _opened_and_closed(path: Path) -> None:
    store = await Store.open(
        path, destinations=[CENTRE], quota_bytes=64 * 2**20, keep_ms=10**10, executor=Inline()
    )
    await store.close()
