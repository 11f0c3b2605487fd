"""Reception: whatever the order, the same ledger is known at the end; what is proven is exactly what is linked."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import cbor
from telemetry.fields import RecordError
from telemetry.finding import FindingKind
from telemetry.head import Head
from telemetry.loss import TombstoneBody
from telemetry.receipt import ReceiptStatus
from telemetry.reception import Outcome, Reception, Taken
from telemetry.record import ZERO_HASH, Boot, Kind, Moment, Record

pytestmark = pytest.mark.pure

LEDGER = bytes(16)


def sha(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def record(seq: int, prev: bytes, kind: int = Kind.READINGS, body: object = None) -> Record:
    return Record("S1", LEDGER, seq, prev, kind, Boot(1, bytes(8)), Moment(1, 2, 2, 3), bytes(8), body)


def chain(length: int, name: str = "a") -> list[tuple[Record, bytes]]:
    """Records 1..length, each linked to the one before, with the hashes of their envelopes."""
    hashes = [ZERO_HASH, *(sha(name, seq) for seq in range(1, length + 1))]
    return [(record(seq, hashes[seq - 1]), hashes[seq]) for seq in range(1, length + 1)]


@dataclass
class Desk:
    """A reception with its store."""

    stored: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reception = Reception(self.stored.get)

    def take(self, item: tuple[Record, bytes]) -> Taken:
        taken = self.reception.take(*item)
        if taken.outcome is Outcome.NEW:
            self.stored[item[0].seq] = item[1]
        return taken

    def take_all(self, items: Iterable[tuple[Record, bytes]]) -> Iterator[Taken]:
        return iter([self.take(item) for item in items])


def tombstone(seq: int, prev: bytes, *ranges: tuple[int, int]) -> tuple[Record, bytes]:
    body = TombstoneBody("ph", ranges, 5, {}, bytes(32))
    return record(seq, prev, Kind.TOMBSTONE, cbor.decode(body.encode())), sha("tombstone", seq)


@given(st.permutations(range(12)), st.integers(0, 11))
def test_any_order_gives_the_same_knowledge(order: list[int], count: int) -> None:
    items = chain(12)
    desk = Desk()
    outcomes = [taken.outcome for taken in desk.take_all(items[i] for i in order[:count])]
    assert set(outcomes) <= {Outcome.NEW}
    sorted_desk = Desk()
    list(sorted_desk.take_all(items[i] for i in sorted(order[:count])))
    assert desk.reception.dump() == sorted_desk.reception.dump()
    here = {i + 1 for i in order[:count]}
    through = next(n for n in range(13) if n + 1 not in here)
    assert desk.reception.through() == (through, items[through - 1][1] if through else ZERO_HASH)
    assert {n for first, last in desk.reception.missing(12) for n in range(first, last + 1)} == set(
        range(1, 13)
    ) - here
    covered = {n for first, last, _ in desk.reception.ranges_beyond() for n in range(first, last + 1)}
    assert covered | set(range(1, through + 1)) == here
    assert all(sha("a", last) == last_hash for _, last, last_hash in desk.reception.ranges_beyond())


@given(st.lists(st.integers(0, 7), max_size=30))
def test_receiving_twice_changes_nothing(order: list[int]) -> None:
    items = chain(8)
    desk = Desk()
    seen: set[int] = set()
    for i in order:
        before = desk.reception.dump()
        outcome = desk.take(items[i]).outcome
        assert outcome is (Outcome.DUPLICATE if i in seen else Outcome.NEW)
        assert i not in seen or desk.reception.dump() == before
        seen.add(i)


@given(st.permutations(range(9)), st.integers(0, 9))
def test_a_receiver_that_was_stopped_goes_on_where_it_was(order: list[int], stop: int) -> None:
    items = chain(8)
    items[5] = tombstone(6, items[4][1], (3, 4))
    items[6] = (record(7, items[5][1]), items[6][1])
    items.append((record(9, sha("nobody")), sha("a", 9)))
    whole, desk = Desk(), Desk()
    list(whole.take_all(items[i] for i in order))
    list(desk.take_all(items[i] for i in order[:stop]))
    desk.reception = Reception.load(desk.reception.dump(), desk.stored.get)
    list(desk.take_all(items[i] for i in order[stop:]))
    assert desk.reception.dump() == whole.reception.dump()
    rows = [(items[i][0].seq, items[i][0].prev, items[i][1]) for i in order]
    rebuilt = Reception.rebuilt(rows, desk.reception.tombstoned, desk.stored.get)
    assert rebuilt.dump() == whole.reception.dump()


def test_the_first_content_of_a_seq_counts_and_the_other_is_a_fork() -> None:
    desk = Desk()
    items = chain(4)
    list(desk.take_all(items))
    other = (record(3, items[1][1]), sha("other", 3))
    taken = desk.take(other)
    assert taken.outcome is Outcome.FORK
    assert [(f.what, f.seq) for f in taken.findings] == [(FindingKind.FORK, 3)]
    assert desk.take(items[2]).outcome is Outcome.DUPLICATE
    assert desk.take(other).outcome is Outcome.FORK
    assert desk.reception.forked == ((3, 3),)
    assert desk.reception.status(()) is ReceiptStatus.FORK
    assert desk.reception.through() == (4, items[3][1])
    assert Reception.load(desk.reception.dump(), desk.stored.get).forked == ((3, 3),)


def test_a_broken_link_stops_through_and_nothing_else() -> None:
    """Seq 4 follows another seq 3: what was proven stays so, and what comes after is linked in itself."""
    mine, others = chain(3), chain(6, "b")
    for order in ([*mine, *others[3:]], [*others[3:], *mine], [*others[:2:-1], *mine[::-1]]):
        desk = Desk()
        findings = [f for taken in desk.take_all(order) for f in taken.findings]
        assert [(f.what, f.seq) for f in findings] == [(FindingKind.BROKEN_LINK, 4)]
        assert desk.reception.through() == (3, mine[2][1])
        assert desk.reception.ranges_beyond() == [(4, 6, others[5][1])]
        assert desk.reception.missing(6) == []
        assert desk.reception.held() == ((1, 6),)


def test_one_record_can_break_both_its_links() -> None:
    desk = Desk()
    items = chain(5)
    list(desk.take_all([*items[:2], *items[3:]]))
    taken = desk.take((record(3, sha("nobody")), sha("stranger")))
    assert [f.seq for f in taken.findings] == [3, 4]
    assert [span[:2] for span in desk.reception.ranges_beyond()] == [(3, 3), (4, 5)]
    assert desk.reception.through()[0] == 2


def test_a_tombstone_fills_what_was_dropped_and_no_more() -> None:
    items = chain(3)
    dropped = sha("a", 6)
    after = tombstone(7, dropped, (4, 6), (9, 12))
    desk = Desk()
    list(desk.take_all(items))
    assert desk.reception.missing(7) == [(4, 7)]
    desk.take(after)
    assert desk.reception.through() == (7, after[1])
    assert desk.reception.tombstoned == ((4, 6),)
    assert desk.reception.missing(12) == [(8, 12)]
    assert desk.reception.ranges_beyond() == []


def test_through_is_always_a_stored_seq() -> None:
    """Seq 4 to 6 are tombstoned by a record that is far ahead: through stays at 3 until something follows."""
    items = chain(3)
    desk = Desk()
    list(desk.take_all([*items, tombstone(9, sha("x"), (4, 6))]))
    assert desk.reception.through() == (3, items[2][1])
    seven = (record(7, sha("a", 6)), sha("a", 7))
    desk.take(seven)
    assert desk.reception.through() == (7, seven[1])


def test_a_tombstoned_beginning_is_no_hole() -> None:
    desk = Desk()
    four = tombstone(4, sha("a", 3), (1, 3))
    desk.take(four)
    assert desk.reception.through() == (4, four[1])
    assert desk.reception.proven() == (4, 4)


def test_a_ledger_whose_beginning_is_elsewhere_is_proven_from_where_it_starts() -> None:
    items = chain(9)
    desk = Desk()
    assert desk.reception.proven() is None
    assert desk.reception.newest() == 0
    list(desk.take_all([*items[3:6], *items[7:]]))
    assert desk.reception.through() == (0, ZERO_HASH)
    assert desk.reception.proven() == (4, 6)
    assert desk.reception.newest() == 9


def test_a_receipt_has_room_for_the_lowest_ranges_and_the_newest() -> None:
    items = chain(200)
    desk = Desk()
    list(desk.take_all(items[1::2]))
    beyond = desk.reception.ranges_beyond()
    assert [first for first, _, _ in beyond] == [*range(2, 128, 2), 200]


def test_kinds_and_bodies_that_cannot_be_read_are_findings_not_refusals() -> None:
    desk = Desk()
    items = chain(4)
    first = record(1, ZERO_HASH, 77), items[0][1]
    second = record(2, items[0][1], Kind.TOMBSTONE, {1: 5}), items[1][1]
    found = [(f.what, f.seq) for taken in desk.take_all([first, second]) for f in taken.findings]
    assert found == [(FindingKind.FOREIGN_KIND, 1), (FindingKind.UNREADABLE_BODY, 2)]
    assert desk.reception.through()[0] == 2


def test_the_status_says_fork_before_hole() -> None:
    desk = Desk()
    assert desk.reception.status(()) is ReceiptStatus.OK
    assert desk.reception.status([(1, 1)]) is ReceiptStatus.HOLE


def head(newest: int, newest_hash: bytes) -> Head:
    return Head("S1", LEDGER, newest, newest_hash, 0, (), 1, (2, 3))


def test_a_head_that_contradicts_what_is_stored_is_a_finding() -> None:
    desk = Desk()
    items = chain(5)
    list(desk.take_all(items))
    assert not desk.reception.contradictions(head(5, items[4][1]))
    assert not desk.reception.contradictions(head(9, sha("not here yet")))
    for contradicting in (head(4, items[3][1]), head(0, ZERO_HASH), head(5, sha("other"))):
        found = desk.reception.contradictions(contradicting)
        assert [f.what for f in found] == [FindingKind.HEAD_CONTRADICTS]
    assert not Desk().reception.contradictions(head(0, ZERO_HASH))


def test_a_foreign_dump_is_refused() -> None:
    for dumped in (b"\x00", cbor.encode([2, [], [], []]), cbor.encode([1, [[1]], [], []])):
        with pytest.raises(RecordError):
            Reception.load(dumped, lambda _: None)
