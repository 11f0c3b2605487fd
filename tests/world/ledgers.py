"""What is known of every ledger in the end: all that was ever seen of it, and where it is now."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

from telemetry.bodies import BootBody, BootReason
from telemetry.ranges import Ranges, covers, normal
from telemetry.record import Kind, Record
from tests.world.witness import Place, Witness, named_as_gone
from tests.world.world import World


@dataclass
class Ledgers:
    """`here`: the station's store; `there`: the centre's; `records`: every place ever seen, with its content."""

    here: dict[Place, bytes]
    there: set[bytes]
    records: dict[Place, bytes]
    named: dict[bytes, Ranges]
    said_lost: set[bytes]
    """Ledgers of which a boot record says that their store was lost."""

    def of(self, ledger: bytes, world: World) -> list[Record]:
        """What is at the centre or in the store, in order of seq."""
        found = {
            place.seq: envelope
            for place, envelope in self.records.items()
            if place.ledger == ledger and (envelope in self.there or self.here.get(place) == envelope)
        }
        return [world.witness.record(found[seq]) for seq in sorted(found)]

    def is_named(self, place: Place) -> bool:
        """Whether a tombstone or a recovery record names it."""
        return covers(self.named.get(place.ledger, ()), place.seq)

    def newest(self) -> dict[bytes, int]:
        """By ledger, the highest seq that was ever durable or sent."""
        tops: dict[bytes, int] = defaultdict(int)
        for place in self.records:
            tops[place.ledger] = max(tops[place.ledger], place.seq)
        return dict(tops)


def reckoned(world: World) -> Ledgers:
    """From the files as they are now."""
    witness = world.witness
    here = {witness.place(envelope): envelope for envelope in _rows(world)}
    for envelope in world.centre_rows.present:
        witness.record(envelope)
    ever = {**witness.durable, **here}
    for place, contents in witness.seen.items():
        ever.setdefault(place, next(reversed(contents)))
        if place not in here and len(contents) > 1:  # of several, the one that is somewhere
            ever[place] = next((c for c in contents if c in world.centre_rows.present), ever[place])
    named = named_as_gone(witness.records.values())
    ranges = {ledger: normal(parts) for ledger, parts in named.items()}
    left = {place.ledger for place in here}
    return Ledgers(here, set(world.centre_rows.present), ever, ranges, set(_said_lost(witness, left)))


def _rows(world: World) -> Iterator[bytes]:
    """What can be read and was once written; a bad page that nobody needed may still be there unnoticed."""
    with closing(sqlite3.connect(f"{world.disk.database.as_uri()}?mode=ro", uri=True)) as connection:
        for key in world.rows.rows:
            with suppress(sqlite3.DatabaseError):
                for (envelope,) in connection.execute("SELECT envelope FROM entry WHERE key = ?", (key,)):
                    if envelope in world.witness.written:
                        yield envelope


def _said_lost(witness: Witness, left: set[bytes]) -> Iterator[bytes]:
    """After a quarantine only where nothing was left to save: else the recovery record must name what was lost."""
    for record in witness.records.values():
        if record.kind == Kind.BOOT:
            body = BootBody.decode(record.body)
            before = body.before[0] if body.before is not None else b""
            if body.reason == BootReason.STORE_LOST or (
                body.reason == BootReason.QUARANTINE and before not in left
            ):
                yield before
