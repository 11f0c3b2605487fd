"""Bugs that are planted on purpose, each of them one that somebody has made before."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from agent.delivery.owing import Parcel
from agent.delivery.uplink import Uplink
from agent.keep import Keeper
from agent.ledger import StationLedger
from agent.sign import Recorder
from buffer import retention
from buffer.errors import StoreError
from buffer.inventory import Inventory, Kept
from buffer.owed import Ranges
from buffer.schema import SELF
from drivers.inbox import MOST_BYTES, Question, RtuInbox
from telemetry.envelope import RECORD, peek
from telemetry.ledger import Ledger
from telemetry.reception import Reception
from telemetry.record import ZERO_HASH, decode_record


@dataclass(frozen=True)
class Bug:
    """What takes the place of what: (where, name, instead)."""

    patches: Sequence[tuple[Any, str, Any]]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """While this lasts."""
        with ExitStack() as stack:
            for where, name, instead in self.patches:
                stack.enter_context(mock.patch.object(where, name, instead))
            yield


def _all(inventory: Inventory, kept: Kept) -> Ranges:
    return inventory.span(SELF, kept)[:-1]


def _the_newest(reception: Reception) -> tuple[int, bytes]:
    return (reception._runs[-1].last, reception._runs[-1].hash) if reception._runs else (0, ZERO_HASH)


def _nothing_beyond(_: Reception) -> list[tuple[int, int, bytes]]:
    return []


_make_ledger = StationLedger.__init__


def _number_after_what_is_durable(ledger: StationLedger, *arguments: Any, **named: Any) -> None:
    _make_ledger(ledger, *arguments, **named)
    recorder, sign = ledger.recorder, ledger.recorder._sign

    def signs(*what: Any) -> None:
        tail = ledger.store.tail
        if tail is not None and tail.ledger == recorder.ledger.ledger:
            recorder.ledger = ledger._go_on()
        sign(*what)

    recorder._sign = signs  # type: ignore[method-assign,assignment]


def _sign_anew_after_a_failure(ledger: StationLedger, *arguments: Any, **named: Any) -> None:
    _make_ledger(ledger, *arguments, **named)
    keeper, failed = ledger.keeper, ledger.keeper._failed

    def forgets(error: StoreError) -> None:
        failed(error)
        first = decode_record(peek(keeper._waiting[0].entry.envelope, RECORD).payload)
        if first.ledger != ledger.recorder.ledger.ledger or first.seq == 1:
            return
        keeper._written += len(keeper._waiting)
        keeper._waiting.clear()
        keeper._something.clear()
        keeper._waiting_bytes = 0
        ledger.recorder.ledger = Ledger(first.station, first.ledger, first.seq, first.prev)

    keeper._failed = forgets  # type: ignore[method-assign]


_write = Keeper._write


async def _write_if_anything_waits(keeper: Keeper) -> bool:
    return await _write(keeper) if keeper._waiting else True


_post = Uplink._post


async def _delivered_by_a_puback(uplink: Uplink, topic: str, parcel: Parcel, payload: bytes) -> int:
    took_ms = await _post(uplink, topic, parcel, payload)
    account = uplink._account
    await account.store.delivered(account.plan.id, parcel.ledger, parcel.ranges)
    account.owing.covered(parcel.ledger, parcel.ranges)
    return took_ms


_feed = RtuInbox.feed


def _keep_what_comes_unasked(inbox: RtuInbox, chunk: bytes) -> bytes:
    if inbox._asked is None:
        inbox._buffer = (inbox._buffer + chunk)[-MOST_BYTES:]
        return b""
    return _feed(inbox, chunk)


def _expect_with_what_is_there(inbox: RtuInbox, asked: Question, frame: bytes) -> None:
    inbox._asked, inbox._sent, inbox._answered = asked, b"", False


def _done_and_nothing_dropped(inbox: RtuInbox) -> None:
    inbox._asked = None


def _nothing(*_: object) -> None:
    """Instead of a record."""


BUGS = {
    "seq after the newest row": Bug([(StationLedger, "__init__", _number_after_what_is_durable)]),
    "receipt for the highest": Bug(
        [(Reception, "through", _the_newest), (Reception, "ranges_beyond", _nothing_beyond)]
    ),
    "deleted before its receipt": Bug([(retention, "prunable", _all)]),
    "signed anew after a failed commit": Bug(
        [
            (StationLedger, "__init__", _sign_anew_after_a_failure),
            (Keeper, "_write", _write_if_anything_waits),
        ]
    ),
    "a PUBACK is a delivery": Bug([(Uplink, "_post", _delivered_by_a_puback)]),
    "a late answer is used": Bug(
        [
            (RtuInbox, "feed", _keep_what_comes_unasked),
            (RtuInbox, "expect", _expect_with_what_is_there),
            (RtuInbox, "done", _done_and_nothing_dropped),
        ]
    ),
    "no gap is recorded": Bug([(Recorder, "gap", _nothing)]),
}
