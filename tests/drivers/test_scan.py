"""A scan over a line in memory: hours of line time in virtual time, every question known."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from drivers.errors import Unreachable
from drivers.inquiry import AGAIN, ANYBODY, NAME_PLATE, Inquiry, RtuFrames, Spoken
from drivers.interview import Interview, Known, everything
from drivers.protocols import modbus_device_id
from drivers.protocols.modbus_pdu import DeviceIdRequest, ReadRequest, encode_reply
from drivers.scan import Ending, Found, Limits, Scan
from drivers.scan_port import Heard
from drivers.trials import (
    SERIAL_UNITS,
    Setting,
    Trial,
    Trials,
    longest_s,
    network_trials,
    question_s,
    serial_trials,
    settings,
)
from tests.drivers.virtual_time import run

WAIT_S = 0.2
N, E = Setting(9600), Setting(19200, "E")
Says = Callable[[Inquiry], bytes | None]


def refuses(asked: Inquiry) -> bytes | None:
    return bytes((asked.function | 0x80, 2))


def holds(words: dict[int, int]) -> Says:
    """Holding registers that are there; all others are refused."""

    def says(asked: Inquiry) -> bytes | None:
        if not isinstance(asked, ReadRequest) or asked.function != 3:
            return refuses(asked)
        places = range(asked.address, asked.address + asked.count)
        if not all(place in words for place in places):
            return refuses(asked)
        return encode_reply(asked, [words[place] for place in places])

    return says


@dataclass
class PaperLine:
    """`units` by setting and address; `delays_s` longer than the wait make an answer late."""

    units: dict[tuple[Setting | None, int], Says]
    delays_s: dict[int, float] = field(default_factory=dict)
    noisy: set[int] = field(default_factory=set)
    cannot: set[Setting] = field(default_factory=set)
    talks: bytes = b""
    lost_after: int | None = None
    setting: Setting | None = None
    asked: list[tuple[Setting | None, int, Inquiry]] = field(default_factory=list)
    open_now: bool = False
    under_way: list[tuple[float, Spoken]] = field(default_factory=list)

    @property
    def shared(self) -> bool:
        return all(setting is not None for setting, _ in self.units)

    async def open(self) -> None:
        self.open_now = True

    async def tune(self, setting: Setting | None) -> None:
        if setting in self.cannot:
            raise Unreachable("it refuses")
        self.setting = setting

    async def listen(self, for_s: float) -> bytes:
        await asyncio.sleep(for_s)
        return self.talks

    async def ask(self, unit: int, asked: Inquiry, wait_s: float) -> Heard:
        if self.lost_after == len(self.asked):
            raise Unreachable("/dev/ttyUSB0: the adapter is gone")
        self.asked.append((self.setting, unit, asked))
        says, now = self.units.get((self.setting, unit)), asyncio.get_running_loop().time()
        delay_s = self.delays_s.get(unit, 0.02)
        pdu = says(asked) if says else None
        if pdu is not None:
            self.under_way.append((now + delay_s, Spoken(unit, pdu)))
        ends = min(now + question_s(self.setting, wait_s), now + delay_s if pdu is not None else float("inf"))
        await asyncio.sleep(ends - now)
        here = [spoken for at, spoken in self.under_way if at <= ends]
        self.under_way = [late for late in self.under_way if late[0] > ends]
        mine = [spoken.pdu for spoken in here if spoken.unit == unit]
        late = [spoken for spoken in here if spoken.unit != unit]
        return Heard(mine[-1] if mine else None, late, b"\xfe" if unit in self.noisy else b"")

    def close(self) -> None:
        self.open_now = False


class Diary:
    """What a person would see."""

    def __init__(self) -> None:
        self.tried: list[Trial] = []
        self.units: list[Found] = []
        self.notes: list[str] = []
        self.then: Callable[[], None] = lambda: None

    def trying(self, trial: Trial, done: int, total: int) -> None:
        assert done <= total
        self.tried.append(trial)

    def found(self, unit: Found) -> None:
        self.units.append(unit)
        self.then()

    def note(self, text: str) -> None:
        self.notes.append(text)


def scanned(
    line: PaperLine,
    trials: Trials | None = None,
    *,
    seconds: float = 1e6,
    diary: Diary | None = None,
    stop: Callable[[asyncio.Event], None] = lambda _event: None,
) -> tuple[Scan, Ending, float]:
    """The scan, how it ended, and what it took in s of line time."""

    async def story() -> tuple[Scan, Ending, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        limits = Limits(WAIT_S, began + seconds)
        stop(limits.stop)
        scan = Scan(line, trials or serial_trials(settings(), SERIAL_UNITS), limits, diary or Diary(), ())
        ending = await scan.run()
        assert not line.open_now
        return scan, ending, loop.time() - began

    return run(story())


def places(scan: Scan) -> set[tuple[Setting | None, int]]:
    return {(unit.setting, unit.unit) for unit in scan.found}


def test_everybody_is_found_whatever_speed_and_parity_they_have() -> None:
    there = {(N, 1), (N, 130), (E, 7), (Setting(2400, "O"), 200), (Setting(115200), 247)}
    scan, ending, took_s = scanned(PaperLine(dict.fromkeys(there, refuses)))
    assert ending == "complete"
    assert places(scan) == there
    print(f"all of 24 settings x 247 addresses: {took_s / 60:.1f} min of line time")
    assert took_s == pytest.approx(longest_s(settings(), 247, WAIT_S, shared=True), rel=0.05)


def test_the_usual_line_is_found_within_a_minute() -> None:
    there = {(N, 1), (N, 2), (N, 3), (N, 40), (N, 247)}
    scan, ending, took_s = scanned(PaperLine(dict.fromkeys(there, refuses)), seconds=60)
    assert ending == "out of time"
    assert places(scan) == there
    assert took_s <= 61.5


def test_a_scan_over_time_ends_and_keeps_what_it_has() -> None:
    scan, ending, took_s = scanned(PaperLine({(N, 2): refuses, (E, 3): refuses}), seconds=3)
    assert (ending, places(scan)) == ("out of time", {(N, 2)})
    assert took_s < 3 + 1.1


def test_an_answer_that_comes_too_late_is_a_unit_and_makes_the_scan_more_patient() -> None:
    line = PaperLine({(N, 3): refuses, (N, 4): refuses}, delays_s={3: 0.35, 4: 0.4})
    scan, _, _ = scanned(line, serial_trials((N,), (1, 2, 3, 4, 5, 6)))
    assert places(scan) == {(N, 3), (N, 4)}


def test_each_address_is_asked_twice_where_all_hear_every_question() -> None:
    """A slave made with libmodbus takes the question after one to another unit for an answer, and must get it whole."""
    line = PaperLine({(N, 9): refuses})
    scanned(line, serial_trials((N,), (7, 8)))
    assert [(unit, asked) for _, unit, asked in line.asked] == [
        (7, ANYBODY),
        (7, AGAIN),
        (8, ANYBODY),
        (8, AGAIN),
    ]
    swallowed = RtuFrames().question(7, AGAIN)
    assert len(swallowed) == 5 + swallowed[2], "the length of an answer with so many bytes as it seems to say"


def test_nobody_is_found_twice() -> None:
    line = PaperLine({(N, 3): refuses}, delays_s={3: 0.35})
    diary = Diary()
    scan, _, _ = scanned(line, serial_trials((N,), (3, 4, 3)), diary=diary)
    assert len(scan.found) == len(diary.units) == 1


def test_what_is_garbled_twice_is_said() -> None:
    scan, _, _ = scanned(PaperLine({(N, 2): refuses}, noisy={2, 5}), serial_trials((N,), (1, 2, 5)))
    assert places(scan) == {(N, 2)}, "an answer among noise counts"
    assert scan.garbled == [Trial(N, 5)]


def test_who_talks_unasked_is_said_before_the_first_question() -> None:
    diary = Diary()
    scanned(PaperLine({}, talks=b"$WIMWV"), serial_trials((N,), (1,)), diary=diary)
    assert "somebody talks on this line without being asked (24 57 49 4d 57 56)" in diary.notes[0]


def test_a_setting_that_the_port_refuses_costs_no_time_and_is_said() -> None:
    line = PaperLine({(E, 7): refuses, (Setting(19200), 7): refuses}, cannot={E, Setting(9600, "E")})
    scan, ending, _ = scanned(line, serial_trials((N, Setting(9600, "E"), E, Setting(19200)), (7, 8)))
    assert ending == "complete"
    assert set(scan.refused) == {E, Setting(9600, "E")}
    assert places(scan) == {(Setting(19200), 7)}, "after a refusal the port is tuned anew"
    assert {asked[0] for asked in line.asked} == {N, Setting(19200)}


def test_after_a_refused_setting_the_one_before_is_set_again() -> None:
    line = PaperLine({}, cannot={E})
    tuned: list[Setting | None] = []
    tune = line.tune

    async def noted(setting: Setting | None) -> None:
        tuned.append(setting)
        await tune(setting)

    line.tune = noted  # type: ignore[method-assign]
    scanned(line, Trials([Trial(N, 1), Trial(E, 1), Trial(N, 2)]))
    assert tuned == [N, E, N]


def test_ctrl_c_ends_it_behind_the_question_in_hand_and_keeps_what_was_found() -> None:
    diary = Diary()
    line = PaperLine({(N, 2): refuses, (N, 9): refuses})
    event: list[asyncio.Event] = []

    def ctrl_c() -> None:
        event[0].set()

    diary.then = ctrl_c
    scan, ending, _ = scanned(line, diary=diary, stop=event.append)
    assert ending == "stopped"
    assert places(scan) == {(N, 2)}
    assert line.asked[-1][1] == 2


def test_however_long_an_answer_may_take_the_end_comes_within_a_second() -> None:
    for seconds, stop_s, ending in ((1e6, 80.0, "stopped"), (80.0, 1e6, "out of time")):
        line = PaperLine({(N, 100): refuses})

        async def story(seconds: float, stop_s: float, line: PaperLine) -> tuple[Scan, Ending, float]:
            loop = asyncio.get_running_loop()
            began = loop.time()
            limits = Limits(60.0, began + seconds)
            loop.call_later(stop_s, limits.stop.set)
            scan = Scan(line, serial_trials(settings(), SERIAL_UNITS), limits, Diary(), ())
            return scan, await scan.run(), loop.time() - began

        scan, found, took_s = run(story(seconds, stop_s, line))
        assert found == ending
        assert 80 < took_s < 80 + 1.1, "the question in hand was waited for a little"
        assert not line.open_now
        assert len(line.asked) == 2, "and none was asked after it"
        assert scan.trials.left[0] == (N, 1), "whose second question got no time is not said to be asked"


def test_an_adapter_that_is_pulled_ends_the_scan_and_keeps_what_was_found() -> None:
    diary = Diary()
    line = PaperLine({(N, 2): refuses}, lost_after=8)
    scan, ending, _ = scanned(line, diary=diary)
    assert ending == "line lost"
    assert places(scan) == {(N, 2)}
    assert diary.notes == ["/dev/ttyUSB0: the adapter is gone"]
    asked = {(setting, unit) for setting, unit, _ in line.asked}
    left = scan.trials.left
    assert asked.isdisjoint(left)
    assert asked | set(left) == {(setting, unit) for setting in settings() for unit in SERIAL_UNITS}


def test_a_gateways_word_for_nobody_is_no_unit() -> None:
    nobody: Says = lambda asked: bytes((asked.function | 0x80, 11))  # noqa: E731
    units: dict[tuple[Setting | None, int], Says] = {(None, unit): nobody for unit in range(1, 248)}
    scan, ending, _ = scanned(PaperLine(units | {(None, 12): refuses}), network_trials(range(1, 248)))
    assert (ending, places(scan)) == ("complete", {(None, 12)})


def test_an_instrument_that_looks_at_no_address_is_one_and_is_known_after_six_questions() -> None:
    units: dict[tuple[Setting | None, int], Says] = {(None, unit): refuses for unit in range(256)}
    line, diary = PaperLine(units), Diary()
    scan, ending, _ = scanned(line, network_trials(range(1, 248)), diary=diary)
    assert scan.everywhere
    assert places(scan) == {(None, 1)}
    assert len(diary.tried) == 6
    assert ending == "complete"


def test_five_units_at_the_first_six_addresses_are_five_units() -> None:
    units: dict[tuple[Setting | None, int], Says] = {(None, unit): refuses for unit in (1, 50, 99, 148, 197)}
    scan, _, _ = scanned(PaperLine(units), network_trials(range(1, 248)))
    assert not scan.everywhere
    assert len(scan.found) == 5


def test_units_that_were_found_but_not_asked_yet_are_in_the_report() -> None:
    """Behind a host the first six are asked who they are only when it is clear that they are not one."""
    units: dict[tuple[Setting | None, int], Says] = {(None, 1): refuses}
    scan, ending, _ = scanned(PaperLine(units), network_trials(range(1, 248)), seconds=0.35)
    assert (ending, places(scan)) == ("out of time", {(None, 1)})


def interview(says: Says) -> tuple[Known, list[Inquiry]]:
    asked: list[Inquiry] = []

    async def ask(question: Inquiry) -> bytes | None:
        asked.append(question)
        return says(question)

    return run(Interview(ask).known(everything())), asked


def test_a_name_plate_names_the_profile() -> None:
    def says(asked: Inquiry) -> bytes | None:
        if isinstance(asked, DeviceIdRequest):
            return modbus_device_id.encode(asked, {0: b"Siemens", 1: b"SIPROCESS GA700", 2: b"05"})
        return encode_reply(asked, [0x80] * asked.count)

    known, _ = interview(says)
    assert known.plate == ("Siemens", "SIPROCESS GA700", "05")
    assert known.profile == "siemens-ga700"


def test_registers_that_fit_and_hold_possible_values_suggest_a_profile() -> None:
    """A Hach 3400 sc: 2.1 mS/cm and 27.9 degC, low word first."""
    known, _ = interview(holds(dict(enumerate((0, 0, 0x6666, 0x4006, 0x3333, 0x41DF)))))
    assert "hach-3400-sc" in [fit.profile for fit in known.fits]
    assert all(fit.good for fit in known.fits)


def test_registers_of_zeros_suggest_nothing() -> None:
    known, _ = interview(holds(dict.fromkeys(range(1000), 0)))
    assert known.fits == ()


def test_one_possible_value_among_zeros_is_no_proof() -> None:
    """7.25 at register 0 and nothing else: a Liquiline whose other values are 0 looks the same."""
    known, _ = interview(holds(dict.fromkeys(range(1000), 0) | {0: 0x40E8}))
    assert "endress-cm44" in [fit.profile for fit in known.fits]
    assert known.profile is None


def test_impossible_values_suggest_nothing() -> None:
    known, _ = interview(holds(dict.fromkeys(range(1000), 0x0001)))
    assert [fit.profile for fit in known.fits if fit.telling] == []


def test_no_question_is_asked_twice_and_silence_ends_the_interview() -> None:
    _, asked = interview(refuses)
    assert len(asked) == len(set(asked))
    _, asked = interview(lambda _asked: None)
    assert len(asked) == 3
    assert asked[0] == NAME_PLATE


def test_a_tag_is_shown_as_it_stands_there() -> None:
    text = b"TANK 3\0\0\0\0"
    words = [int.from_bytes(text[at : at + 2], "big") for at in range(0, 10, 2)]
    known, _ = interview(holds({17 + at: word for at, word in enumerate(words)}))
    assert ("location", "TANK 3") in known.words
