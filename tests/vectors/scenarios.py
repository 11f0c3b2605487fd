"""Envelopes in arrival order, and what a receiver concludes from them."""

import hashlib
from collections.abc import Iterator, Sequence

from telemetry.bodies import BootReason, ClockStepBody, EventBody, GapBody, GapReason
from telemetry.ledger import Ledger
from telemetry.loss import Summary, TombstoneBody, tombstone_digest
from telemetry.record import Boot, Kind
from tests.vectors import world
from tests.vectors.world import LEDGER, SECOND_BOOT, SECOND_LEDGER, STATION, Pen

Case = dict[str, object]
Step = tuple[bytes, str]
Span = tuple[int, int]


def sha(envelope: bytes) -> bytes:
    """SHA-256, taken here and not from the code under test."""
    return hashlib.sha256(envelope).digest()


def _expected(
    records: Sequence[bytes],
    through: int,
    *,
    beyond: Sequence[Span] = (),
    status: int = 0,
    pending: Sequence[Span] = (),
    holes: Sequence[Span] = (),
    findings: Sequence[tuple[str, int]] = (),
    ledger: bytes = LEDGER,
) -> Case:
    """What is known of one ledger at the end. `records` are its envelopes by seq, for the hashes."""
    return {
        "ledger": ledger.hex(),
        "through": through,
        "through_hash": sha(records[through - 1]).hex() if through else bytes(32).hex(),
        "ranges": [[first, last, sha(records[last - 1]).hex()] for first, last in beyond],
        "status": status,
        "pending": [list(span) for span in pending],
        "holes": [list(span) for span in holes],
        "findings": [list(finding) for finding in findings],
    }


def _scenario(name: str, about: str, steps: Sequence[Step], *expected: Case) -> Case:
    arrive = [{"envelope": envelope.hex(), "verdict": verdict} for envelope, verdict in steps]
    return {"name": name, "about": about, "station": STATION, "arrive": arrive, "expect": list(expected)}


def _new(envelopes: Sequence[bytes]) -> list[Step]:
    return [(envelope, "new") for envelope in envelopes]


def _ledger(readings: int = 5) -> tuple[Pen, list[bytes]]:
    """Boot, two configuration records, and some readings."""
    pen = Pen()
    return pen, [*pen.start(), *(pen.readings(7.0 + n / 8) for n in range(readings))]


def cases() -> Iterator[Case]:
    """All scenarios."""
    yield from _arrival()
    yield from _loss()
    yield from _fraud()
    yield from _tombstones()
    yield from _time()
    yield from _ledgers()


def _arrival() -> Iterator[Case]:
    pen, e = _ledger()
    yield _scenario("in order", "as it was signed", _new(e), _expected(e, 8))
    shuffled = [e[i] for i in (6, 0, 7, 2, 1, 5, 3, 4)]
    yield _scenario("out of order", "live and past interleaved", _new(shuffled), _expected(e, 8))
    twice = [(x, v) for x in e for v in ("new", "duplicate")]
    yield _scenario("twice", "a broker repeats every message", twice, _expected(e, 8))
    replay = [*_new(e), (e[3], "duplicate"), (e[0], "duplicate")]
    yield _scenario("replay", "old records are sent again by a third party", replay, _expected(e, 8))
    head = pen.head(e[-1], owed=((4, 6),))
    live = [*_new(e[:3]), *_new(e[6:]), (head, "head")]
    about = "the newest records are here, older ones are owed: pending, not a hole"
    yield _scenario("live before past", about, live, _expected(e, 3, beyond=[(7, 8)], pending=[(4, 6)]))
    yield _scenario("nothing yet", "a head of a ledger of which nothing came", [(head, "head")],
                    _expected(e, 0, pending=[(4, 6)], holes=[(1, 3), (7, 8)], status=1))  # fmt: skip


def _loss() -> Iterator[Case]:
    pen, e = _ledger()
    head = pen.head(e[-1])
    lost = [*_new(e[:4]), *_new(e[5:]), (head, "head")]
    about = "seq 5 was deleted at the station: the head owes nothing and seq 5 never comes"
    yield _scenario("hole", about, lost, _expected(e, 4, beyond=[(6, 8)], status=1, holes=[(5, 5)]))
    cut = [*_new(e[:6]), (head, "head")]
    about = "the tail was cut: the head still names it"
    yield _scenario("cut tail", about, cut, _expected(e, 6, status=1, holes=[(7, 8)]))
    old = pen.head(e[3], seq=4)
    restored = [*_new(e), (old, "head")]
    about = "a head older than what is stored: an old copy of the station's store came back"
    yield _scenario("restored store", about, restored, _expected(e, 8, findings=[("head-contradicts", 4)]))


def _fraud() -> Iterator[Case]:
    pen, e = _ledger(2)
    clone = Ledger(STATION, LEDGER, 4, sha(e[2]))
    other = Pen(clone, wall_ms=pen.wall_ms, mono_ms=pen.mono_ms)
    forked = other.readings(9.5)
    about = "a cloned gateway signs another seq 4: both are kept, the first counts"
    yield _scenario("fork", about, [*_new(e), (forked, "fork")],
                    _expected(e, 5, status=2, findings=[("fork", 4)]))  # fmt: skip
    follows_other = other.readings(9.5)
    last = other.readings(9.5)
    chain = [*e[:4], follows_other, last]
    about = "seq 5 follows another seq 4 than the one that is stored; what is beyond is linked in itself"
    yield _scenario("broken link", about, _new(chain),
                    _expected(chain, 4, beyond=[(5, 6)], findings=[("broken-link", 5)]))  # fmt: skip
    late = [*_new(e[:3]), *_new(chain[4:]), (e[3], "new")]
    about = "the same, noticed only when seq 4 arrives late"
    yield _scenario("broken link, late", about, late,
                    _expected(chain, 4, beyond=[(5, 6)], findings=[("broken-link", 5)]))  # fmt: skip
    edited = e[3][:-70] + bytes((e[3][-70] ^ 1,)) + e[3][-69:]
    stranger = world.cose(b"\xa0", key=world.STRANGER_KEY)
    steps = [*_new(e[:3]), (edited, "bad-signature"), (stranger, "unknown-key"), *_new(e[3:])]
    about = "refused envelopes do not get in the way of those after them"
    yield _scenario("forgeries in between", about, steps, _expected(e, 5))
    elsewhere = Pen(Ledger("OTHER", LEDGER)).start()[0]
    about = "a record of another station on this station's topic"
    yield _scenario("other station", about, [(elsewhere, "other-station"), *_new(e)], _expected(e, 5))


def _tombstones() -> Iterator[Case]:
    pen, e = _ledger(3)
    dropped = TombstoneBody(
        "water", ((4, 5),), GapReason.OVERFLOW, {"pH": Summary(2, 7.0, 7.125, 7.0625, 0)},
        tombstone_digest([sha(e[3]), sha(e[4])]),
    )  # fmt: skip
    e.append(pen.write(Kind.TOMBSTONE, dropped.encode()))
    e.append(pen.readings())
    came = [e[0], e[1], e[2], e[5], e[6], e[7]]
    about = "seq 4 and 5 were dropped undelivered and seq 7 names them: nothing is missing"
    yield _scenario("tombstone", about, [*_new(came), (pen.head(e[-1]), "head")], _expected(e, 8))
    waiting = [e[0], e[1], e[2], e[5]]
    about = "before the tombstone arrives the records are pending or missing, and through waits"
    yield _scenario("before the tombstone", about, _new(waiting), _expected(e, 3, beyond=[(6, 6)]))
    future = TombstoneBody("water", ((9, 12),), GapReason.OVERFLOW, {}, bytes(32))
    e.append(pen.write(Kind.TOMBSTONE, future.encode()))
    about = "a tombstone excuses only records before itself"
    head = pen.head(world.cose(b""), seq=12)
    steps = [*_new(came), (e[8], "new"), (head, "head")]
    yield _scenario("tombstone of the future", about, steps,
                    _expected(e, 9, status=1, holes=[(10, 12)]))  # fmt: skip
    pen, e = _ledger(1)
    e += [pen.write(99, b"\xa1\x01\x63new"), pen.readings()]
    about = "a later version's kind is stored and linked"
    yield _scenario("unknown kind", about, _new(e), _expected(e, 6, findings=[("foreign-kind", 5)]))
    pen, e = _ledger(1)
    e += [pen.write(Kind.READINGS, b"\x80"), pen.readings()]
    about = "a body that cannot be read: stored and linked, no values taken"
    yield _scenario("unreadable body", about, _new(e), _expected(e, 6, findings=[("unreadable-body", 5)]))


def _time() -> Iterator[Case]:
    pen, e = _ledger()
    e += [pen.readings(after_ms=1_200_000), pen.readings(after_ms=61_000)]
    about = "20 minutes without a word from a device that is read every 5 s, within one boot"
    yield _scenario("unexplained gap", about, _new(e), _expected(e, 10, findings=[("unexplained-gap", 9)]))
    pen, e = _ledger()
    quiet_ms = pen.mono_ms
    e.append(pen.readings(after_ms=1_200_000))
    gap = GapBody(GapReason.OVERFLOW, "water", quiet_ms, pen.mono_ms, "240 polls were not signed")
    e += [pen.write(Kind.GAP, gap.encode(), after_ms=10), pen.readings(after_ms=61_000)]
    yield _scenario("explained gap", "the same, and a gap record says why", _new(e), _expected(e, 11))
    pen, e = _ledger()
    last = (pen.wall_ms, pen.mono_ms)
    pen.boot, pen.mono_ms, pen.wall_ms = SECOND_BOOT, 5_000, pen.wall_ms + 3_600_000
    boot = world.boot_body(BootReason.UNCLEAN_STOP, last_sign=last)
    e += [pen.write(Kind.BOOT, boot.encode()), pen.readings(), pen.readings()]
    about = "an hour without power: the boot record explains it, and says when the last sign of life was"
    yield _scenario("reboot", about, _new(e), _expected(e, 11))
    pen, e = _ledger()
    pen.boot = Boot(2, pen.boot.boot_id)
    boot = world.boot_body(BootReason.CLEAN_STOP, last_sign=(pen.wall_ms, pen.mono_ms))
    e += [pen.write(Kind.BOOT, boot.encode(), after_ms=600_000), pen.readings()]
    about = "the agent was stopped for ten minutes, the machine went on: its boot record explains it"
    yield _scenario("restart of the agent", about, _new(e), _expected(e, 10))
    pen, e = _ledger()
    pen.boot = SECOND_BOOT
    e += [pen.readings(after_ms=36_000_000), pen.readings()]
    about = "ten hours of silence under a new boot id, and no boot record: nothing explains it"
    yield _scenario(
        "another boot, unannounced", about, _new(e), _expected(e, 10, findings=[("unexplained-gap", 9)])
    )
    pen, e = _ledger()
    pen.boot = Boot(2, pen.boot.boot_id)
    e += [pen.readings(after_ms=36_000_000), pen.readings()]
    about = "the same with another boot counter only"
    yield _scenario(
        "another run, unannounced", about, _new(e), _expected(e, 10, findings=[("unexplained-gap", 9)])
    )
    pen, e = _ledger()
    e += [pen.readings(after_ms=-20_000), pen.readings()]
    about = "both clocks go back by 20 s within one boot"
    yield _scenario("both clocks back", about, _new(e), _expected(e, 10, findings=[("clock-step", 9)]))
    pen, e = _ledger()
    e += [pen.write(Kind.EVENT, EventBody("hello").encode(), after_ms=60_000) for _ in range(5)]
    about = "the device falls silent for good while the station goes on"
    yield _scenario("a device vanishes", about, _new(e), _expected(e, 13, findings=[("unexplained-gap", 11)]))
    pen, e = _ledger()
    e.append(pen.readings(step_ms=-3_600_000))
    about = "the wall clock goes back one hour and no record says so"
    yield _scenario("clock step", about, _new(e), _expected(e, 9, findings=[("clock-step", 9)]))
    pen, e = _ledger()
    step = ClockStepBody(pen.wall_ms, pen.wall_ms + 90_000, pen.mono_ms)
    e += [pen.write(Kind.CLOCK_STEP, step.encode(), step_ms=90_000), pen.readings()]
    about = "the clock is set: a finding all the same, said by the station itself"
    yield _scenario("clock step, stated", about, _new(e), _expected(e, 10, findings=[("clock-step", 9)]))


def _ledgers() -> Iterator[Case]:
    pen, e = _ledger(2)
    second = Pen(Ledger(STATION, SECOND_LEDGER), wall_ms=pen.wall_ms, mono_ms=pen.mono_ms)
    before = (LEDGER, 5, sha(e[4]))
    f = [*second.start(world.boot_body(BootReason.STORE_LOST, before=before)), second.readings()]
    about = "the store was lost: a new ledger begins and names the one before"
    yield _scenario("new ledger", about, _new([*e, *f]), _expected(e, 5),
                    _expected(f, 4, ledger=SECOND_LEDGER, findings=[("new-ledger", 1)]))  # fmt: skip
    third = Pen(Ledger(STATION, SECOND_LEDGER))
    g = [*third.start(), third.readings()]
    about = "a second ledger of the same key with no word of the first: accepted, and said"
    yield _scenario("new ledger, unexplained", about, _new([*e, *g]), _expected(e, 5),
                    _expected(g, 4, ledger=SECOND_LEDGER, findings=[("new-ledger", 1)]))  # fmt: skip
