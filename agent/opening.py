"""Opening the store at the start, whatever its file looks like: the agent never refuses to start for the disk's sake.

| the file | what happens |
|---|---|
| is sound, or not there | it is opened, or made |
| is damaged, or is no database any more but holds records | set aside (`agent.salvage` reads it), and a new one made |
| cannot be opened now: no room, no right, an error of the disk | said, and tried again until it can |
| belongs to another program, or is open in another process | StoreForeign, StoreBusy: the technician's to mend |
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from agent.keep import RETRY_LONGEST_S, Report
from agent.start import Told, told
from buffer import quarantine, salvage
from buffer.errors import StoreBusy, StoreDamaged, StoreError, StoreForeign, StoreNewer
from buffer.store import Store
from buffer.writer import Executor, WriterThread
from config.station import Station
from telemetry import carve

RETRY_FIRST_S = 1.0


def told_aside(path: Path) -> Told | None:
    """What the newest file says that was set aside and not read yet. None: there is no such file."""
    files = [folder / path.name for folder in reversed(quarantine.pending(path))]
    inventories = [salvage.told(file) for file in files]
    said = [told(inventory.tail, inventory.notes) for inventory in inventories]
    return next((one for one in said if one.tail), Told(None)) if said else None


Wait = Callable[[float], Awaitable[bool]]
"""Waits so many seconds; False when the agent is to stop."""


def quarantine_name(wall_ms: int) -> str:
    """A folder's name, by the UTC of now, in order."""
    return datetime.fromtimestamp(wall_ms / 1_000, UTC).strftime("%Y%m%dT%H%M%SZ")


async def open_store(
    station: Station,
    *,
    wall_ms: int,
    wait: Wait,
    report: Report,
    executor: Callable[[], Executor] = WriterThread,
) -> Store | None:
    """The open store; None when the agent was told to stop before it opened. StoreForeign, StoreBusy."""
    opened = partial(
        Store.open,
        station.buffer.path,
        destinations=[destination.id for destination in station.destinations],
        quota_bytes=station.buffer.quota_bytes,
        keep_ms=station.buffer.keep_ms,
    )
    pause_s, said, aside = (
        RETRY_FIRST_S,
        {"store.damaged": "", "store.unopened": ""},
        quarantine_name(wall_ms),
    )
    damaged = False

    def say(event: str, error: StoreError, **fields: object) -> None:
        if said[event] != str(error):
            said[event] = str(error)
            report(event, {"error": said[event], **fields, "alarm": True})

    while True:
        was_damaged, damaged = damaged, False  # what was set aside is not there any more, whatever came after
        try:
            return await opened(set_aside=aside if was_damaged else None, executor=executor())
        except StoreError as error:
            damaged = not was_damaged and _is_damaged(station.buffer.path, error)
            if damaged:
                say("store.damaged", error)
                continue
            if isinstance(error, StoreForeign | StoreBusy):
                raise
            say("store.unopened", error, polling="waits for it")
        if not await wait(pause_s):
            return None
        pause_s = min(2 * pause_s, RETRY_LONGEST_S)


def _is_damaged(path: Path, error: StoreError) -> bool:
    """Nobody's file is moved by mistake: what cannot be recognised any more must hold records of a station.

    What a newer version wrote is sound: after a step back of the program it is the technician's to decide.
    """
    if isinstance(error, StoreDamaged):
        return True
    is_strange = isinstance(error, StoreForeign) and not isinstance(error, StoreNewer)
    return is_strange and salvage.holds_any(path, carve.starts)
