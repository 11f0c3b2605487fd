"""`tram verify`: a ledger of the agent, or an export, proven offline."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Protocol

import click

from agent.shown import say
from buffer.entry import LedgerHeld
from buffer.snapshot import Snapshot, open_snapshot
from telemetry import cbor, keyfile
from telemetry.audit import LedgerReport, audit
from telemetry.bodies import BootBody
from telemetry.content import body_of
from telemetry.envelope import RECORD, Forged, hash_of, peek
from telemetry.fields import RecordError
from telemetry.finding import Finding, FindingKind
from telemetry.keys import KeyRefused, KeyRing, fingerprint
from telemetry.record import Kind, decode_record

SQLITE = b"SQLite format 3\x00"


class Source(Protocol):
    """Envelopes that can be read again. After a reading, `troubles` says what is wrong besides them.

    `pruned`: the ledgers whose holes are known to the store, which lets go of what was delivered.
    """

    troubles: list[str]
    pruned: set[bytes]

    def envelopes(self) -> Iterator[bytes]:
        """All of them."""

    def boots(self) -> Iterator[bytes]:
        """At least those of boot records."""


class Export:
    """A file that is a CBOR sequence of envelopes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.troubles: list[str] = []
        self.pruned: set[bytes] = set()

    def envelopes(self) -> Iterator[bytes]:
        """Those before the damage, if there is some."""
        self.troubles = []
        try:
            yield from cbor.sequence(self._path.read_bytes())
        except cbor.CborError as e:
            self.troubles.append(f"the file is damaged: {e}; nothing after that can be read")

    def boots(self) -> Iterator[bytes]:
        """Every envelope: the file has no index."""
        return self.envelopes()


class Database:
    """The agent's store: its rows, held against what the store itself says that it holds."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.troubles: list[str] = []
        self.pruned: set[bytes] = set()

    def envelopes(self) -> Iterator[bytes]:
        """Ledger by ledger, each in order."""
        self.troubles = []
        for held in self._snapshot.ledgers():
            newest, rows = b"", 0
            for entry in self._snapshot.entries(held.ledger):
                if entry.seq < held.next_seq:  # what is written meanwhile is verified and not compared
                    newest, rows = entry.envelope, rows + 1
                yield entry.envelope
            self.troubles += _cut_tail(held, newest)
            if rows == held.rows:
                self.pruned.add(held.ledger)

    def boots(self) -> Iterator[bytes]:
        """By the label of the row; the envelope decides."""
        for held in self._snapshot.ledgers():
            entries = self._snapshot.entries(held.ledger)
            yield from (entry.envelope for entry in entries if entry.kind == Kind.BOOT)


class Verdict(NamedTuple):
    """`keys_from`: "--key", or "ledger" when the ledger vouches for itself. `troubles` are about the file."""

    path: Path
    reports: list[LedgerReport]
    publics: tuple[bytes, ...]
    keys_from: str
    troubles: tuple[str, ...]
    pruned: frozenset[bytes]

    def is_problem(self, finding: Finding, report: LedgerReport) -> bool:
        """Whether a finding spoils the proof. A hole that the store itself made, after delivery, does not."""
        return finding in report.problems and not (
            finding.what is FindingKind.HOLE and finding.ledger in self.pruned
        )

    @property
    def problems(self) -> int:
        """How many reasons there are not to believe the ledger."""
        return len(self.troubles) + sum(
            self.is_problem(finding, report) for report in self.reports for finding in report.findings
        )


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "key_files",
    metavar="PUB",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The station's public key (PEM), from the centre or the plate. Can be given more than once.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def verify(path: Path, key_files: tuple[Path, ...], as_json: bool) -> None:
    """Prove a ledger offline: PATH is the agent's database or an export (.cborseq).

    Says how far it is proven, and every hole, fork, gap, clock step and bad signature. Exits 1 on any problem.

    Example: tram verify data/ledger.db --key BD_VSIP_NUO001.pub
    """
    verdict = judge(path, key_files)
    if as_json:
        click.echo(json.dumps(as_table(verdict), indent=2))
    else:
        say(as_text(verdict))
    if verdict.problems:
        raise click.exceptions.Exit(1)


def judge(path: Path, key_files: tuple[Path, ...]) -> Verdict:
    """Everything that the file proves. KeyFileError, StoreError; ClickException when no key is to be had."""
    with ExitStack() as opened:
        source = _source(path, opened)
        publics = tuple(keyfile.load_public(file) for file in key_files) or _named_in(source)
        if not publics:
            here = "; ".join((str(path), *source.troubles))
            raise click.ClickException(
                f"{here}: no boot record in it names a key, give the station's public key with --key"
            )
        reports = audit(source.envelopes(), KeyRing(publics))
        troubles = tuple(source.troubles) if reports else (*source.troubles, "there is no record in it")
        keys_from = "--key" if key_files else "ledger"
        return Verdict(path, reports, publics, keys_from, troubles, frozenset(source.pruned))


def _source(path: Path, opened: ExitStack) -> Source:
    # It is read more than once and as a whole, which a device or a pipe has no end for.
    if not path.is_file():
        raise click.ClickException(
            f"{path} is a device or a pipe: write what comes out of it into a file, and verify that"
        )
    with path.open("rb") as file:
        is_database = file.read(len(SQLITE)) == SQLITE
    return Database(opened.enter_context(open_snapshot(path))) if is_database else Export(path)


def _cut_tail(held: LedgerHeld, newest: bytes) -> list[str]:
    """The store says how the ledger goes on; that is a record after the newest row, and no other."""
    if held.newest is None or hash_of(newest) == held.prev:
        return []
    return [
        f"ledger {held.ledger.hex()}: the store says that seq {held.next_seq - 1} was the last, and its record is gone"
    ]


def _named_in(source: Source) -> tuple[bytes, ...]:
    """The keys that boot records name; those that must never be trusted are left out."""
    found: dict[bytes, None] = {}
    for envelope in source.boots():
        try:
            body = body_of(decode_record(peek(envelope, RECORD).payload))
            if isinstance(body, BootBody):
                KeyRing([body.public])
                found[body.public] = None
        except (Forged, RecordError, KeyRefused):
            continue
    return tuple(found)


def as_table(verdict: Verdict) -> dict[str, object]:
    """For programs: bytes are hex, ranges are pairs."""
    return {
        "path": str(verdict.path),
        "proven": not verdict.problems,
        "keys_from": verdict.keys_from,
        "fingerprints": [fingerprint(public) for public in verdict.publics],
        "troubles": list(verdict.troubles),
        "ledgers": [_report_table(report, verdict) for report in verdict.reports],
    }


def _report_table(report: LedgerReport, verdict: Verdict) -> dict[str, object]:
    return {
        "station": report.station,
        "ledger": report.ledger.hex(),
        "proven": not any(verdict.is_problem(f, report) for f in report.findings),
        "verified": report.verified,
        "newest": report.newest,
        "starts_here": report.starts_here,
        "holes": report.holes,
        "tombstoned": report.tombstoned,
        "duplicates": report.duplicates,
        "kinds": {str(kind): count for kind, count in sorted(report.kinds.items())},
        "findings": [
            {"what": f.what.value, "seq": f.seq, "detail": f.detail, "problem": verdict.is_problem(f, report)}
            for f in report.findings
        ],
    }


def as_text(verdict: Verdict) -> str:
    """For people: what is proven, then what is not."""
    rows = [line for report in verdict.reports for line in _report_lines(report, verdict)]
    rows += [f"! {trouble}" for trouble in verdict.troubles]
    rows += [f"key {fingerprint(public)}" for public in verdict.publics]
    if verdict.keys_from == "ledger":
        rows += [
            "! THE KEY WAS TAKEN FROM THE LEDGER ITSELF: this shows that the ledger is whole, not whose it is.",
            "  Compare the fingerprint with the one at the centre, or give the station's key with --key.",
        ]
    count = verdict.problems
    rows.append("PROVEN" if not count else f"NOT PROVEN: {count} problem{'s' if count > 1 else ''}")
    return "\n".join(rows)


def _report_lines(report: LedgerReport, verdict: Verdict) -> list[str]:
    name = f"station {report.station}, ledger {report.ledger.hex()}" if report.station else "no ledger at all"
    rows = [name]
    if report.verified:
        first, last = report.verified
        start = "" if report.starts_here else " (its beginning is not in this file)"
        rows.append(f"  verified    seq {first} to {last} of {report.newest}{start}")
    if report.kinds:
        rows.append(f"  records     {', '.join(_counts(report))}")
    if report.tombstoned:
        rows.append(f"  tombstoned  {', '.join(f'{first} to {last}' for first, last in report.tombstoned)}")
    for finding in report.findings:
        if verdict.is_problem(finding, report):
            rows.append(f"! {finding.what.value:<16} {finding.detail}")
        else:
            excuse = " (the store let go of it after delivery)" if finding.what is FindingKind.HOLE else ""
            rows.append(f"  {finding.what.value:<16} {finding.detail}{excuse}")
    return rows


def _counts(report: LedgerReport) -> Iterator[str]:
    for kind, count in sorted(report.kinds.items()):
        name = (
            Kind(kind).name.lower().replace("_", " ") if kind in Kind._value2member_map_ else f"kind {kind}"
        )
        yield f"{count} {name}"
    if report.duplicates:
        yield f"{report.duplicates} repeated"
