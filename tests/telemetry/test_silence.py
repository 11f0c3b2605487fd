"""Silence: explained, or a finding."""

from dataclasses import dataclass, field

import pytest

from telemetry import cbor
from telemetry.bodies import BootBody, ConfigurationBody, GapBody
from telemetry.fields import RecordError
from telemetry.finding import Finding, FindingKind
from telemetry.pack import PackEncoder
from telemetry.reading import Flag, Reading
from telemetry.record import ZERO_HASH, Boot, Kind, Moment, Record
from telemetry.silence import GRACE_MS, LONGEST_SILENCE_MS, Silence

pytestmark = pytest.mark.pure

LEDGER = bytes(16)
LIMIT_MS = LONGEST_SILENCE_MS


@dataclass
class Station:
    """Feeds records to a Silence, one second after another, and collects what it says."""

    silence: Silence = field(default_factory=Silence)
    seq: int = 0
    mono_ms: int = 10_000
    wall_ms: int = 1_763_800_000_000
    boot: Boot = field(default_factory=lambda: Boot(1, b"boot-one"))
    configuration: bytes = bytes(8)
    found: list[Finding] = field(default_factory=list)

    def feed(self, kind: int, body: bytes, after_ms: int = 1_000, step_ms: int = 0) -> None:
        self.seq += 1
        self.mono_ms += after_ms
        self.wall_ms += after_ms + step_ms
        moment = Moment(self.wall_ms, self.mono_ms, 2, 3)
        said = Record(
            "S1", LEDGER, self.seq, ZERO_HASH, kind, self.boot, moment, self.configuration, cbor.decode(body)
        )
        self.silence = Silence.load(self.silence.dump())
        self.found += self.silence.feed(said)

    def start(self) -> None:
        self.feed(Kind.BOOT, BootBody(bytes(32), 0, None, None, "").encode())

    def configure(self, hash8: bytes = b"config-1", **every_ms: int) -> None:
        self.configuration = hash8
        for device, period_ms in every_ms.items():
            body = ConfigurationBody(hash8, device, 1, 1, {"every_ms": period_ms})
            self.feed(Kind.CONFIGURATION, body.encode(), after_ms=1)

    def readings(self, device: str = "ph", after_ms: int = 1_000, flags: int = 0, step_ms: int = 0) -> None:
        encoder = PackEncoder("S1", device, [("x", "1")])
        body = encoder.encode([(None, [Reading("x", None if flags else 7.0, flags)])])
        self.feed(Kind.READINGS, body, after_ms, step_ms)

    def event(self, after_ms: int = 1_000) -> None:
        self.feed(Kind.EVENT, b"\xa1\x01\x61x", after_ms)

    def gap(self, device: str, from_ms: int, to_ms: int, after_ms: int = 1_000) -> None:
        self.feed(Kind.GAP, GapBody(1, device, from_ms, to_ms).encode(), after_ms)

    def pass_time(self, seconds: int) -> None:
        """Other records go on, every ten seconds."""
        for _ in range(0, seconds, 10):
            self.event(10_000)

    @property
    def kinds(self) -> list[tuple[FindingKind, int | None]]:
        return [(f.what, f.seq) for f in self.found]

    def end(self) -> list[tuple[FindingKind, int | None]]:
        self.found += self.silence.close(LEDGER)
        return self.kinds


GAP = FindingKind.UNEXPLAINED_GAP


def station(**every_ms: int) -> Station:
    made = Station()
    made.start()
    made.configure(b"config-1", **(every_ms or {"ph": 5_000}))
    made.readings()
    return made


def test_a_device_that_speaks_in_time_is_no_news() -> None:
    quiet = station()
    for _ in range(20):
        quiet.readings(after_ms=LIMIT_MS)
    assert quiet.end() == []


def test_a_silence_over_the_limit_is_a_finding_when_its_grace_is_over() -> None:
    quiet = station()
    quiet.readings(after_ms=LIMIT_MS + 1)
    ended = quiet.seq
    assert quiet.kinds == []
    quiet.readings(after_ms=GRACE_MS + 5_000)
    assert quiet.kinds == [(GAP, ended)]
    assert "ph was silent for 150 s" in quiet.found[0].detail
    assert quiet.end() == [(GAP, ended)]


def test_flagged_readings_are_not_silence() -> None:
    quiet = station()
    for _ in range(20):
        quiet.readings(after_ms=60_000, flags=int(Flag.NO_COMMUNICATION))
    assert quiet.end() == []


def test_a_slow_device_may_be_silent_for_two_and_a_half_periods() -> None:
    quiet = station(ph=600_000)
    quiet.readings(after_ms=1_500_000)
    quiet.readings(after_ms=1_500_001)
    ended = quiet.seq
    assert quiet.end() == [(GAP, ended)]


@pytest.mark.parametrize("device", ["ph", ""])
@pytest.mark.parametrize("before_readings", [True, False])
def test_a_gap_record_explains_whether_it_comes_before_or_after_the_readings(
    device: str, before_readings: bool
) -> None:
    quiet = station()
    start = quiet.mono_ms
    end = start + 1_000_000
    if before_readings:
        quiet.gap(device, start, end, after_ms=1_000_000)
        quiet.readings(after_ms=10)
    else:
        quiet.readings(after_ms=1_000_000)
        quiet.gap(device, start, end, after_ms=GRACE_MS - 1)
    quiet.pass_time(70)
    assert quiet.end() == []


def test_a_gap_record_of_another_device_or_time_explains_nothing() -> None:
    quiet = station()
    start = quiet.mono_ms
    quiet.gap("other", start, start + 1_000_000, after_ms=1_000_000)
    noticed = quiet.seq
    quiet.gap("ph", start, start + 700_000, after_ms=1)
    quiet.readings(after_ms=1)
    assert quiet.end() == [(GAP, noticed)]


def test_after_a_store_failure_every_device_has_time_for_its_gap_record() -> None:
    """Nothing was signed for 20 minutes; the first record afterwards is another device's."""
    quiet = station(ph=300_000, flow=1_000)
    quiet.readings("flow", after_ms=0)
    start = quiet.mono_ms
    quiet.gap("flow", start, start + 1_200_000, after_ms=1_200_000)
    for _ in range(4):
        quiet.readings("flow", after_ms=60_000)
    quiet.gap("ph", start, quiet.mono_ms)
    quiet.readings("ph")
    quiet.readings("flow", after_ms=GRACE_MS)
    quiet.readings("flow", after_ms=GRACE_MS)
    assert quiet.end() == []


def test_a_gap_record_explains_no_more_than_it_says() -> None:
    """A first silence is explained; the device stays silent all the same, and that is found."""
    quiet = station(ph=1_000, flow=1_000)
    start = quiet.mono_ms
    for seconds in range(0, 600, 20):
        quiet.readings("flow", after_ms=20_000)
        if seconds == 160:
            quiet.gap("ph", start, quiet.mono_ms, after_ms=1)
    assert [(f.what, f.detail.split()[0]) for f in quiet.found] == [(GAP, "ph")]


def test_gap_records_add_up() -> None:
    quiet = station()
    start = quiet.mono_ms
    quiet.gap("ph", start, start + 400_000, after_ms=1_000_000)
    quiet.gap("ph", start + 500_000, start + 900_000, after_ms=1)
    quiet.readings(after_ms=1)
    assert quiet.end() == []


def test_a_device_that_vanishes_while_others_go_on_is_told_once() -> None:
    quiet = station(ph=5_000, flow=5_000)
    for _ in range(50):
        quiet.readings("flow", after_ms=10_000)
    assert [f.what for f in quiet.found] == [GAP]
    assert quiet.found[0].detail.startswith("ph ")
    quiet.readings("ph")
    assert len(quiet.end()) == 1


def test_a_device_of_the_configuration_that_never_speaks_is_told() -> None:
    quiet = station(ph=5_000, flow=5_000)
    for _ in range(50):
        quiet.readings("ph", after_ms=10_000)
    assert [f.detail.split()[0] for f in quiet.found] == ["flow"]


def test_a_device_that_was_taken_out_of_the_configuration_is_expected_no_more() -> None:
    quiet = station(ph=5_000, flow=5_000)
    quiet.readings("flow")
    quiet.configure(b"config-2", ph=5_000)
    for _ in range(50):
        quiet.readings("ph", after_ms=10_000)
    assert quiet.end() == []


def test_a_stop_between_two_boots_is_explained_by_the_boot_record() -> None:
    quiet = station()
    quiet.boot = Boot(2, b"boot-two")
    quiet.mono_ms, quiet.wall_ms = 0, quiet.wall_ms + 86_400_000
    quiet.start()
    quiet.readings()
    quiet.pass_time(50)
    assert quiet.end() == []


def test_a_restart_of_the_agent_is_explained_by_its_boot_record() -> None:
    quiet = station()
    quiet.boot = Boot(2, quiet.boot.boot_id)
    quiet.feed(Kind.BOOT, BootBody(bytes(32), 0, None, None, "").encode(), after_ms=900_000)
    quiet.readings()
    assert quiet.end() == []


@pytest.mark.parametrize("boot", [Boot(2, b"boot-two"), Boot(2, b"boot-one"), Boot(1, b"boot-two")])
def test_a_stop_that_no_boot_record_explains_is_a_finding(boot: Boot) -> None:
    quiet = station()
    quiet.boot = boot
    quiet.readings(after_ms=36_000_000)
    assert quiet.kinds == [(GAP, quiet.seq)]
    assert "+36000 s later, without a boot record" in quiet.found[0].detail
    quiet.pass_time(50)
    assert len(quiet.end()) == 1


def test_a_gap_record_does_not_explain_a_stop_between_two_runs() -> None:
    quiet = station()
    quiet.boot, start = Boot(2, quiet.boot.boot_id), quiet.mono_ms
    quiet.gap("", start, start + 900_000, after_ms=900_000)
    assert quiet.end() == [(GAP, quiet.seq)]


def test_new_boot_ids_one_after_the_other_hide_no_silence() -> None:
    """No step is longer than the rule; the device says nothing all the while."""
    quiet = station()
    for n in range(2, 5):
        quiet.boot = Boot(n, f"boot-{n:03}".encode())
        quiet.mono_ms = 0
        quiet.event(after_ms=100_000)
    assert GAP in [what for what, _ in quiet.end()]


def test_a_short_stop_without_a_boot_record_is_within_the_rule() -> None:
    quiet = station()
    quiet.boot = Boot(2, b"boot-two")
    quiet.readings(after_ms=LIMIT_MS)
    assert quiet.end() == []


def test_before_any_device_is_known_the_rule_is_150_s() -> None:
    quiet = Station()
    quiet.start()
    quiet.boot = Boot(2, b"boot-two")
    quiet.event(after_ms=LIMIT_MS)
    assert quiet.kinds == []
    quiet.boot = Boot(3, b"boot-333")
    quiet.event(after_ms=LIMIT_MS + 1)
    assert quiet.kinds == [(GAP, quiet.seq)]


def test_a_boot_in_the_past_without_its_boot_record_is_of_unknown_length() -> None:
    quiet = station()
    quiet.boot = Boot(2, b"boot-two")
    quiet.readings(step_ms=-3_600_000)
    assert quiet.end() == [(GAP, quiet.seq)]


def test_another_boot_after_missing_records_may_have_its_boot_record_among_them() -> None:
    quiet = station()
    quiet.boot = Boot(2, b"boot-two")
    quiet.seq += 1
    quiet.readings(after_ms=36_000_000)
    assert quiet.end() == []


@pytest.mark.parametrize("with_boot_record", [True, False])
def test_both_clocks_going_back_within_one_boot_is_a_clock_step(with_boot_record: bool) -> None:
    quiet = station()
    if with_boot_record:
        quiet.feed(Kind.BOOT, BootBody(bytes(32), 0, None, None, "").encode(), after_ms=-5_000)
    else:
        quiet.readings(after_ms=-5_000)
    assert [(f.what, f.seq, f.is_stated) for f in quiet.found] == [(FindingKind.CLOCK_STEP, quiet.seq, False)]
    assert "monotonic clock went back by 5.0 s" in quiet.found[0].detail
    quiet.readings(after_ms=LIMIT_MS + 1)
    assert quiet.end()[1:] == [(GAP, quiet.seq)]


def test_going_back_in_small_steps_is_going_back() -> None:
    quiet = station()
    quiet.readings(after_ms=-1_500)
    assert quiet.kinds == []
    quiet.readings(after_ms=-1_500)
    assert [what for what, _ in quiet.kinds] == [FindingKind.CLOCK_STEP]


def test_silence_at_the_end_of_a_boot_is_judged_at_the_next() -> None:
    quiet = station()
    quiet.event(LIMIT_MS + 1)
    last = quiet.seq
    quiet.boot = Boot(2, b"boot-two")
    quiet.start()
    assert quiet.kinds == [(GAP, last)]


def test_nothing_is_said_about_silence_across_missing_records() -> None:
    quiet = station()
    quiet.seq += 100
    quiet.readings(after_ms=1_000_000)
    quiet.pass_time(70)
    assert quiet.kinds == []
    quiet.readings(after_ms=LIMIT_MS + 1)
    assert [what for what, _ in quiet.end()] == [GAP]


def test_a_clock_step_is_seen_and_whether_the_station_said_so() -> None:
    quiet = station()
    quiet.readings(step_ms=2_000)
    quiet.readings(step_ms=-2_000)
    assert quiet.kinds == []
    quiet.readings(step_ms=-3_600_000)
    quiet.feed(Kind.CLOCK_STEP, cbor.encode({1: 1, 2: 2, 3: 3}), step_ms=3_600_000)
    assert [what for what, _ in quiet.kinds] == [FindingKind.CLOCK_STEP] * 2
    assert "-3600.0 s" in quiet.found[0].detail
    assert "no record says so" in quiet.found[0].detail
    assert "as its clock step record says" in quiet.found[1].detail
    assert [finding.is_stated for finding in quiet.found] == [False, True]


def test_a_clock_step_across_missing_records_does_not_say_that_none_told_of_it() -> None:
    quiet = station()
    quiet.readings()
    quiet.seq += 11
    quiet.readings(step_ms=-3_600_000)
    (found,) = quiet.found
    assert found.what is FindingKind.CLOCK_STEP
    assert "and the 11 records between them are missing" in found.detail
    assert not found.is_stated


def test_a_clock_step_while_the_agent_was_down_is_seen_because_the_machine_stayed_up() -> None:
    quiet = station()
    quiet.wall_ms += 7_200_000
    quiet.start()
    assert [what for what, _ in quiet.kinds] == [FindingKind.CLOCK_STEP]


def test_unreadable_bodies_and_foreign_kinds_are_passed_over() -> None:
    quiet = station()
    quiet.feed(Kind.READINGS, b"\x80")
    quiet.feed(Kind.GAP, b"\x80")
    quiet.feed(Kind.CONFIGURATION, ConfigurationBody(b"config-9", None, 1, 1, "x").encode())
    quiet.feed(55, b"\x00")
    assert quiet.end() == []


def test_many_configurations_are_not_remembered_for_ever() -> None:
    quiet = station()
    for n in range(30):
        quiet.configure(f"config{n:02}".encode(), ph=5_000)
        quiet.readings()
    assert len(quiet.silence._periods) == 8
    for n in range(300):
        quiet.gap("ph", n, n, after_ms=1)
    assert len(quiet.silence._gaps) == 256
    assert quiet.end() == []


def test_a_foreign_dump_is_refused() -> None:
    for dumped in (b"\x00", b"\x80", cbor.encode([1] * 13)):
        with pytest.raises(RecordError):
            Silence.load(dumped)
