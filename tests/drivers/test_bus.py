"""What happens on one line after something went wrong, in virtual time."""

import asyncio
import random
import struct
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from drivers.bus import Bus
from drivers.errors import DriverError, Garbled, Misconfigured, NoAnswer, Unreachable
from drivers.exchange import Answer
from drivers.line import LineSettings
from drivers.turns import LONGEST_GUARD_S
from tests.drivers.raw_slave import rtu
from tests.drivers.simulated_wire import SILENT, SimulatedWire, now
from tests.drivers.virtual_time import run

pytestmark = pytest.mark.pure

SERIAL = "serial:///dev/ttyUSB0?baudrate=9600"
TIMEOUT_S = 1.0


class Story:
    """A bus on a simulated wire; `latencies` are the device's, one per request, the last for ever."""

    def __init__(self, latencies: Iterable[float], url: str = SERIAL, **settings: Any) -> None:
        settings = {"timeout": f"{TIMEOUT_S}s", "guard": "1s", "retries": 0, **settings}
        line = LineSettings.model_validate({"url": url, **settings})
        self.wire = SimulatedWire(
            _one_by_one(latencies), timeout_s=line.timeout_s, numbered=url.startswith("tcp")
        )
        self.bus = Bus(line, lambda: 0, wire=self.wire, jitter=lambda: 1.0)

    async def read(self, unit: int = 3, address: int = 0, count: int = 2) -> bool:
        """Asks once. True: answered, and by the answer to this very request. Wrong answers fail the test."""
        answer = await self.bus.exchange(unit, struct.pack(">BHH", 3, address, count))
        number = len(self.wire.sent_at)
        assert answer.pdu[2:] == struct.pack(">H", number) * count, "the answer to another request"
        return True

    async def failure(self, **question: int) -> DriverError:
        with pytest.raises(DriverError) as error:
            await self.read(**question)
        return error.value


def _one_by_one(latencies: Iterable[float]) -> Callable[[], float]:
    rest = list(latencies)
    return lambda: rest.pop(0) if len(rest) > 1 else rest[0]


def test_a_question_is_answered() -> None:
    async def story() -> None:
        at = Story([0.02])
        async with at.bus:
            assert await at.read()
            assert at.bus.stats.requests == 1
            assert at.bus.stats.is_open
        assert not at.wire.is_open

    run(story())


def test_a_late_answer_is_never_given_to_the_next_request() -> None:
    async def story() -> None:
        at = Story([1.5, 0.02])
        assert isinstance(await at.failure(), NoAnswer)
        assert await at.read()
        assert at.bus.stats.late_frames == 1

    run(story())


def test_a_cancelled_read_does_not_poison_the_next_one() -> None:
    """Cancelled at once: its answer may come as late as timeout + guard after it was asked."""

    async def story() -> None:
        at = Story([1.95, 0.02])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0 + 0.01):  # the silence after opening, and a moment
                await at.read()
        assert len(at.wire.sent_at) == 1
        assert await at.read()
        assert at.wire.sent_at[1] >= at.wire.sent_at[0] + TIMEOUT_S + 1.0

    run(story())


@pytest.mark.parametrize("seed", range(5))
def test_no_order_of_late_answers_and_cancelled_reads_gives_a_wrong_value(seed: int) -> None:
    """1,000 requests each, many late by up to the guard: other block, same block, other size, cancelled."""
    rng = random.Random(seed)

    async def story() -> tuple[int, int]:
        at = Story([0])
        at.wire._latency_s = lambda: rng.choice([0.01, 0.4, rng.uniform(0.9, 1.99), SILENT])
        answered = 0
        for _ in range(1000):
            question = {
                "unit": rng.choice([3, 4]),
                "address": rng.choice([0, 100]),
                "count": rng.choice([2, 2, 4]),
            }
            try:
                async with asyncio.timeout(rng.choice([None, None, rng.uniform(0, 2)])):
                    answered += await at.read(**question)
            except (DriverError, TimeoutError):
                continue
        return answered, at.bus.stats.late_frames

    answered, late = run(story())
    assert answered > 250
    assert late > 80


def test_without_the_bus_the_same_line_gives_wrong_values() -> None:
    """The test above has teeth: the wire alone shifts every answer by one."""

    async def story() -> int:
        at = Story([1.3])
        await at.wire.open()
        wrong = 0
        for number in range(1, 20):
            try:
                answer: Answer = await at.wire.ask(3, struct.pack(">BHH", 3, 0, 1))
            except NoAnswer:
                continue
            wrong += answer.pdu[2:] != struct.pack(">H", number)
        return wrong

    assert run(story()) > 5


def test_the_line_is_silent_before_the_first_question_because_somebody_may_just_have_asked() -> None:
    async def story() -> None:
        at = Story([0.02], guard="500ms")
        asking = asyncio.create_task(at.read())
        await asyncio.sleep(0.3)
        at.wire.arrive(rtu(3, bytes([3, 4, 0, 9, 0, 9])))  # what a killed run had asked for
        assert await asking
        assert at.wire.sent_at == [pytest.approx(TIMEOUT_S + 0.5, abs=1e-6)]
        assert at.bus.stats.stray_frames == 1

    run(story())


def test_a_frame_is_kept_apart_from_the_next_by_three_and_a_half_characters() -> None:
    async def story() -> None:
        at = Story([0.02])
        for _ in range(3):
            await at.read()
        heard = [when for when, _ in at.wire.heard]
        assert all(
            sent - before > 38.5 / 9600 - 1e-9
            for sent, before in zip(at.wire.sent_at[1:], heard, strict=False)
        )

    run(story())


def test_the_guard_grows_when_an_answer_is_later_than_half_of_it() -> None:
    async def story() -> None:
        at = Story([1.2, 1.9, 0.02], guard="1s")
        await at.failure()
        await at.failure()
        assert at.bus.stats.guard_s == 1.0
        assert await at.read()
        assert at.bus.stats.guard_s == pytest.approx(1.8)
        assert at.wire.sent_at[2] - at.wire.heard[1][0] >= 1.8 - 1e-9  # silent for a whole new guard after it

    run(story())


def test_the_guard_does_not_grow_without_end() -> None:
    async def story() -> None:
        at = Story([1.0 + 40, 0.02], guard="1s")
        await at.failure()
        await asyncio.sleep(60)
        assert await at.read()
        assert at.bus.stats.guard_s == 1.0  # forty seconds late is not late, it is another story
        at.wire._latency_s = _one_by_one([1.0 + 25, 0.02])
        await at.failure()
        await asyncio.sleep(60)
        assert await at.read()
        assert at.bus.stats.guard_s == LONGEST_GUARD_S

    run(story())


def test_a_device_that_always_answers_wrongly_does_not_lengthen_the_guard() -> None:
    async def story() -> None:
        at = Story([0.02])
        at.wire.frame = lambda frame: rtu(9, frame[1:-2])
        for _ in range(5):
            error = await at.failure()
            assert "unit 9 answered the question for unit 3" in str(error)
        assert at.bus.stats.guard_s == 1.0
        assert (at.bus.stats.garbled, at.bus.stats.stray_frames) == (5, 5)

    run(story())


def test_a_garbled_answer_is_asked_for_again_and_silence_is_not() -> None:
    async def story() -> None:
        at = Story([0.02], retries=1)
        masks = [1, 0, 0]
        at.wire.frame = lambda frame: frame[:-1] + bytes([frame[-1] ^ masks.pop(0)])
        assert await at.read()
        assert (at.bus.stats.requests, at.bus.stats.garbled) == (2, 1)
        at.wire._latency_s = lambda: SILENT
        assert isinstance(await at.failure(), NoAnswer)
        assert at.bus.stats.requests == 3

    run(story())


def test_a_dead_device_costs_the_others_one_timeout_and_the_guard() -> None:
    async def story() -> None:
        at = Story([SILENT, 0.02])
        dead = asyncio.create_task(at.failure(unit=9))
        await asyncio.sleep(0)
        assert await at.read(unit=3)
        assert now() == pytest.approx(2 + TIMEOUT_S + 1 + 0.02, abs=0.01)
        await dead

    run(story())


def test_a_line_that_is_down_is_said_at_once_and_tried_ever_later() -> None:
    async def story() -> None:
        at = Story([0.02], reconnect="4s")
        at.wire.opening = [Unreachable("ttyUSB0: there is no such device") for _ in range(6)]
        said: set[str] = set()
        while not at.wire.is_open:
            try:
                await at.read()
            except Unreachable as error:
                said.add(str(error).split(",", maxsplit=1)[0])
            await asyncio.sleep(0.1)
        assert said == {"ttyUSB0: there is no such device"}
        pauses = [b - a for a, b in zip(at.wire.opened_at, at.wire.opened_at[1:], strict=False)]
        assert pauses == [pytest.approx(p, abs=0.11) for p in (0.0, 0.5, 1.0, 2.0, 4.0, 4.0)]
        assert at.bus.stats.reconnects == 0

    run(story())


def test_an_attempt_that_is_not_due_takes_no_time_and_says_the_same_as_the_last_one() -> None:
    async def story() -> None:
        at = Story([0.02])
        at.wire.opening = [Unreachable("gone", hint="plug it in"), Unreachable("gone", hint="plug it in")]
        await at.failure()
        await at.failure()
        before = now()
        assert str(await at.failure()) == "gone; plug it in"
        assert now() == before
        assert len(at.wire.opened_at) == 2
        assert at.bus.stats.error == "gone; plug it in"

    run(story())


def test_a_connection_lost_while_asking_is_made_anew_at_once_and_then_less_often() -> None:
    async def story() -> None:
        at = Story([0.02], url="tcp://10.0.0.5")
        await at.read()
        at.wire.close()
        assert await at.read()
        assert at.bus.stats.reconnects == 1

    run(story())


def test_tcp_needs_no_silence() -> None:
    async def story() -> None:
        at = Story([1.5, 0.02], url="tcp://10.0.0.5")
        await at.failure()
        assert await at.read()
        assert at.wire.sent_at == [0.0, TIMEOUT_S]
        await asyncio.sleep(1)
        assert await at.read()
        assert at.bus.stats.late_frames == 1
        assert at.bus.stats.guard_s == 0

    run(story())


@pytest.mark.parametrize(("url", "closed"), [("tcp://h", 1), ("rtu+tcp://h:4001", 1), (SERIAL, 0)])
def test_a_silent_network_connection_is_made_anew_and_a_serial_port_stays_open(url: str, closed: int) -> None:
    """Closing a serial port does not take back what a device is about to say."""

    async def story() -> None:
        at = Story([SILENT, SILENT, SILENT, 0.02], url=url)
        for _ in range(3):
            await at.failure()
        assert at.wire.closed == closed
        assert await at.read()
        assert at.bus.stats.reconnects == closed

    run(story())


def test_the_silence_outlives_a_reconnect() -> None:
    """A serial server passes on through the new connection what was asked through the old one."""

    async def story() -> None:
        at = Story([1.9, 0.02], url="rtu+tcp://h:4001")
        await at.failure()
        at.wire.close()
        assert await at.read()

    run(story())


def test_a_stream_that_lost_its_step_is_connected_anew() -> None:
    async def story() -> None:
        at = Story([0.02], url="tcp://h")
        at.wire.frame = lambda _frame: b"HTTP/1.1 400 Bad Request"
        assert isinstance(await at.failure(), Garbled)
        at.wire.frame = lambda frame: frame
        assert await at.read()
        assert len(at.wire.opened_at) == 2

    run(story())


def test_a_line_that_is_never_silent_is_an_error_and_not_a_wait_for_ever() -> None:
    async def story() -> None:
        at = Story([0.02])
        await at.read()
        talking = asyncio.create_task(_talk(at.wire, bytes([0, 255])))
        await asyncio.sleep(0)
        error = await at.failure()
        assert isinstance(error, Unreachable)
        assert "never silent" in str(error)
        talking.cancel()
        assert at.bus.stats.garbled == 1

    run(story())


def test_a_second_master_on_the_line_is_said() -> None:
    async def story() -> None:
        at = Story([0.02])
        await at.read()
        talking = asyncio.create_task(_talk(at.wire, rtu(8, bytes([3, 2, 1, 1])), every_s=0.3))
        await asyncio.sleep(0)
        assert "a second master" in str(await at.failure())
        talking.cancel()
        await asyncio.sleep(30)
        assert await at.read()

    run(story())


async def _talk(wire: SimulatedWire, data: bytes, every_s: float = 0.003) -> None:
    while True:
        wire.arrive(data)
        await asyncio.sleep(every_s)


def test_the_address_of_all_is_not_asked_on_a_serial_line() -> None:
    async def story() -> None:
        at = Story([0.02])
        assert isinstance(await at.failure(unit=0), Misconfigured)
        tcp = Story([0.02], url="tcp://h")
        assert await tcp.read(unit=0)

    run(story())


def test_refusals_are_counted_and_given_to_the_driver() -> None:
    async def story() -> None:
        at = Story([0.02])
        at.wire.frame = lambda _frame: rtu(3, bytes([0x83, 2]))
        answer = await at.bus(3, struct.pack(">BHH", 3, 0, 2))
        assert answer.pdu == bytes([0x83, 2])
        assert at.bus.stats.refused == 1
        assert at.bus.stats.error is None

    run(story())
