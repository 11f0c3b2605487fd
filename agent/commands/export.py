"""`tram export`: a stretch of the ledger as a file that any verifier reads."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

if TYPE_CHECKING:
    from buffer.snapshot import Snapshot

INSTANT = "a date (2026-11-22) or an instant (2026-11-22T13:00); without an offset in the station's time zone"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "first", required=True, help=f"From when, {INSTANT}.")
@click.option("--to", "last", required=True, help="Until when, exclusive; a date means the end of that day.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The file to write; never over one."
)
def export(file: Path, first: str, last: str, out: Path) -> None:
    """Write the signed envelopes of a time, untouched and without a hole, as a CBOR sequence (RFC 8742).

    `tram verify OUT --key PUBLIC.pem` proves it, and so does any program that follows docs/wire.md.

    Example: tram export station.toml --from 2026-11-01 --to 2026-11-30 --out november.cborseq
    """
    from agent.station import load_station
    from buffer.snapshot import open_snapshot

    station = load_station(file, elsewhere=True)
    zone = ZoneInfo(station.timezone)
    from_ms, to_ms = _instant_ms(first, zone, "--from"), _instant_ms(last, zone, "--to", end_of_day=True)
    if from_ms >= to_ms:
        raise click.BadParameter(f"{first} is not before {last}", param_hint="--from")
    with open_snapshot(station.buffer.path) as snapshot:
        count, size = _write(out, _stretches(snapshot, from_ms, to_ms))
    if not count:
        out.unlink()
        raise click.ClickException(f"{station.buffer.path} holds no record between {first} and {last}")
    click.echo(f"{out}: {count} records, {size} bytes")


def _stretches(snapshot: "Snapshot", from_ms: int, to_ms: int) -> Iterator[bytes]:
    """Per ledger everything from its first to its last record of that time, also what a stepped clock put between."""
    for held in snapshot.ledgers():
        # In order, and never kept: a store of 4 GB has more of them than a gateway has memory.
        seqs = (entry.seq for entry in snapshot.entries(held.ledger) if from_ms <= entry.wall_ms < to_ms)
        first = next(seqs, None)
        if first is None:
            continue
        last = max(seqs, default=first)
        for entry in snapshot.entries(held.ledger, first):
            if entry.seq > last:
                break
            yield entry.envelope


def _write(out: Path, envelopes: Iterator[bytes]) -> tuple[int, int]:
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError as error:
        raise click.ClickException(f"{out} is there already: choose another name") from error
    with ExitStack() as half:
        # Half of it looks whole to whoever gets it, and its name would refuse the next attempt.
        half.callback(out.unlink)
        try:
            written = _fill(descriptor, envelopes)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(out)) from error
        half.pop_all()
    return written


def _fill(descriptor: int, envelopes: Iterator[bytes]) -> tuple[int, int]:
    count = size = 0
    with os.fdopen(descriptor, "wb") as file:
        for envelope in envelopes:
            count, size = count + 1, size + file.write(envelope)
        file.flush()
        os.fsync(file.fileno())
    return count, size


def _instant_ms(text: str, zone: ZoneInfo, option: str, *, end_of_day: bool = False) -> int:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f'"{text}" is no time; write {INSTANT}', param_hint=option) from error
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=zone)
    try:
        if end_of_day and len(text) == len("2026-11-22"):
            instant += timedelta(days=1)
        return int(instant.timestamp() * 1_000)
    except OverflowError as error:  # the last day that a date can have
        raise click.BadParameter(f"{text} is too late, no day follows it", param_hint=option) from error
