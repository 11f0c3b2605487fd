"""The store that is there: whose it is, whether it can be read, and what the next start will make of it.

Read as `tram verify` reads it: read only, one short query at a time, without the lock. Who holds the lock is
asked of the kernel (/proc/locks): to try it would refuse an agent that starts in that moment.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from agent import sidecar, start
from agent.doctor.user import User, may, owned
from agent.doctor.verdict import Verdict, ok, skipped, warning, wrong
from buffer import quarantine
from buffer.entry import LedgerHeld, Owed
from buffer.errors import StoreDamaged, StoreError, StoreForeign, StoreNewer
from buffer.snapshot import Snapshot, open_snapshot
from buffer.store import Tail
from config.station import Station
from telemetry.bodies import BootReason
from telemetry.envelope import RECORD, Forged, unseal
from telemetry.keys import KeyRing, SigningKey

WRITE = 2
MOST_LEDGERS = 64
"""Ledgers that a bundle names; a confused centre may have made more."""


class Proof(NamedTuple):
    """The newest record, held against our key. `newest` None: there is none. `forged`: why it is not believed."""

    newest: int | None
    forged: str | None


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """`error`: why it cannot be read. `held`, `owed`: what it says. `next_start`: None when the key is not known.

    `strange`: parts of it that belong to another user than `user`, who runs the agent.
    """

    path: Path
    there: bool
    error: StoreError | None
    held: tuple[LedgerHeld, ...]
    owed: MappingProxyType[str, tuple[Owed, ...]]
    next_start: start.Start | None
    proof: Proof | None
    strange: tuple[str, ...]
    user: User
    aside: tuple[str, ...]

    @property
    def current(self) -> LedgerHeld | None:
        """The ledger that goes on at the next start; None when there is none, or a new one will begin."""
        anew = self.next_start is not None and self.next_start.new_ledger
        return self.held[-1] if self.held and not anew else None


def judge_store(facts: StoreFacts) -> list[Verdict]:
    """What the next start will do with it."""
    found = []
    if facts.strange:
        parts = ", ".join(facts.strange)
        found.append(wrong("store-owner", parts=parts, user=facts.user.name, folder=facts.path.parent))
    if facts.aside:
        found.append(warning("store-aside", folders=", ".join(facts.aside)))
    if not facts.there:
        return [*found, _not_there(facts)]
    if facts.error is not None:
        return [*found, _unreadable(facts.error)]
    return [*found, *_begins(facts)]


def _not_there(facts: StoreFacts) -> Verdict:
    before = facts.next_start.before if facts.next_start else None
    if before is None:
        return skipped("store-new", path=facts.path)
    return warning("store-lost", path=facts.path, ledger=before[0].hex()[:8], seq=before[1])


def _unreadable(error: StoreError) -> Verdict:
    code = {StoreNewer: "store-newer", StoreForeign: "store-foreign", StoreDamaged: "store-damaged"}
    return wrong(code.get(type(error), "store-unreadable"), why=error.what)


_ANEW = {
    BootReason.STORE_RESTORED: "store-restored",
    BootReason.ENROLMENT: "store-other-key",
    BootReason.STORE_LOST: "store-lost",
}


def _begins(facts: StoreFacts) -> list[Verdict]:
    begin = facts.next_start
    values: dict[str, object] = {"path": facts.path}
    if not facts.held:
        return [ok("store-empty", **values)]
    newest = facts.held[-1]
    values |= {
        "ledger": newest.ledger.hex()[:8],
        "seq": newest.next_seq - 1,
        "rows": sum(held.rows for held in facts.held),
    }
    if begin is not None and begin.new_ledger:
        return [warning(_ANEW.get(begin.reason, "store-restored"), **values)]
    if facts.proof and facts.proof.forged:
        return [wrong("store-not-proven", **values, why=facts.proof.forged)]
    return [ok("store-ok" if facts.proof else "store-ok-unproven", **values)]


def look_at_store(station: Station, key: SigningKey | None, user: User) -> StoreFacts:
    """Everything at once, in one thread. `key` None: it could not be read."""
    path = station.buffer.path
    told, beside = start.Told(None), sidecar.load(sidecar.path_for(station.identity.key))
    held: tuple[LedgerHeld, ...] = ()
    owing: dict[str, tuple[Owed, ...]] = {}
    proof: Proof | None = None
    error: StoreError | None = None
    if path.exists():
        try:
            with open_snapshot(path) as snapshot:
                held, owing = snapshot.ledgers(), snapshot.owed()
                told = start.told(_tail(held), snapshot.notes())
                proof = None if key is None else _proof(snapshot, held, key)
        except StoreError as raised:
            error = raised
    next_start = None
    if key is not None and error is None:
        next_start = start.how_to_start(told, beside, signer=key.kid + station.id.encode())
    return StoreFacts(
        path=path,
        there=path.exists(),
        error=error,
        held=held[-MOST_LEDGERS:],
        owed=MappingProxyType(owing),
        next_start=next_start,
        proof=proof,
        strange=_strange(path, user),
        user=user,
        aside=tuple(str(folder) for folder in quarantine.pending(path)),
    )


def _tail(held: tuple[LedgerHeld, ...]) -> Tail | None:
    return Tail(held[-1].ledger, held[-1].next_seq, held[-1].prev) if held else None


def _proof(snapshot: Snapshot, held: tuple[LedgerHeld, ...], key: SigningKey) -> Proof:
    """One row: the newest of the newest ledger, whatever the agent adds meanwhile."""
    newest = held[-1].newest if held else None
    if newest is None:
        return Proof(None, None)
    entry = next(snapshot.entries(held[-1].ledger, newest), None)
    if entry is None:
        return Proof(newest, None)
    try:
        unseal(entry.envelope, RECORD, KeyRing([key.public]))
    except Forged as error:
        return Proof(newest, str(error))
    return Proof(newest, None)


def _strange(path: Path, user: User) -> tuple[str, ...]:
    """What an agent that was once run as root leaves behind: its usual user cannot write it."""
    if user.is_root:
        return ()
    parts = (path.parent, *(path.with_name(path.name + part) for part in ("", "-wal", "-shm", ".lock")))
    return tuple(str(part) for part in parts if part.exists() and not may(user, owned(part), WRITE))


def holder(store: Path, locks: str, *, proc: Path = Path("/proc")) -> int | None:
    """The process that holds the store's lock, from the text of /proc/locks; None: nobody.

    Numbers of files are unique within one disk only. A disk that goes by two numbers (btrfs, overlay) is told by what
    the process has open.
    """
    lock = store.with_name(store.name + ".lock")
    try:
        found = lock.stat()
    except OSError:
        return None
    disk = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    for pid, place in _holding(locks):
        its_disk, _, number = place.rpartition(":")
        if number == str(found.st_ino) and (its_disk == disk or _has_open(proc / str(pid), lock)):
            return pid
    return None


def _holding(locks: str) -> Iterator[tuple[int, str]]:
    """Process and file (MAJOR:MINOR:INODE) of each flock that is held: proc_locks(5)."""
    for line in locks.splitlines():
        words = line.split()
        if len(words) >= 6 and words[1] == "FLOCK":
            yield int(words[4]), words[5]


def _has_open(process: Path, path: Path) -> bool:
    try:
        return any(link.readlink() == path.absolute() for link in (process / "fd").iterdir())
    except OSError:
        return False
