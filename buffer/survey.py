"""What the store tells of itself: sizes and counts, for those who watch over it. Runs in the writer thread."""

from collections.abc import Sequence
from functools import partial

from buffer import rows
from buffer.entry import Stats
from buffer.inventory import Kept
from buffer.keeper import Keeper


def survey(keeper: Keeper, destinations: Sequence[str], quota_bytes: int) -> Stats:
    """All of one moment: no write comes between the counts. StoreBroken when the file cannot be read."""
    inventory = keeper.inventory
    held = tuple(inventory.held())
    return Stats(
        *keeper.sizes(),
        quota_bytes,
        sum(ledger.rows for ledger in held),
        {destination: inventory.owed_rows(destination) for destination in destinations},
        held,
        _wall_ms(keeper, inventory.lowest()),
        _wall_ms(keeper, inventory.newest()),
    )


def _wall_ms(keeper: Keeper, where: tuple[Kept, int] | None) -> int | None:
    if where is None:
        return None
    kept, seq = where
    entry = keeper.read(partial(rows.one, kept=kept, seq=seq))
    return entry.wall_ms if entry else None
