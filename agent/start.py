"""How this run begins: the same ledger, or a new one, and why. Pure.

| store | file beside the key | what it means |
|---|---|---|
| empty | none | enrolment: a new ledger |
| empty | names a ledger | the store was lost: a new ledger that names the old one |
| empty, and a damaged one was set aside | any | quarantine: likewise; the damaged one may still know where it ended |
| signed by another key, or for another station | any | enrolment: a new ledger that names the old one |
| at or beyond it, same ledger | same ledger | go on |
| a ledger begun from the one that the file names | the one before | the file was not yet written: go on |
| behind it, or another ledger | same or another | the store was restored from a copy: a new ledger after the file's |
| any | none | the file was lost; the store goes on |
"""

from collections.abc import Mapping
from typing import NamedTuple

from agent.sidecar import Sidecar
from buffer.store import Tail
from telemetry.bodies import BootReason

LedgerEnd = tuple[bytes, int, bytes]
"""Ledger id, its last seq, the hash there (zeros when it is not known)."""


NOTE_BOOTS, NOTE_CLEAN, NOTE_BEGUN_FROM, NOTE_SIGNER = "boots", "clean", "begun from", "signer"


class Told(NamedTuple):
    """What a store says of itself. `tail` None: it has no ledger. `begun_from`: the ledger before it, or empty."""

    tail: Tail | None
    boots: int = 0
    begun_from: bytes = b""
    clean: bool = False
    signer: bytes = b""


class Start(NamedTuple):
    """`new_ledger`: a fresh id is needed; `before`: the ledger before it, for the boot record."""

    reason: BootReason
    new_ledger: bool
    before: LedgerEnd | None
    boots: int


def told(tail: Tail | None, notes: Mapping[str, bytes]) -> Told:
    """From the store's notes."""
    return Told(
        tail,
        int.from_bytes(notes.get(NOTE_BOOTS, b"")),
        notes.get(NOTE_BEGUN_FROM, b""),
        notes.get(NOTE_CLEAN) == b"\x01",
        notes.get(NOTE_SIGNER, b""),
    )


def how_to_start(
    store: Told, sidecar: Sidecar | None, *, signer: bytes = b"", aside: Told | None = None
) -> Start:
    """`signer`: the key and the station id of this run. One ledger has one key: the centre refuses what another one
    signs in it. `aside`: what a damaged store says that was set aside and not read yet.
    """
    tail = store.tail
    boots = max(store.boots, sidecar.boots if sidecar else 0, aside.boots if aside else 0) + 1
    beside = (sidecar.ledger, sidecar.last_seq, sidecar.last_hash) if sidecar else None
    if tail is None:
        return Start(
            _why_empty(sidecar, aside), new_ledger=True, before=_last_end(beside, aside), boots=boots
        )
    if sidecar and sidecar.ledger != store.begun_from and _behind(tail, sidecar):
        return Start(BootReason.STORE_RESTORED, new_ledger=True, before=beside, boots=boots)
    if store.signer not in {b"", signer}:
        return Start(BootReason.ENROLMENT, new_ledger=True, before=_end(tail), boots=boots)
    reason = BootReason.CLEAN_STOP if store.clean else BootReason.UNCLEAN_STOP
    return Start(reason, new_ledger=False, before=None, boots=boots)


def _why_empty(sidecar: Sidecar | None, aside: Told | None) -> BootReason:
    if aside is not None:
        return BootReason.QUARANTINE
    return BootReason.STORE_LOST if sidecar else BootReason.ENROLMENT


def _last_end(beside: LedgerEnd | None, aside: Told | None) -> LedgerEnd | None:
    """The furthest that is known of the ledger before: the file beside the key is up to ten minutes old.

    A damaged file that knows another ledger is believed where that one began from the one beside the key.
    """
    if aside is None or aside.tail is None:
        return beside
    stored = _end(aside.tail)
    if beside is None or beside[0] == aside.begun_from:
        return stored
    return stored if beside[0] == stored[0] and beside[1] <= stored[1] else beside


def _end(tail: Tail) -> LedgerEnd:
    return tail.ledger, tail.next_seq - 1, tail.prev


def _behind(tail: Tail, sidecar: Sidecar) -> bool:
    return sidecar.ledger != tail.ledger or tail.next_seq <= sidecar.last_seq
