"""What the centre knows of each station, read beside a running `serve`."""

import json
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from central.folder import Folder, StationKeys
from central.ledgers import hole_of
from central.recall import recalled
from central.records import Records
from central.snapshot import snapshot
from telemetry import ranges
from telemetry.envelope import HEAD, RECEIPT, peek
from telemetry.head import Head, decode_head
from telemetry.keys import fingerprint
from telemetry.receipt import Receipt, decode_receipt


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding. `ledger` hex, None: about no ledger. `times`: how often the same bytes were refused."""

    number: int
    what: str
    ledger: str | None
    seq: int | None
    detail: str
    first_ms: int
    times: int
    resolved_ms: int | None
    acknowledged_ms: int | None

    @property
    def is_open(self) -> bool:
        """Neither resolved by itself nor acknowledged by somebody."""
        return self.resolved_ms is None and self.acknowledged_ms is None


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """One ledger. Counts are records.

    `signed`: the newest seq of the newest head (of the records, while no head came). `verified`: stored, with a
    signature that holds. `through`: up to here nothing is missing and every link holds. `missing` = `pending` +
    what is in `holes`. `duplicates`: came again. Times are Unix ms by the centre's clock, None: never.
    """

    ledger: str
    fingerprint: str
    signed: int
    verified: int
    through: int
    tombstoned: int
    missing: int
    pending: int
    holes: int
    forks: int
    duplicates: int
    first_ms: int
    head_ms: int | None
    receipt_ms: int | None
    receipt_number: int | None
    receipt_through: int | None


@dataclass(frozen=True, slots=True)
class StationSummary:
    """One station. `received`: envelopes that came, of any worth; `replayed`: of these, known already;
    `rejected`: not its word. A station that is not `enrolled` and has no ledger is one that waits for it.
    """

    station: str
    enrolled: bool
    fingerprint: str | None
    received: int
    verified: int
    replayed: int
    rejected: int
    last_seen_ms: int | None
    ledgers: tuple[LedgerSummary, ...]
    findings: tuple[FindingLine, ...]

    @property
    def open_findings(self) -> int:
        """Findings that nobody has acknowledged and nothing has resolved."""
        return sum(f.is_open for f in self.findings)


def stations(folder: Path) -> list[StationSummary]:
    """Everything, by station id; strangers last. FolderError when there is no store."""
    place = Folder(folder)
    keys = StationKeys(place).look().added
    with snapshot(place) as connection:
        connection.execute("BEGIN")  # one moment for all that follows
        counters = {
            name: (received, rejected, seen)
            for name, received, rejected, seen in connection.execute(
                "SELECT name, received, rejected, last_seen_ms FROM station"
            )
        }
        known = [
            _station(connection, name, keys.get(name), counters.get(name, (0, 0, None)))
            for name in sorted(counters.keys() | keys.keys())
        ]
        return known + _strangers(connection, keys)


def _station(
    connection: sqlite3.Connection, name: str, public: bytes | None, counters: tuple[int, int, int | None]
) -> StationSummary:
    ledgers = tuple(_ledgers(connection, name))
    received, rejected, seen_ms = counters
    return StationSummary(
        station=name,
        enrolled=public is not None,
        fingerprint=fingerprint(public) if public else None,
        received=received,
        verified=sum(ledger.verified for ledger in ledgers),
        replayed=sum(ledger.duplicates for ledger in ledgers),
        rejected=rejected,
        last_seen_ms=seen_ms,
        ledgers=ledgers,
        findings=tuple(_findings(connection, name)),
    )


def _ledgers(connection: sqlite3.Connection, station: str) -> list[LedgerSummary]:
    rows = connection.execute(
        "SELECT l.ledger, l.public, l.stored, l.duplicates, l.first_ms, l.reception, l.head, l.head_ms,"
        " l.receipt, l.receipt_ms, (SELECT count(*) FROM fork f WHERE f.ledger = l.id), l.id"
        " FROM ledger l JOIN station s ON s.id = l.station WHERE s.name = ? ORDER BY l.id",
        (station,),
    ).fetchall()
    return [_ledger(connection, station, row) for row in rows]


def _ledger(connection: sqlite3.Connection, station: str, row: tuple[Any, ...]) -> LedgerSummary:
    (
        ledger,
        public,
        stored,
        duplicates,
        first_ms,
        dumped,
        head,
        head_ms,
        receipt,
        receipt_ms,
        forks,
        number,
    ) = row
    reception = recalled(Records(connection, _no_new_station), number, dumped, stored)
    said: Head | None = decode_head(peek(head, HEAD).payload) if head else None
    told: Receipt | None = decode_receipt(peek(receipt, RECEIPT).payload) if receipt else None
    signed = max(said.newest if said else 0, reception.newest())
    missing = tuple(reception.missing(signed))
    found = connection.execute(
        "SELECT key FROM finding WHERE station = ? AND ledger = ? AND what = 'hole' AND resolved_ms IS NULL",
        (station, ledger),
    )
    holes = ranges.intersect(ranges.normal(hole_of(key) for (key,) in found), missing)
    return LedgerSummary(
        ledger=ledger.hex(),
        fingerprint=fingerprint(public),
        signed=signed,
        verified=stored,
        through=reception.through()[0],
        tombstoned=ranges.count(reception.tombstoned),
        missing=ranges.count(missing),
        pending=ranges.count(missing) - ranges.count(holes),
        holes=ranges.count(holes),
        forks=forks,
        duplicates=duplicates,
        first_ms=first_ms,
        head_ms=head_ms,
        receipt_ms=receipt_ms,
        receipt_number=told.number if told else None,
        receipt_through=told.through if told else None,
    )


def _no_new_station(name: str) -> int:
    """A summary writes nothing."""
    raise AssertionError(name)


def _findings(connection: sqlite3.Connection, station: str) -> list[FindingLine]:
    rows = connection.execute(
        "SELECT id, what, ledger, seq, detail, first_ms, times, resolved_ms, acknowledged_ms"
        " FROM finding WHERE station = ? ORDER BY id",
        (station,),
    )
    return [
        FindingLine(number, what, ledger.hex() if ledger else None, *rest)
        for number, what, ledger, *rest in rows
    ]


def _strangers(connection: sqlite3.Connection, keys: dict[str, bytes]) -> list[StationSummary]:
    rows = connection.execute(
        "SELECT station, public, max(at_ms) FROM stranger GROUP BY station, public ORDER BY station"
    )
    return [
        StationSummary(name, False, fingerprint(public), 0, 0, 0, 0, at_ms, (), ())
        for name, public, at_ms in rows
        if keys.get(name) != public
    ]


def as_json(summaries: list[StationSummary]) -> str:
    """The same for programs."""
    rows = [{**asdict(s), "open_findings": s.open_findings} for s in summaries]
    return json.dumps(rows, ensure_ascii=False, indent=2)
