"""How this run begins: the same ledger, or a new one, and why. Pure.

| store | file beside the key | what it means |
|---|---|---|
| empty | none | enrolment: a new ledger |
| empty | names a ledger | the store was lost: a new ledger that names the old one |
| empty, and a damaged one was set aside | any | quarantine: likewise |
| signed by another key, or for another station | any | enrolment: a new ledger that names the old one |
| at or beyond it, same ledger | same ledger | go on |
| a ledger begun from the one that the file names | the one before | the file was not yet written: go on |
| behind it, or another ledger | same or another | the store was restored from a copy: a new ledger |
| any | none | the file was lost; the store goes on |
"""

from typing import NamedTuple

from agent.sidecar import Sidecar
from buffer.store import Tail
from telemetry.bodies import BootReason
from telemetry.record import ZERO_HASH

LedgerEnd = tuple[bytes, int, bytes]
"""Ledger id, its last seq, the hash there (zeros when it is not known)."""


class Start(NamedTuple):
    """`new_ledger`: a fresh id is needed; `before`: the ledger before it, for the boot record."""

    reason: BootReason
    new_ledger: bool
    before: LedgerEnd | None
    boots: int


def how_to_start(
    tail: Tail | None,
    sidecar: Sidecar | None,
    *,
    stored_boots: int,
    begun_from: bytes,
    clean: bool,
    same_signer: bool = True,
    quarantined: bool = False,
) -> Start:
    """`tail`, `stored_boots` and `begun_from` (the ledger before the store's, or empty) as the store has them.

    `clean`: the run before stopped in order. `same_signer`: it had this key and this station id. One ledger has one
    key: the centre refuses what another one signs in it. `quarantined`: a damaged store was set aside and not read yet.
    """
    boots = max(stored_boots, sidecar.boots if sidecar else 0) + 1
    if tail is None:
        reason = (
            BootReason.QUARANTINE
            if quarantined
            else BootReason.STORE_LOST
            if sidecar
            else BootReason.ENROLMENT
        )
        lost = (sidecar.ledger, sidecar.last_seq, ZERO_HASH) if sidecar else None
        return Start(reason, new_ledger=True, before=lost, boots=boots)
    if sidecar and sidecar.ledger != begun_from and _behind(tail, sidecar):
        before = (tail.ledger, tail.next_seq - 1, tail.prev)
        return Start(BootReason.STORE_RESTORED, new_ledger=True, before=before, boots=boots)
    if not same_signer:
        before = (tail.ledger, tail.next_seq - 1, tail.prev)
        return Start(BootReason.ENROLMENT, new_ledger=True, before=before, boots=boots)
    reason = BootReason.CLEAN_STOP if clean else BootReason.UNCLEAN_STOP
    return Start(reason, new_ledger=False, before=None, boots=boots)


def _behind(tail: Tail, sidecar: Sidecar) -> bool:
    return sidecar.ledger != tail.ledger or tail.next_seq <= sidecar.last_seq
