"""`python -m bench.sizing`: writes the tables of docs/sizing.md, in some seven minutes, most of them waiting.

Needs root. For whoever buys the gateway, its card and its SIM: channels and period against space, traffic and wear.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from agent.station import load_station
from bench import card, held, retention, wear
from bench.air import TYPICAL_SEQ, Envelopes, as_text, bytes_per_day, envelopes, listen
from bench.backlog import Yesterdays
from bench.load import Load
from bench.retention import CENTRE, DAY_MS, UP_DAYS, made, unsynced
from bench.wear import Worn, Writing
from buffer.entry import Tail
from buffer.store import Store
from buffer.writer import Inline
from telemetry import keyfile

PAGE = Path(__file__).parent.parent / "docs" / "sizing.md"
BEGIN, END = "<!-- python -m bench.sizing writes from here -->", "<!-- to here -->"

LOADS = (Load(1, 10), Load(4, 10), Load(10, 10), Load(10, 20))
PERIODS_S = (1, 10, 60)
PACES = {1: 60, 10: 12, 60: 5}
"""For what the time between two poll cycles costs: how many of them are looked at, by period."""
DAY_S = 86_400
QUOTA_BYTES = 4 * 10**9
KEEP_DAYS = 90
CARD_BYTES = 30 * 10**12
"""An assumption: what a 32 GB card may be rated for, "TBW" in its data sheet."""
MB = 1_000_000
DISK_CYCLES = 400
LISTENED = Load(4, 10)
LISTEN_S = 60


@dataclass(frozen=True, slots=True)
class Measured:
    """What the tables are made of. `disk_bytes`: of the file, for each record. `surcharges`: by period, per cycle."""

    of: Mapping[Load, Envelopes]
    disk_bytes: Mapping[Load, float]
    worn: Mapping[Writing, Worn]
    surcharges: Mapping[int, float]

    def card_bytes_per_day(self, writing: Writing) -> float:
        """What reaches the card in a day."""
        cycles = DAY_S / writing.every_s
        records = self.worn[writing].written_bytes * writing.load.devices
        return cycles * (records + self.surcharges[writing.every_s])


def measure(place: Path) -> tuple[Measured, list[str]]:
    """Everything; and lines for the page on what was looked at beside it."""
    with ThreadPoolExecutor(1) as waiting:
        slowly = waiting.submit(wear.surcharges, place / "slow", PACES)
        rows = wear.measure(place / "wear", list(_writings()))
        of = {load: envelopes(place / "encoded" / str(load), load) for load in LOADS}
        disk = {load: disk_bytes(place / "disk" / str(load), load) for load in LOADS}
        beside = [
            retention.as_text(retention.measure(place / "retention")),
            held.as_text(held.measure(place / "held")),
            as_text(listen(place / "air", LISTENED, LISTEN_S)),
        ]
        return Measured(of, disk, {row.writing: row for row in rows}, slowly.result()), beside


def _writings() -> Iterator[Writing]:
    for load in LOADS:
        for every_s in PERIODS_S:
            yield Writing(load, every_s, together=False)
            yield Writing(load, every_s, together=True)


def disk_bytes(place: Path, load: Load) -> float:
    """What the file grows by for each record: the real recorder, the real store."""
    with unsynced():
        return asyncio.run(_disk_bytes(made(place, load)))


async def _disk_bytes(file: Path) -> float:
    station = load_station(file)
    key, buffer = keyfile.load(station.identity.key), station.buffer
    past = Yesterdays(station, key, 1_800_000_000_000, 60_000, UP_DAYS * DAY_MS)
    past.take()
    past.ledger.next_seq = TYPICAL_SEQ
    async with await Store.open(
        buffer.path,
        destinations=[CENTRE],
        quota_bytes=buffer.quota_bytes,
        keep_ms=buffer.keep_ms,
        executor=Inline(),
    ) as store:
        await store.begin(Tail(past.tail.ledger, TYPICAL_SEQ, past.tail.prev))
        before = await store.stats()
        for _ in range(DISK_CYCLES):
            past.cycle()
            await store.append(past.take(), past.tail)
        after = await store.stats()
    return (after.used_bytes - before.used_bytes) / after.rows


def space(found: Measured) -> str:
    """The first table."""
    head = (
        "channels",
        "period",
        "records a day",
        "a record, bytes",
        "disk, MB a day",
        f"file after {KEEP_DAYS} days, MB",
        "4 GB are full after, days",
        "air, MB a day: apart",
        "together",
    )
    return _table(head, [_space_row(found, load, every_s) for load in LOADS for every_s in PERIODS_S])


def _space_row(found: Measured, load: Load, every_s: int) -> list[str]:
    records = DAY_S / every_s * load.devices
    of, day = found.of[load], records * found.disk_bytes[load]
    air = [bytes_per_day(of, every_s, together=together) / MB for together in (False, True)]
    return [
        _channels(load),
        f"{every_s} s",
        f"{records:,.0f}",
        f"{sum(of.records) / len(of.records):.0f}",
        f"{day / MB:.2f}",
        f"{KEEP_DAYS * day / MB:,.0f}",
        f"{QUOTA_BYTES / day:,.0f}",
        *(f"{mb:.1f}" for mb in air),
    ]


def life(found: Measured) -> str:
    """The second table."""
    head = (
        "channels",
        "period",
        "written, bytes a record: apart",
        "together",
        "written, MB a day: apart",
        "together",
        f"years until {CARD_BYTES / 10**12:.0f} TB: apart",
        "together",
    )
    return _table(head, [_life_row(found, load, every_s) for load in LOADS for every_s in PERIODS_S])


def _life_row(found: Measured, load: Load, every_s: int) -> list[str]:
    writings = [Writing(load, every_s, together=together) for together in (False, True)]
    days = [found.card_bytes_per_day(writing) for writing in writings]
    records = DAY_S / every_s * load.devices
    return [
        _channels(load),
        f"{every_s} s",
        *(f"{day / records:,.0f}" for day in days),
        *(f"{day / MB:,.0f}" for day in days),
        *(f"{CARD_BYTES / day / 365:,.0f}" for day in days),
    ]


def _channels(load: Load) -> str:
    return f"{load.devices * load.channels} ({load})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---:" for _ in head], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def block(found: Measured, beside: Sequence[str], today: str) -> str:
    """What stands between the marks."""
    paces = ", ".join(f"{cost / 1000:.1f} kB at {every_s} s" for every_s, cost in found.surcharges.items())
    notes = [
        f"The time between two poll cycles costs each of them {paces}.",
        *(f"{b[0].upper()}{b[1:]}." for b in beside),
    ]
    measured = "\n".join(f"- {note}" for note in notes)
    parts = [
        "### Space and traffic",
        space(found),
        "### The card",
        life(found),
        f"### Measured on {today}",
        measured,
    ]
    return "\n\n".join(parts) + "\n"


def put(text: str, into: str) -> str:
    """The page with another block between the marks."""
    before, _, rest = into.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"the page has no marks {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{text}{END}{after}"


@click.command()
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Where the stores are put.")
def sizing(folder: str | None) -> None:
    """Measure, and write the tables into docs/sizing.md. Needs root: file systems are mounted.

    Example: python -m bench.sizing
    """
    lacking = card.why_not()
    if lacking:
        raise click.ClickException(f"no card can be put in here: {lacking}")
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tram-sizing-", dir=folder) as place:
        found, beside = measure(Path(place))
    page = PAGE.read_text(encoding="utf-8")
    today = datetime.now(UTC).date().isoformat()
    PAGE.write_text(put(block(found, beside, today), page), encoding="utf-8")
    click.echo(f"{PAGE}: written in {time.monotonic() - began_s:.0f} s")


if __name__ == "__main__":
    sizing()
