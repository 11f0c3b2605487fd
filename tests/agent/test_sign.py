"""Every record of a station, signed at the moment of capture."""

import pytest

from agent.flag import ClockTrust
from agent.sign import DevicePlan, Recorder
from buffer.store import Entry
from telemetry import cbor
from telemetry.bodies import BootBody, BootReason, ClockStepBody, GapBody, GapReason
from telemetry.envelope import MAX_ENVELOPE_BYTES, RECORD, Sealer, hash_of, unseal
from telemetry.finding import FindingKind
from telemetry.keys import KeyRing, SigningKey
from telemetry.ledger import Ledger
from telemetry.pack import PackEncoder, decode_pack
from telemetry.reading import Block, Flag, Reading
from telemetry.record import ZERO_HASH, Boot, ClockState, Kind, Record, decode_record
from telemetry.silence import Silence
from tests.agent.hand_clock import NOON, HandClock

pytestmark = pytest.mark.pure

KEY = SigningKey.generate()


class Desk:
    """A recorder, its clock, and what it signed."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.kept: list[Entry] = []
        self.room = True
        self.recorder = Recorder(
            ledger=Ledger("BD_1", b"L" * 16),
            boot=Boot(3, b"bootboot"),
            sealer=Sealer(KEY, RECORD),
            clock=self.clock,
            trust=ClockTrust(NOON - 1),
            keep=self.kept.append,
            accepting=lambda: self.room,
        )

    def records(self) -> list[Record]:
        ring = KeyRing([KEY.public])
        return [decode_record(unseal(entry.envelope, RECORD, ring).payload) for entry in self.kept]

    def kinds(self) -> list[int]:
        return [entry.kind for entry in self.kept]


def plan(channels: tuple[str, ...] = ("pH", "Temp"), device: str = "ph") -> DevicePlan:
    encoder = PackEncoder("BD_1", device, [(channel, "pH") for channel in channels])
    return DevicePlan(device, channels, encoder, {"pH": (0.0, 14.0)})


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_records_are_numbered_from_one_and_linked(desk: Desk) -> None:
    desk.recorder.booted(BootBody(KEY.public, BootReason.ENROLMENT, None, None, "tram"))
    desk.recorder.readings(plan(), [Block(49_900, (Reading("pH", 7.5),))])
    desk.recorder.gap(GapReason.LINE_DOWN, "ph", 1, 2)
    records = desk.records()
    assert [record.seq for record in records] == [1, 2, 3]
    assert records[0].prev == ZERO_HASH
    assert [record.prev for record in records[1:]] == [hash_of(entry.envelope) for entry in desk.kept[:-1]]
    assert [entry.first for entry in desk.kept] == [True, False, False]


def test_a_reading_is_stamped_with_the_arrival_of_its_own_block(desk: Desk) -> None:
    blocks = [Block(49_200, (Reading("pH", 7.5),)), Block(49_900, (Reading("Temp", 21),))]
    desk.recorder.readings(plan(), blocks)
    (record,) = desk.records()
    assert record.moment.mono_ms == 50_000
    assert [m.wall_ms for m in decode_pack(record.body)] == [NOON - 800, NOON - 100]


def test_a_value_out_of_range_is_signed_with_its_flag_and_given_back_so(desk: Desk) -> None:
    (block,) = desk.recorder.readings(plan(), [Block(50_000, (Reading("pH", 15.0),))])
    assert block.readings[0].flags == Flag.ABOVE_RANGE
    (record,) = desk.records()
    assert decode_pack(record.body)[0].flags == Flag.ABOVE_RANGE


def test_a_clock_step_is_recorded_before_the_first_record_after_it(desk: Desk) -> None:
    desk.clock.state = ClockState.UNSYNCHRONISED
    desk.clock.pass_ms(60_000)
    desk.clock.step_ms(-3_600_000)
    desk.recorder.readings(plan(), [Block(110_000, (Reading("pH", 7.5),))])
    step, readings = desk.records()
    assert step.kind == Kind.CLOCK_STEP
    body = ClockStepBody.decode(step.body)
    assert body == ClockStepBody(NOON + 60_000, NOON + 60_000 - 3_600_000, 110_000)
    assert decode_pack(readings.body)[0].flags == Flag.CLOCK_NOT_TRUSTED


def test_a_run_begins_with_its_boot_record_though_the_clock_stepped_before_it(desk: Desk) -> None:
    desk.clock.step_ms(7_200_000)
    desk.recorder.booted(BootBody(KEY.public, BootReason.UNCLEAN_STOP, None, None, "tram"))
    boot, step = desk.records()
    assert (boot.kind, step.kind) == (Kind.BOOT, Kind.CLOCK_STEP)
    assert boot.moment.wall_ms == NOON + 7_200_000
    body = ClockStepBody.decode(step.body)
    assert (body.before_wall_ms, body.after_wall_ms) == (NOON, NOON + 7_200_000)


def test_a_step_that_no_record_has_met_yet_is_seen_before_the_clock_is_trusted_for_pruning(
    desk: Desk,
) -> None:
    desk.clock.state = ClockState.UNSYNCHRONISED
    assert desk.recorder.sound_wall_ms(None) == desk.clock.wall
    desk.clock.step_ms(200 * 86_400_000)
    assert desk.recorder.sound_wall_ms(None) is None
    assert desk.kinds() == [Kind.CLOCK_STEP]


def test_a_slewed_clock_is_no_step(desk: Desk) -> None:
    for _ in range(100):
        desk.clock.pass_ms(1_000)
        desk.clock.step_ms(40)
        desk.recorder.gap(GapReason.CLOCK, "ph", 1, 2)
    assert set(desk.kinds()) == {Kind.GAP}


def test_while_the_clock_is_unknown_and_before_2020_only_the_monotonic_clock_counts(desk: Desk) -> None:
    desk.clock.step_ms(1_000 - NOON)
    desk.clock.state = ClockState.UNKNOWN
    desk.recorder.readings(plan(), [Block(50_000, (Reading("pH", 7.5),))])
    assert decode_pack(desk.records()[-1].body)[0].wall_ms is None


def test_a_cycle_larger_than_an_envelope_is_split_by_channels(desk: Desk) -> None:
    channels = tuple(f"channel-number-{number:04d}" for number in range(1_500))
    readings = tuple(Reading(channel, 1.1 + number) for number, channel in enumerate(channels))
    desk.recorder.readings(plan(channels), [Block(50_000, readings[:1_000]), Block(50_000, readings[1_000:])])
    assert len(desk.kept) > 1
    assert all(len(entry.envelope) <= MAX_ENVELOPE_BYTES for entry in desk.kept)
    measured = [m.channel for record in desk.records() for m in decode_pack(record.body)]
    assert measured == list(channels)


def test_polls_that_could_not_be_signed_are_counted_and_explained(desk: Desk) -> None:
    desk.room = False
    for _ in range(3):
        desk.recorder.readings(plan(), [Block(50_000, (Reading("pH", 7.5),))])
        desk.clock.pass_ms(5_000)
    assert desk.kept == []
    desk.room = True
    desk.recorder.readings(plan(), [Block(65_000, (Reading("pH", 7.5),))])
    gap, readings = desk.records()
    body = GapBody.decode(gap.body)
    assert (body.reason, body.device, body.from_mono_ms, body.to_mono_ms) == (
        GapReason.OVERFLOW,
        "ph",
        50_000,
        60_000,
    )
    assert "3 polls" in str(body.detail)
    assert readings.kind == Kind.READINGS


def test_a_record_beside_polls_that_are_only_counted_makes_nobody_look_silent(desk: Desk) -> None:
    desk.recorder.readings(plan(), [Block(50_000, (Reading("pH", 7.5),))])
    desk.room = False
    for poll in range(120):
        desk.clock.pass_ms(5_000)
        desk.recorder.readings(plan(), [Block(50_000, (Reading("pH", 7.5),))])
        if poll % 10 == 0:
            desk.recorder.gap(GapReason.LINE_DOWN, "orp", 1, 2)
    desk.room = True
    desk.clock.pass_ms(5_000)
    desk.recorder.readings(plan(), [Block(50_000, (Reading("pH", 7.5),))])
    silence = Silence()
    found = [finding for record in desk.records() for finding in silence.feed(record)]
    assert found + silence.close(b"L" * 16) == []
    gaps = [GapBody.decode(r.body) for r in desk.records() if r.kind == Kind.GAP]
    assert 4 <= len([gap for gap in gaps if gap.device == "ph"]) <= 5


def test_a_clock_step_beside_polls_that_are_only_counted_comes_before_what_explains_them(desk: Desk) -> None:
    for device in ("ph", "orp"):
        desk.recorder.readings(plan(device=device), [Block(50_000, (Reading("pH", 7.5),))])
    desk.room = False
    for poll in range(60):
        desk.clock.pass_ms(5_000)
        if poll == 40:
            desk.clock.step_ms(-3_600_000)
        for device in ("ph", "orp"):
            desk.recorder.readings(plan(device=device), [Block(50_000, (Reading("pH", 7.5),))])
    desk.recorder.event("stop", {})
    step = desk.kinds().index(Kind.CLOCK_STEP)
    assert desk.kinds()[step:] == [Kind.CLOCK_STEP, Kind.GAP, Kind.GAP, Kind.EVENT]
    silence = Silence()
    found = [finding for record in desk.records() for finding in silence.feed(record)]
    assert [(finding.what, finding.is_stated) for finding in found] == [(FindingKind.CLOCK_STEP, True)]


def test_a_new_ledger_begins_with_its_boot_whatever_was_not_signed(desk: Desk) -> None:
    desk.room = False
    desk.recorder.readings(plan(), [Block(50_000, (Reading("pH", 7.5),))])
    desk.clock.pass_ms(500_000)
    desk.recorder.booted(BootBody(KEY.public, BootReason.QUARANTINE, None, None, "tram"))
    desk.recorder.event("stop", {})
    assert desk.kinds() == [Kind.BOOT, Kind.GAP, Kind.EVENT]


def test_an_event_can_be_found_in_the_ledger(desk: Desk) -> None:
    desk.recorder.event("stop", {"by": "technician"})
    (record,) = desk.records()
    assert record.kind == Kind.EVENT
    assert cbor.encode(record.body) == cbor.encode({1: "stop", 2: {"by": "technician"}})


def test_a_new_ledger_starts_at_one_and_names_no_link(desk: Desk) -> None:
    desk.recorder.gap(GapReason.LINE_DOWN, "ph", 1, 2)
    desk.recorder.ledger = Ledger("BD_1", b"M" * 16)
    desk.recorder.booted(
        BootBody(KEY.public, BootReason.STORE_RESTORED, None, (b"L" * 16, 1, bytes(32)), "tram")
    )
    record = desk.records()[-1]
    assert (record.ledger, record.seq, record.prev) == (b"M" * 16, 1, ZERO_HASH)


@pytest.mark.parametrize(
    ("away_ms", "state", "since_ms"),
    [
        (600_000, ClockState.SYNCHRONISED, 50_000 - 600_000),
        (600_000, ClockState.UNSYNCHRONISED, 50_000 - 600_000),
        (30 * 86_400_000, ClockState.SYNCHRONISED, 50_000 - 30 * 86_400_000),
        (30 * 86_400_000, ClockState.UNSYNCHRONISED, None),  # a clock that lost its battery
        (-5_000, ClockState.SYNCHRONISED, 50_000),
    ],
)
def test_how_long_the_station_was_off_is_known_if_its_clock_can_tell(
    desk: Desk, away_ms: int, state: ClockState, since_ms: int | None
) -> None:
    desk.clock.state = state
    last_sign = (NOON - away_ms, 7)
    desk.recorder.booted(BootBody(KEY.public, BootReason.UNCLEAN_STOP, last_sign, None, "tram"))
    assert desk.recorder.away_since_mono_ms() == since_ms
    desk.recorder.booted(BootBody(KEY.public, BootReason.QUARANTINE, None, None, "tram"))
    assert desk.recorder.away_since_mono_ms() == since_ms, "a new ledger in the same run was not away"


def test_a_gateway_without_a_battery_clock_learns_of_its_night_when_its_clock_is_synchronised(
    desk: Desk,
) -> None:
    desk.clock.state = ClockState.UNSYNCHRONISED
    desk.recorder.booted(BootBody(KEY.public, BootReason.UNCLEAN_STOP, (NOON - 1_000, 7), None, "tram"))
    assert desk.recorder.away_since_mono_ms() == 49_000
    desk.clock.pass_ms(20_000)
    desk.clock.step_ms(8 * 3_600_000)
    assert desk.recorder.away_since_mono_ms() is None, "nobody has said yet that the new time is right"
    desk.clock.pass_ms(5_000)
    desk.clock.state = ClockState.SYNCHRONISED
    night = 49_000 - 8 * 3_600_000
    assert desk.recorder.away_since_mono_ms() == night
    desk.clock.step_ms(3_600_000)
    desk.clock.pass_ms(5_000)
    assert desk.recorder.away_since_mono_ms() == night, "what happens to the clock later has no part in it"
