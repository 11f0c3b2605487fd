"""Instruments that speak in characters: on a wire with faults, and in a conversation in virtual time."""

import asyncio
from decimal import Decimal

import pytest

from drivers.protocols.line_text import Wording, compiled_lines
from sim.faults import Closed, Flipped, Reboot, Silent, Slow, Truncated
from sim.hosts.landing import Landings
from sim.hosts.talk import TalkConversation
from sim.signals import Constant, Counter
from sim.speaker import Figure, Speaker
from sim.talk import TalkFace
from sim.talkers.lines import LinesTalker
from sim.wire import Wire
from tests.drivers.simulated_talk import moment, now
from tests.sim.bench import NOON, ticking
from tests.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure


def speaker(name: str = "meter") -> Speaker:
    return Speaker(
        name,
        [Figure("pH", "x", Constant(7.85)), Figure("total", "t", Counter(1.0), scale=Decimal("0.5"))],
    )


def face(*requests: str) -> TalkFace:
    """One instrument per request, numbered from 1; an empty one talks by itself."""
    wordings = {
        unit: compiled_lines(Wording(request=request, pattern="{x},{t}"))
        for unit, request in enumerate(requests, 1)
    }
    return TalkFace(LinesTalker({unit: speaker(f"meter-{unit}") for unit in wordings}, wordings))


class Conversation:
    """A face at the end of a wire, and what was written on it and when."""

    def __init__(self, *requests: str) -> None:
        self.face = face(*requests)
        self.wire = Wire("line", self.face, now=moment)
        self.written: list[tuple[float, bytes]] = []
        self.hung_up = 0
        landings = Landings(self.wire, self._write, self._hang_up)
        self.talk = TalkConversation(self.wire, landings)

    def _write(self, data: bytes) -> None:
        self.written.append((now(), data))

    def _hang_up(self) -> None:
        self.hung_up += 1

    @property
    def messages(self) -> list[bytes]:
        return [message for _, message in self.written]


def test_a_speaker_shows_numbers_in_its_own_unit_and_values_as_a_right_reader_makes_them() -> None:
    clock, move = ticking()
    meter = speaker()
    meter.shown(clock())
    move(10)
    shown = meter.shown(clock())
    assert shown.numbers == {"x": Decimal("7.850"), "t": Decimal("20.000")}
    assert shown.values == {"pH": 7.85, "total": 10.0}


def test_a_number_set_by_hand_stays_until_a_reboot_which_also_begins_counters_anew() -> None:
    clock, move = ticking()
    meter = speaker()
    meter.shown(clock())
    meter.set({"x": Decimal(9)})
    move(10)
    assert meter.shown(clock()).values == {"pH": 9.0, "total": 10.0}
    meter.reboot(clock(), 5)
    assert meter.is_silent(clock())
    move(5)
    assert not meter.is_silent(clock())
    move(2)
    assert meter.shown(clock()).values == {"pH": 7.85, "total": 2.0}


def test_the_face_answers_with_the_message_and_the_values_in_it() -> None:
    answer = face("A?").answer(1, b"A?", NOON)
    assert answer is not None
    assert (answer.pdu, answer.values) == (b"7.850,0.000\r\n", {"pH": 7.85, "total": 0.0})


def test_an_instrument_that_reboots_is_silent() -> None:
    meters = face("A?")
    meters.instruments[1].reboot(NOON, 5)
    assert meters.answer(1, b"A?", NOON) is None


@in_virtual_time
async def test_requests_are_answered_however_they_come_and_noise_is_passed_over() -> None:
    line = Conversation(r"A?\r", r"B?\r")
    for piece in (b"~~A", b"?", b"\rB?\rA?\r", b"B"):
        line.talk.fed(piece)
    assert [served.device for served in line.wire.served.kept] == ["meter-1", "meter-2", "meter-1"]
    assert line.messages == [b"7.850,0.000\r\n"] * 3
    line.talk.stop()
    line.talk.fed(b"?\r")
    assert len(line.written) == 3


@in_virtual_time
async def test_an_instrument_that_talks_by_itself_begins_at_once_and_stops_with_the_connection() -> None:
    line = Conversation("")
    await asyncio.sleep(2.5)
    assert [at for at, _ in line.written] == [0, 1, 2]
    line.talk.stop()
    await asyncio.sleep(5)
    assert len(line.written) == 3


@in_virtual_time
async def test_what_goes_wrong_once_does_not_end_the_stream() -> None:
    line = Conversation("")
    await asyncio.sleep(0.5)
    line.wire.script.add(Silent(), 1)
    await asyncio.sleep(1)
    line.wire.script.add(Truncated(0.5), 1)
    await asyncio.sleep(1)
    line.wire.script.add(Slow(0.3), 1)
    await asyncio.sleep(1)
    line.wire.script.add(Reboot(1.5), 1)
    await asyncio.sleep(4)
    assert [round(at, 3) for at, _ in line.written] == [0, 2, 3.3, 6, 7]
    assert line.messages[1] == b"7.850,"
    assert line.messages[3:] == [b"7.850,0.000\r\n", b"7.850,2.000\r\n"]  # its counter began again at 5.5


@in_virtual_time
async def test_a_stream_whose_simulator_fails_once_goes_on() -> None:
    line = Conversation("")
    swallowed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: swallowed.append(context["exception"])
    )
    line.face.instruments[1].set({"x": Decimal("1e70")})
    await asyncio.sleep(0.5)
    assert [type(error) for error in swallowed] == [ValueError]
    line.face.instruments[1].set({"x": Decimal(1)})
    await asyncio.sleep(1)
    assert line.messages == [b"1.000,2.000\r\n"]


@in_virtual_time
async def test_damage_and_a_hung_up_line_are_on_the_account() -> None:
    line = Conversation("A?")
    line.wire.script.add(Flipped(), 1)
    line.talk.fed(b"A?")
    line.wire.script.add(Closed(), 1)
    line.talk.fed(b"A?")
    assert line.hung_up == 1
    first, second = line.wire.served.kept
    assert (first.faults, first.sent, second.faults, second.sent) == (("flip",), True, ("close",), False)
    assert len(line.messages[0]) == 13
    assert line.messages[0] != b"7.850,0.000\r\n"
