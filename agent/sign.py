"""Signing at the moment of capture: every record of this station is made here, in arrival order.

The recorder runs in the event loop and never waits: what it signed goes to the keeper, which writes it down. The
ledger's head (next seq, prev) is therefore ahead of the store by what is still being written.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from agent.away import Away
from agent.clock import STEP_MS, Clock, moment
from agent.flag import ClockTrust, Range, flagged
from buffer.store import Entry
from telemetry.bodies import BootBody, ClockStepBody, EventBody, GapBody, GapReason
from telemetry.envelope import Sealer
from telemetry.ledger import Ledger
from telemetry.loss import RecoveryBody, TombstoneBody
from telemetry.pack import EARLIEST_WALL_MS, MAX_PORTION_BYTES, PackEncoder, portions
from telemetry.reading import Block
from telemetry.record import Boot, ClockState, Kind, Moment

FIRST_KINDS = frozenset({Kind.BOOT, Kind.CONFIGURATION, Kind.RECOVERY})
"""Records without which the centre cannot judge any other: they go before everything newer."""

UNEXPLAINED_KINDS = frozenset({Kind.READINGS, Kind.BOOT, Kind.CLOCK_STEP})
"""Before these no counted poll is explained: a boot comes first in its run, a step before all that follows."""

UNSIGNED_MS = 120_000
"""While polls are only counted, other records show that time passes: beside them nobody may seem silent for long."""


class DevicePlan(NamedTuple):
    """What the recorder needs of a device: who it is, how its pack is written, what is plausible."""

    device: str
    channels: tuple[str, ...]
    encoder: PackEncoder
    ranges: Mapping[str, Range]


class Recorder:
    """The pen of one ledger. `keep` takes each entry; `accepting` says whether there is room for another poll."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        boot: Boot,
        sealer: Sealer,
        clock: Clock,
        trust: ClockTrust,
        keep: Callable[[Entry], None],
        accepting: Callable[[], bool],
    ) -> None:
        self.ledger = ledger
        self.configuration = bytes(8)
        self._away = Away()
        self._boot = boot
        self._sealer = sealer
        self._clock = clock
        self._trust = trust
        self._keep = keep
        self.accepting = accepting
        self._wall_minus_mono_ms = clock.wall_ms() - clock.mono_ms()
        self._unsigned: dict[str, _Unsigned] = {}

    def booted(self, body: BootBody) -> None:
        """The first record of this run (and, with a new ledger, of the ledger), also right after a clock step."""
        self._sign(Kind.BOOT, body.encode(), moment(self._clock))
        self._now()
        if body.last_sign is not None:
            self._away = Away(body.last_sign[0])

    def configured(self, configuration: bytes, bodies: Sequence[tuple[str, bytes]]) -> None:
        """The configuration in force: (device or "", encoded body) of each kind-4 record."""
        self.configuration = configuration
        for device, body in bodies:
            self._sign(Kind.CONFIGURATION, body, self._now(), device)

    def readings(self, plan: DevicePlan, blocks: Sequence[Block]) -> tuple[Block, ...]:
        """One poll cycle that ended now. Gives the blocks as they were signed, with the station's flags."""
        now = self._now()
        signed = flagged(blocks, plan.ranges, clock_trusted=self._trust.trusted(now))
        if not self.accepting():
            self._count_unsigned(plan.device, now)
            return signed
        self._explain_unsigned(plan.device)
        for body in self._packs(plan, signed, now):
            self._sign(Kind.READINGS, body, now, plan.device)
        return signed

    def gap(
        self, reason: GapReason, device: str, from_mono_ms: int, to_mono_ms: int, detail: str | None = None
    ) -> None:
        """Silence within this boot, explained."""
        body = GapBody(reason, device, from_mono_ms, to_mono_ms, detail)
        self._sign(Kind.GAP, body.encode(), self._now(), device)

    def tombstone(self, body: TombstoneBody) -> None:
        """Records of this ledger that go undelivered, in sum."""
        self._sign(Kind.TOMBSTONE, body.encode(), self._now(), body.device)

    def recovered(self, body: RecoveryBody) -> None:
        """What was saved out of a damaged store, and what was not."""
        self._sign(Kind.RECOVERY, body.encode(), self._now())

    def explain_unsigned(self, *, at_the_end: bool = False) -> None:
        """The store takes records again: a gap for every device whose polls were only counted, polled again or not.

        at_the_end: this run signs nothing after it, so it is said now, for a store that may be back in time.
        """
        if self._unsigned and (at_the_end or self.accepting()):
            for device in list(self._unsigned):
                self._explain_unsigned(device)

    def event(self, what: str, detail: Mapping[str, object]) -> None:
        """Something that an auditor should find in the ledger, such as a refused configuration."""
        self._sign(Kind.EVENT, EventBody(what, dict(detail)).encode(), self._now())

    def away_since_mono_ms(self) -> int | None:
        """Since when nobody was here before this run (`agent.away`)."""
        now = self._now()
        return self._away.since_mono_ms(now, sound=self._trust.sound(now, self._away.last_wall_ms))

    def sound_wall_ms(self, last_ms: int | None) -> int | None:
        """The wall clock, if records may go by it (`ClockTrust.sound`, after `last_ms`); else None.

        A step that nobody saw yet is seen, and signed, here.
        """
        now = self._now()
        return now.wall_ms if self._trust.sound(now, last_ms) else None

    def _now(self) -> Moment:
        now = moment(self._clock)
        difference_ms = now.wall_ms - now.mono_ms
        if abs(difference_ms - self._wall_minus_mono_ms) > STEP_MS:
            before_ms = now.mono_ms + self._wall_minus_mono_ms
            self._trust.stepped(now.mono_ms)
            self._wall_minus_mono_ms = difference_ms
            self._sign(Kind.CLOCK_STEP, ClockStepBody(before_ms, now.wall_ms, now.mono_ms).encode(), now)
            self._explain_before(now)
        self._wall_minus_mono_ms = difference_ms
        return now

    def _packs(self, plan: DevicePlan, blocks: Sequence[Block], now: Moment) -> list[bytes]:
        cycle = [(_arrival_wall_ms(block, now), block.readings) for block in blocks]
        body = plan.encoder.encode(cycle)
        if len(body) <= MAX_PORTION_BYTES:
            return [body]
        return [plan.encoder.encode(portion) for portion in portions(cycle)]

    def _sign(self, kind: Kind, body: bytes, now: Moment, device: str = "") -> None:
        if self._unsigned and kind not in UNEXPLAINED_KINDS:
            self._explain_before(now)
        sealed = self.ledger.seal(kind, body, now, self._boot, self.configuration, self._sealer)
        first = kind in FIRST_KINDS
        self._keep(Entry(sealed.seq, kind, device, now.wall_ms, now.mono_ms, first, sealed.envelope))

    def _count_unsigned(self, device: str, now: Moment) -> None:
        before = self._unsigned.get(device)
        since = before.from_mono_ms if before else now.mono_ms
        self._unsigned[device] = _Unsigned(since, now.mono_ms, (before.polls if before else 0) + 1)

    def _explain_unsigned(self, device: str) -> None:
        lost = self._unsigned.pop(device, None)
        if lost:
            self._sign(Kind.GAP, lost.gap(device).encode(), self._now(), device)

    def _explain_before(self, now: Moment) -> None:
        long = {
            device: lost
            for device, lost in self._unsigned.items()
            if now.mono_ms - lost.from_mono_ms >= UNSIGNED_MS
        }
        for device in long:
            del self._unsigned[device]
        for device, lost in long.items():
            self._sign(Kind.GAP, lost.gap(device).encode(), now, device)


class _Unsigned(NamedTuple):
    from_mono_ms: int
    to_mono_ms: int
    polls: int

    def gap(self, device: str) -> GapBody:
        detail = f"the store failed: {self.polls} polls were not signed"
        return GapBody(GapReason.OVERFLOW, device, self.from_mono_ms, self.to_mono_ms, detail)


def _arrival_wall_ms(block: Block, now: Moment) -> int | None:
    if now.clock == ClockState.UNKNOWN and now.wall_ms < EARLIEST_WALL_MS:
        return None
    return now.wall_ms - (now.mono_ms - block.at_mono_ms)
