"""Letting go of what may go, in steps with room for other work between (`buffer.retention` says what may)."""

from collections.abc import Awaitable, Callable
from typing import Any

from buffer.database import PAGE_BYTES
from buffer.entry import Pruned
from buffer.keeper import Keeper
from buffer.retention import quota_marks

Run = Callable[[Callable[[], Any]], Awaitable[Any]]
Step = Callable[[int | None], Awaitable[int]]
"""Deletes some rows older than that instant (None: whatever their age) and gives how many went; 0: none may."""


async def pruned(keeper: Keeper, run: Run, step: Step, before_wall_ms: int, quota_bytes: int) -> Pruned:
    """Rows by age, rows by quota when it is nearly used up, free pages, and a log that has grown."""
    by_age = by_quota = freed = 0
    while gone := await step(before_wall_ms):
        by_age += gone
    start, stop = quota_marks(quota_bytes // PAGE_BYTES)
    if await run(keeper.used_pages) > start:
        while await run(keeper.used_pages) > stop:
            gone = await step(None)
            by_quota += gone
            if not gone:
                break
    while given := await run(keeper.give_back):
        freed += given
    return Pruned(by_age, by_quota, freed, await run(keeper.trim_wal))
