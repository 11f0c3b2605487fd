"""What must hold when the faults are over, and whether all is well again.

1 durable is never lost · 2 nothing missing unexplained · 3 no seq with two hashes · 4 delivered before deleted (the
witness sees to it) · 5 every silence explained · 6 the right value in the right channel · 7 recovery without a human,
and the centre finds nothing that no fault explains
"""

from buffer import quarantine
from central.stations import FindingLine, StationSummary, stations
from central.verify import verify
from telemetry.finding import FindingKind
from telemetry.ranges import normal
from telemetry.record import Kind
from tests.world.ledgers import Ledgers, reckoned
from tests.world.silence import silences
from tests.world.station import STATION
from tests.world.values import values
from tests.world.witness import Place
from tests.world.world import World

ON_ITS_WAY_MS = 30_000


def settled(world: World, *, is_patient: bool) -> str:
    """Why not all is well yet; "" when it is.

    is_patient: what there is of two copies of one ledger is waited for as well, though not all of it can arrive.
    """
    station, agent = world.station, world.station.agent
    if not station.is_up or agent is None or not hasattr(agent, "field"):
        return "the agent does not run"
    if not world.centre.is_up:
        return "the centre does not run"
    if agent.ledger.keeper.trouble:
        return f"the store is in trouble: {agent.ledger.keeper.trouble}"
    if agent.ledger.keeper._damage is not None or quarantine.pending(world.disk.database):
        return "a damaged store has not been read to its end"
    missing = [
        place
        for place in map(world.witness.place, _undelivered(world))
        if is_patient or place.ledger not in world.witness.forkable
    ]
    if missing:
        return f"the centre does not have {len(missing)} records, {missing[0]} among them"
    return _owed(world) or _in_doubt(world)


def _owed(world: World) -> str:
    agent = world.station.agent
    assert agent is not None
    fresh = {
        world.witness.place(envelope) for envelope in world.rows.rows.values() if _is_fresh(world, envelope)
    }
    for owed in agent.store.owed("centre"):
        left = [seq for seq in range(owed.first, owed.last + 1) if Place(owed.ledger, seq) not in fresh]
        if (
            left and owed.ledger not in world.witness.diminished
        ):  # of these a receipt may not be provable any more
            return (
                f"{owed.ledger.hex()[:6]} owes {len(left)} records, {left[0]} among them, that the centre has"
            )
    return ""


def _in_doubt(world: World) -> str:
    doubts = [
        found
        for found in _seen_by_the_centre(world).findings
        if found.what == FindingKind.HEAD_CONTRADICTS.value and found.is_open
    ]
    if doubts:
        known = reckoned(world)
        doubts = [found for found in doubts if not _is_explained(world, known, found)]
    return f"the centre is in doubt: {doubts[0].detail}" if doubts else ""


def _undelivered(world: World) -> list[bytes]:
    at_the_centre = world.centre_rows.present
    return [e for e in world.rows.rows.values() if e not in at_the_centre and not _is_fresh(world, e)]


def _is_fresh(world: World, envelope: bytes) -> bool:
    moment, boot = world.witness.record(envelope).moment, world.witness.record(envelope).boot
    now_ms = world.clock.virtual_ms(world.clock.boot_id(), world.clock.mono_ms())
    return now_ms - world.clock.virtual_ms(boot.boot_id, moment.mono_ms) < ON_ITS_WAY_MS


def judge(world: World) -> None:
    """Everything that is broken goes into the story."""
    known = reckoned(world)
    violated = world.story.violated
    if set(known.here.values()) != set(world.rows.rows.values()) and not world.story.faults["damage"]:
        violated("witness", "the store's rows are not those that were seen to come and go")
    broken: dict[tuple[str, bytes], list[int]] = {}
    for place, why in (*_lost(world, known), *_missing(world, known), *_forked(world)):
        broken.setdefault((why, place.ledger), []).append(place.seq)
    for (why, ledger), seqs in broken.items():
        violated(why, f"{ledger.hex()[:6]} seq {normal((seq, seq) for seq in seqs)}")
    for text in silences(world, known):
        violated("unexplained silence", text)
    for text in values(world, known):
        violated("wrong value", text)
    for text in (*_findings(world, known), *_audit(world, known)):
        violated("finding", text)


def _lost(world: World, known: Ledgers) -> list[tuple[Place, str]]:
    return [
        (place, "durable and lost")
        for place, envelope in world.witness.durable.items()
        if known.here.get(place) != envelope
        and envelope not in known.there
        and not known.is_named(place)
        and not is_excused(world, known, place)
    ]


def _missing(world: World, known: Ledgers) -> list[tuple[Place, str]]:
    """1..newest of each ledger is at the centre, in the store, or named."""
    missing = []
    for ledger, newest in known.newest().items():
        for seq in range(1, newest + 1):
            place = Place(ledger, seq)
            envelope = known.records.get(place)
            is_here = envelope is not None and (known.here.get(place) == envelope or envelope in known.there)
            if not is_here and not known.is_named(place) and not is_excused(world, known, place):
                missing.append((place, "missing unexplained"))
    return missing


def is_excused(world: World, known: Ledgers, place: Place) -> bool:
    """Whether the world itself took it away, and nobody could know of it any more."""
    witness = world.witness
    for envelope in witness.seen.get(place, ()):
        how = witness.destroyed.get(envelope)
        if how in {"restored", "lost"}:
            return True
        if how == "damaged" and (
            place.ledger in known.said_lost or place.seq > _last_known(world, known, place.ledger)
        ):
            return True
        if envelope in witness.forgotten and (how or envelope in witness.deleted):
            return True
    return False


def _last_known(world: World, known: Ledgers, ledger: bytes) -> int:
    """The last seq of a damaged ledger of which the station knew after the damage."""
    left = max((place.seq for place in known.here if place.ledger == ledger), default=0)
    return max(left, world.witness.known_to.get(ledger, 0))


def _forked(world: World) -> list[tuple[Place, str]]:
    return [
        (place, "two hashes")
        for place, contents in world.witness.seen.items()
        if len(contents) > 1 and place.ledger not in world.witness.forkable
    ]


def _findings(world: World, known: Ledgers) -> list[str]:
    """What the centre found and no fault explains."""
    summary = _seen_by_the_centre(world)
    texts = [
        f"{found.what} {(found.ledger or '')[:6]}/{found.seq}: {found.detail}"
        for found in summary.findings
        if not _is_explained(world, known, found)
    ]
    return texts if texts or not summary.rejected else [f"{summary.rejected} records were rejected"]


def _seen_by_the_centre(world: World) -> StationSummary:
    (summary,) = [s for s in stations(world.centre_disk.folder) if s.station == STATION]
    return summary


def _is_explained(world: World, known: Ledgers, found: FindingLine) -> bool:
    faults, witness = world.story.faults, world.witness
    place = Place(bytes.fromhex(found.ledger or ""), found.seq or 0)
    is_forkable = place.ledger in witness.forkable
    stepped = any(kind.startswith("clock stepped") for kind in faults)
    match FindingKind(found.what):
        case FindingKind.CLOCK_STEP:
            return is_forkable or (stepped and _is_told(world, known, found, place))
        case FindingKind.NEW_LEDGER:
            return any(faults[kind] for kind in ("old copy", "damage", "store lost", "sidecar lost"))
        case FindingKind.HOLE:
            was_deleted = bool(witness.deleted & set(witness.seen.get(place, ())))
            # A centre that was put back misses what the station, being down, cannot send again for a while.
            is_filled = not found.is_open and known.records.get(place) in known.there
            return is_filled or was_deleted or is_excused(world, known, place) or known.is_named(place)
        case FindingKind.HEAD_CONTRADICTS:
            # A head has no clock but the wall: after a step back, an older one that comes late looks newer than it is.
            # And one that was signed while a commit took its time is in doubt until the next.
            return not found.is_open or is_forkable or place.ledger in witness.diminished or stepped
        case FindingKind.FORK | FindingKind.BROKEN_LINK | FindingKind.UNEXPLAINED_GAP:
            return is_forkable
        case _:
            return False


def _is_told(world: World, known: Ledgers, found: FindingLine, place: Place) -> bool:
    """A step between two records of one run has a record of its own; one between two runs shows by itself.

    And that record may be among those which the world took away, or the quota.
    """
    envelope = known.records.get(place)
    return (
        "as its clock step record says" in found.detail
        or (envelope is not None and world.witness.record(envelope).kind == Kind.BOOT)
        or _is_taken_away(world, known, Place(place.ledger, place.seq - 1))
    )


def _is_taken_away(world: World, known: Ledgers, place: Place) -> bool:
    is_at_the_centre = known.records.get(place) in known.there
    return not is_at_the_centre and (known.is_named(place) or is_excused(world, known, place))


def _audit(world: World, known: Ledgers) -> list[str]:
    """The centre's own proof from its bytes; where nothing was ever taken away it must be whole."""
    if not world.centre_rows.present:
        return []
    kinds = {FindingKind.HOLE, FindingKind.CLOCK_STEP, FindingKind.NEW_LEDGER}
    return [
        f"audit: {finding.what.value} {finding.ledger.hex()[:6]}/{finding.seq}: {finding.detail}"
        for report in verify(world.centre_disk.folder, STATION)
        if report.ledger not in world.witness.forkable
        for finding in report.findings
        if finding.what not in kinds
    ]
