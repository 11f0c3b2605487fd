"""Instruments that speak in characters, on one line: whose turn it is, and whose answer this is."""

import asyncio
import random
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from drivers.character_wire import MOST_KEPT_BYTES
from drivers.characters import Heard, Talk
from drivers.errors import DriverError, Garbled, NoAnswer, Refused, Unreachable
from drivers.turns import longest_question_s
from tests.drivers.simulated_talk import SimulatedLine, now, take
from tests.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure

TCP = "tcp://10.0.0.6:4001"
TIMEOUT_S = 1.0
LONGEST_S = 3600.0


def counting(*latencies_s: float | None) -> SimulatedLine:
    """Answers with the request's running number after these seconds, the last for ever; None: never."""
    rest = list(latencies_s)

    def answers(_request: bytes) -> list[tuple[float, bytes]]:
        latency_s = rest.pop(0) if len(rest) > 1 else rest[0]
        return [] if latency_s is None else [(latency_s, b"%d\r\n" % len(line.requests))]

    line = SimulatedLine(answers)
    return line


def saying(*answers: bytes, url: str = TCP, **settings: Any) -> SimulatedLine:
    """Answers with these bytes after 20 ms, one after the other."""
    rest = list(answers)
    return SimulatedLine(lambda _: [(0.02, rest.pop(0))] if rest else [], url, **settings)


def talking(url: str = TCP, **settings: Any) -> SimulatedLine:
    """A line of an instrument that talks by itself."""
    return SimulatedLine(url=url, streams=True, **settings)


async def opened(line: SimulatedLine) -> SimulatedLine:
    """The line of a stream, open and silent for a while: what comes next is a beginning."""
    with pytest.raises(NoAnswer):
        await line.bus.listen(take, within_s=1)
    return line


async def asked(line: SimulatedLine, request: bytes = b"?") -> Heard[str]:
    return await line.bus.ask(request, take)


async def failure(line: SimulatedLine, request: bytes = b"?") -> DriverError:
    with pytest.raises(DriverError) as error:
        await asked(line, request)
    return error.value


def texts(heard: list[Heard[str]]) -> list[str]:
    return [message for message, _ in heard]


@in_virtual_time
async def test_an_answer_comes_with_the_time_of_its_last_byte() -> None:
    line = SimulatedLine(lambda _: [(0.1, b"7."), (0.3, b"85\r"), (0.4, b"\n")])
    async with line.bus:
        assert await asked(line) == ("7.85", round(1000 * (line.requests[0][0] + 0.4)))
        assert line.bus.stats.is_open
    assert not line.is_open


@in_virtual_time
async def test_two_devices_take_turns_and_each_gets_its_own_answer() -> None:
    line = SimulatedLine(lambda request: [(0.2, request + b"\r\n")])
    async with line.bus:
        heard = await asyncio.gather(*(asked(line, b"%d" % number) for number in range(10)))
    assert [message for message, _ in heard] == [str(number) for number in range(10)]
    sent = [at for at, _ in line.requests]
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(sent))


@in_virtual_time
async def test_silence_is_no_answer_and_says_what_was_asked() -> None:
    line = saying()
    async with line.bus:
        error = await failure(line)
    assert isinstance(error, NoAnswer)
    assert str(error) == "10.0.0.6:4001: no answer to '?' within 1 s"


@in_virtual_time
async def test_a_driver_may_be_more_patient_than_its_line() -> None:
    line = counting(4.0)
    async with line.bus:
        assert (await line.bus.ask(b"?", take, at_least_s=5)).message == "1"
    patient = SimulatedLine(lambda _: [(8.0, b"1\r\n")], timeout="10s")
    async with patient.bus:
        assert (await patient.bus.ask(b"?", take, at_least_s=5)).message == "1"


@in_virtual_time
async def test_after_a_patient_question_too_the_line_is_silent_for_its_guard() -> None:
    line = counting(5.5, 0.1)
    async with line.bus:
        with pytest.raises(NoAnswer):
            await line.bus.ask(b"?", take, at_least_s=5)
        assert (await asked(line)).message == "2"
    first_s, second_s = (at_s for at_s, _ in line.requests)
    assert second_s - first_s >= 6


@in_virtual_time
async def test_who_asks_again_by_himself_is_not_asked_for() -> None:
    line = saying(b"x\r\n", b"1\r\n", retries=3)
    async with line.bus:
        with pytest.raises(Garbled):
            await line.bus.ask(b"?", take, again=False)
    assert len(line.requests) == 1


@in_virtual_time
async def test_after_a_timeout_the_line_is_silent_until_it_is_too_late_for_an_answer() -> None:
    line = counting(1.5, 0.02)
    async with line.bus:
        assert isinstance(await failure(line), NoAnswer)
        assert (await asked(line)).message == "2"
        assert line.bus.stats.late_frames == 1
    (first, _), (second, _) = line.requests
    assert second - first >= TIMEOUT_S + 1.0


@in_virtual_time
async def test_a_late_answer_lengthens_the_guard() -> None:
    line = counting(1.9, 0.02)
    async with line.bus:
        await failure(line)
        assert (await asked(line)).message == "2"
        assert line.bus.stats.guard_s == pytest.approx(1.8)


@in_virtual_time
async def test_noise_long_after_a_question_that_was_given_up_is_no_late_answer() -> None:
    """A guard of half a minute would be the price of one spike on the line."""
    line = counting(None, 0.02)
    async with line.bus:
        await failure(line)
        assert (await asked(line)).message == "2"
        line.say(b"~", 10)
        await asyncio.sleep(11)
        assert (await asked(line)).message == "3"
        stats = line.bus.stats
    assert (stats.late_frames, stats.stray_frames, stats.guard_s) == (0, 1, 1.0)


@in_virtual_time
async def test_one_spike_on_the_line_of_a_dead_device_costs_its_neighbours_one_guard() -> None:
    """Taken for a late answer it lengthened the guard to twice its lateness, until the next start."""
    line = SimulatedLine(lambda request: [(0.02, b"7.85\r\n")] if request == b"good?" else [])
    async with line.bus:
        await failure(line, b"dead?")
        line.say(b"~", 6)
        await asyncio.sleep(10)
        for _ in range(3):
            began_s = now()
            assert (await asked(line, b"good?")).message == "7.85"
            assert now() - began_s <= 0.02 + 1.0 + 0.1
            await failure(line, b"dead?")
        stats = line.bus.stats
    assert (stats.late_frames, stats.stray_frames, stats.guard_s) == (0, 1, 1.0)


@in_virtual_time
async def test_with_a_long_guard_a_line_that_is_never_silent_is_given_up_in_the_time_that_is_promised() -> (
    None
):
    """After opening it waits for timeout and guard, then for 2 s and two guards: less than two watchdogs of 60 s."""
    line = SimulatedLine(guard="30s")
    async with line.bus:
        for number in range(200):
            line.say(b"~", 0.7 * number)
        error = await failure(line)
        assert "never silent" in str(error)
        assert now() == pytest.approx(1 + 30 + 2 + 2 * 30)


def _whatever_is_asked(answers: list[tuple[float, bytes]], _request: bytes) -> list[tuple[float, bytes]]:
    return answers


@pytest.mark.parametrize("retries", [0, 5])
@pytest.mark.parametrize("times", [1, 10, 60])
@in_virtual_time
async def test_one_question_keeps_its_line_no_longer_than_is_said(times: int, retries: int) -> None:
    """The agent waits so long before it takes the line for stuck and has itself started again."""
    several: dict[str, Any] = {"timeout": f"{times}s", "guard": f"{times}s", "retries": retries}
    for answers, chatter in (([], 0), ([(0.9 * times, b"~\r\n")], 0), ([], 5_000)):
        line = SimulatedLine(partial(_whatever_is_asked, answers), **several)
        async with line.bus:
            for number in range(chatter):
                line.say(b"~", 0.7 * number)
            began_s = now()
            await failure(line)
            assert now() - began_s <= longest_question_s(line.settings)


@in_virtual_time
async def test_a_late_answer_in_pieces_of_which_the_first_was_in_time_is_late() -> None:
    line = SimulatedLine(lambda _: [(0.9, b"7."), (1.4, b"8"), (1.8, b"5\r\n")])
    async with line.bus:
        assert isinstance(await failure(line), Garbled)
        await asyncio.sleep(2)
        await failure(line)
        stats = line.bus.stats
    assert (stats.late_frames, stats.stray_frames) == (1, 1)
    assert stats.guard_s == pytest.approx(1.6)


@in_virtual_time
async def test_what_comes_while_nobody_asks_is_not_the_answer_to_the_next_question() -> None:
    line = counting(0.02)
    async with line.bus:
        await asked(line)
        line.say(b"99\r\n", 0.5)
        line.say(b"9", 0.6)  # and the beginning of a number
        await asyncio.sleep(1)
        assert (await asked(line)).message == "2"
        assert line.bus.stats.stray_frames == 2


@in_virtual_time
async def test_bytes_behind_an_answer_belong_to_nobody() -> None:
    line = saying(b"1\r\n2\r\n", b"3\r\n")
    async with line.bus:
        assert (await asked(line)).message == "1"
        assert (await asked(line)).message == "3"
        assert line.bus.stats.stray_frames == 1


@in_virtual_time
async def test_a_cancelled_question_does_not_poison_the_next_one() -> None:
    line = counting(1.95, 0.02)
    async with line.bus:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.01):  # the silence after opening, and a moment
                await asked(line)
        assert (await asked(line)).message == "2"
        assert line.bus.stats.late_frames == 1
    (first, _), (second, _) = line.requests
    assert second - first >= TIMEOUT_S + 1.0


@pytest.mark.parametrize("seed", range(5))
@in_virtual_time
async def test_no_order_of_late_and_cancelled_questions_gives_another_ones_answer(seed: int) -> None:
    rng = random.Random(seed)
    line = SimulatedLine()
    line.answers = lambda _: [
        (rng.choice([0.01, 0.4, rng.uniform(0.9, 1.99), LONGEST_S]), b"%d\r\n" % len(line.requests))
    ]
    answered = 0
    async with line.bus:
        for _ in range(500):
            try:
                async with asyncio.timeout(rng.choice([None, None, rng.uniform(0, 2)])):
                    message = (await asked(line)).message
            except (DriverError, TimeoutError):
                continue
            assert message == str(len(line.requests))
            answered += 1
    assert answered > 150
    assert line.bus.stats.late_frames > 50


@in_virtual_time
async def test_noise_before_an_answer_is_passed_over() -> None:
    line = saying(b"~\x00\r\n7.85\r\n")
    async with line.bus:
        assert (await asked(line)).message == "7.85"


@in_virtual_time
async def test_an_answer_that_cannot_be_read_is_asked_for_again() -> None:
    line = saying(b"~~~\r\n", b"7.85\r\n", retries=1)
    async with line.bus:
        assert (await asked(line)).message == "7.85"
        assert line.bus.stats.garbled == 1
    assert len(line.requests) == 2


@pytest.mark.parametrize("answer", [b"~~~\r\n", b"7.8"])
@in_virtual_time
async def test_an_answer_that_cannot_be_read_or_has_no_end_is_garbled_and_shown(answer: bytes) -> None:
    line = saying(answer)
    async with line.bus:
        error = await failure(line)
    assert isinstance(error, Garbled)
    assert error.evidence == answer.removesuffix(b"\r\n")
    assert str(error).startswith("10.0.0.6:4001: what came as an answer to '?' cannot be read (heard ")


@in_virtual_time
async def test_a_refusal_is_an_answer_and_the_next_question_follows_at_once() -> None:
    line = saying(b"NO\r\n", b"7.85\r\n", retries=1)
    async with line.bus:
        error = await failure(line)
        assert isinstance(error, Refused)
        assert str(error).startswith("10.0.0.6:4001: it says no")
        assert (await asked(line)).message == "7.85"
        assert line.bus.stats.refused == 1
    (first, _), (second, _) = line.requests
    assert second - first < 0.1


@in_virtual_time
async def test_after_a_refusal_nothing_is_late() -> None:
    line = saying(b"NO\r\n")
    async with line.bus:
        await failure(line)
        line.say(b"~", 1)
        await asyncio.sleep(2)
        assert (line.bus.stats.late_frames, line.bus.stats.stray_frames) == (0, 1)


@in_virtual_time
async def test_the_beginning_of_an_answer_that_broke_off_is_not_glued_to_the_next() -> None:
    line = saying(b"7", b"8\r\n")
    async with line.bus:
        assert isinstance(await failure(line), Garbled)
        assert (await asked(line)).message == "8"


@in_virtual_time
async def test_a_conversation_is_not_interrupted() -> None:
    line = SimulatedLine(lambda request: [(0.2, request + b"\r\n")])

    async def three(talk: Talk) -> str:
        return "".join([(await talk.ask(b"%d" % number, take)).message for number in (1, 2, 3)])

    async with line.bus:
        together, _, _ = await asyncio.gather(line.bus.converse(three), asked(line, b"8"), asked(line, b"9"))
    assert together == "123"
    assert [request for _, request in line.requests] == [b"1", b"2", b"3", b"8", b"9"]


@in_virtual_time
async def test_in_a_conversation_a_second_message_is_waited_for_without_a_question() -> None:
    line = SimulatedLine(lambda _: [(0.1, b"1\r\n"), (0.5, b"2\r\n")])

    async def both(talk: Talk) -> list[str]:
        return [(await talk.ask(request, take)).message for request in (b"?", b"")]

    async with line.bus:
        assert await line.bus.converse(both) == ["1", "2"]
    assert len(line.requests) == 1


@in_virtual_time
async def test_a_conversation_with_a_garbled_answer_is_held_again_from_its_beginning() -> None:
    line = saying(b"1\r\n", b"~\r\n", b"1\r\n", b"2\r\n", retries=1)

    async def two(talk: Talk) -> list[str]:
        return [(await talk.ask(request, take)).message for request in (b"a", b"b")]

    async with line.bus:
        assert await line.bus.converse(two) == ["1", "2"]
    assert [request for _, request in line.requests] == [b"a", b"b", b"a", b"b"]


@in_virtual_time
async def test_three_silences_on_tcp_make_a_new_connection_and_on_a_serial_port_do_not() -> None:
    for url, connections in ((TCP, 2), ("serial:///dev/ttyUSB0?baudrate=9600", 1)):
        line = saying(url=url)
        async with line.bus:
            for _ in range(4):
                await failure(line)
            assert len(line.opened_at) == connections
            assert line.bus.stats.timeouts == 4


@in_virtual_time
async def test_a_line_that_is_lost_while_it_is_asked_says_so_at_once_and_is_opened_again() -> None:
    line = counting(None, 0.02)
    async with line.bus:
        asking = asyncio.create_task(asked(line))
        await asyncio.sleep(2.5)  # two of silence after opening
        line.hang_up()
        at = now()
        with pytest.raises(Unreachable, match="the adapter is gone"):
            await asking
        assert now() == at
        assert (await asked(line)).message == "2"
        assert line.bus.stats.reconnects == 1


@in_virtual_time
async def test_a_port_that_is_found_gone_when_it_is_written_to_is_no_silent_instrument() -> None:
    line = SimulatedLine()

    def gone(_request: bytes) -> list[tuple[float, bytes]]:
        line.hang_up()
        return []

    line.answers = gone
    async with line.bus:
        assert isinstance(await failure(line), Unreachable)


@in_virtual_time
async def test_a_line_that_cannot_be_opened_is_tried_again_later_and_meanwhile_fails_at_once() -> None:
    line = counting(0.02)
    line.opening = [Unreachable("line: no such device")] * 2
    async with line.bus:
        for _ in range(5):
            assert str(await failure(line)) == "line: no such device"
        assert len(line.opened_at) == 2
        await asyncio.sleep(1)
        assert (await asked(line)).message == "1"


@in_virtual_time
async def test_a_device_that_hangs_up_twice_costs_its_neighbour_a_moment_and_no_reading() -> None:
    line = SimulatedLine(lambda request: [(0.02, b"7.85\r\n")] if request == b"good?" else [], TCP)
    async with line.bus:
        for _ in range(2):
            asking = asyncio.create_task(failure(line, b"bad?"))
            await asyncio.sleep(2.5)
            line.hang_up()
            assert isinstance(await asking, Unreachable)
        began_s = now()
        assert (await asked(line, b"good?")).message == "7.85"
        assert 0.5 <= now() - began_s <= 0.5 + 2 + 0.1
        assert line.bus.stats.error is None


# -- instruments that talk by themselves


@in_virtual_time
async def test_a_stream_is_heard_oldest_first_each_message_with_its_time() -> None:
    line = await opened(talking())
    start_s = now()
    async with line.bus:
        for number in range(3):
            line.say(b"%d\r\n" % number, 1 + number)
        await asyncio.sleep(4)
        heard = await line.bus.listen(take, within_s=1)
    assert heard == [(str(number), round(1000 * (start_s + 1 + number))) for number in range(3)]


@in_virtual_time
async def test_a_stream_is_waited_for_when_nothing_new_has_come() -> None:
    line = await opened(talking())
    async with line.bus:
        line.say(b"1\r\n", 1)
        line.say(b"2\r\n", 3)
        assert texts(await line.bus.listen(take, within_s=5)) == ["1"]
        assert texts(await line.bus.listen(take, within_s=5)) == ["2"]
    assert line.requests == []


@in_virtual_time
async def test_a_message_that_is_half_here_at_a_poll_is_whole_at_the_next_with_the_time_of_its_end() -> None:
    line = await opened(talking())
    start_s = now()
    async with line.bus:
        line.say(b"1\r\n12.", 1)
        assert texts(await line.bus.listen(take, within_s=5)) == ["1"]
        line.say(b"5\r\n", 2)
        assert await line.bus.listen(take, within_s=5) == [("12.5", round(1000 * (start_s + 3)))]


@in_virtual_time
async def test_a_half_message_outlives_a_poll_that_gave_up_waiting() -> None:
    line = await opened(talking())
    async with line.bus:
        line.say(b"12.", 1)
        line.say(b"5\r\n", 3)
        with pytest.raises(NoAnswer, match="nothing came within 2 s"):
            await line.bus.listen(take, within_s=2)
        assert texts(await line.bus.listen(take, within_s=2)) == ["12.5"]


@in_virtual_time
async def test_a_cancelled_poll_loses_nothing() -> None:
    line = await opened(talking())
    async with line.bus:
        line.say(b"12.", 1)
        line.say(b"5\r\n", 3)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await line.bus.listen(take, within_s=60)
        assert texts(await line.bus.listen(take, within_s=2)) == ["12.5"]


@in_virtual_time
async def test_a_stream_of_noise_is_garbled_and_noise_between_messages_is_passed_over() -> None:
    line = await opened(talking())
    async with line.bus:
        line.say(b"~~\r\n", 1)
        with pytest.raises(Garbled, match=r"what came cannot be read \(heard 7e 7e\)"):
            await line.bus.listen(take, within_s=2)
        line.say(b"1\r\n~~\r\n2\r\n", 1)
        assert texts(await line.bus.listen(take, within_s=2)) == ["1", "2"]
        assert line.bus.stats.garbled == 1


@in_virtual_time
async def test_a_stream_that_falls_silent_on_tcp_gets_a_new_connection_on_the_third_time() -> None:
    line = await opened(talking())
    async with line.bus:
        for _ in range(3):
            with pytest.raises(NoAnswer, match="nothing came within 60 s"):
                await line.bus.listen(take, within_s=60)
        line.say(b"1\r\n", 1)
        assert texts(await line.bus.listen(take, within_s=60)) == ["1"]
    assert len(line.opened_at) == 2


@in_virtual_time
async def test_a_stream_whose_cable_is_pulled_is_unreachable_and_comes_back() -> None:
    line = await opened(talking())
    async with line.bus:
        asyncio.get_running_loop().call_later(1, line.hang_up)
        with pytest.raises(Unreachable, match="the adapter is gone"):
            await line.bus.listen(take, within_s=60)
        line.say(b"1\r\n", 2)
        assert texts(await line.bus.listen(take, within_s=60)) == ["1"]


@pytest.mark.parametrize("rest", [b"2.5\r\n", b"~\r\n", b"\r\n"])
@in_virtual_time
async def test_the_end_of_a_message_in_which_we_came_in_is_no_message(rest: bytes) -> None:
    """12.5 was on its way when the port was opened: 2.5 must not be signed."""
    line = talking()
    async with line.bus:
        line.say(rest[:1], 0.1)
        line.say(rest[1:], 0.15)
        line.say(b"12.5\r\n", 0.3)
        assert texts(await line.bus.listen(take, within_s=5)) == ["12.5"]
        line.hang_up()
        line.say(rest, 0.1)
        line.say(b"12.6\r\n", 0.3)
        assert texts(await line.bus.listen(take, within_s=5)) == ["12.6"]


@in_virtual_time
async def test_after_a_silence_the_first_message_is_a_whole_one() -> None:
    """Dust is told once an hour: none may be dropped for nothing."""
    line = talking()
    async with line.bus:
        line.say(b"12.", 0.3)
        line.say(b"5\r\n", 0.31)
        assert texts(await line.bus.listen(take, within_s=5)) == ["12.5"]


@in_virtual_time
async def test_what_a_serial_server_kept_while_nobody_was_connected_is_not_signed_as_of_now() -> None:
    line = talking(TCP)
    async with line.bus:
        line.say(b"5\r\n1\r\n2\r\n", 0.01)
        line.say(b"3\r\n4.", 0.02)  # its buffer was full: the rest of 4.1 is gone
        line.say(b"5\r\n12.5\r\n", 1)
        assert texts(await line.bus.listen(take, within_s=5)) == ["12.5"]
        line.hang_up()
        line.say(b"12.5\r\n7\r\n8\r\n", 0.2)
        line.say(b"12.6\r\n", 0.3)
        assert texts(await line.bus.listen(take, within_s=5)) == ["12.6"]


@in_virtual_time
async def test_a_way_that_is_long_is_no_silence_before_a_message() -> None:
    """Half a second to connect: the end of 12.5, sent before the other side knew of us, is as long under way."""
    line = talking(TCP)
    line.connecting_s = 0.5
    async with line.bus:
        line.say(b"2.5\r\n", 0.5 + 0.45)
        line.say(b"12.6\r\n", 0.5 + 1.45)
        assert texts(await line.bus.listen(take, within_s=5)) == ["12.6"]


@in_virtual_time
async def test_of_a_flood_that_nobody_listens_to_the_newest_is_kept_and_no_message_is_cut() -> None:
    line = await opened(talking())
    async with line.bus:
        for number in range(100_000):
            line.say(b"%d.5\r\n" % (100_000 + number), 0.01 * number)
        await asyncio.sleep(1001)
        heard = await line.bus.listen(take, within_s=1)
    numbers = [float(message) for message, _ in heard]
    assert numbers == [200_000.5 - len(numbers) + number for number in range(len(numbers))]
    assert MOST_KEPT_BYTES * 0.9 < 10 * len(numbers) <= MOST_KEPT_BYTES
    assert heard[-1].at_mono_ms == 1000 + 999_990


@pytest.mark.parametrize("size", [1, 3, 7, 9, 11])
@in_virtual_time
async def test_of_a_flood_in_odd_pieces_no_message_is_cut(size: int) -> None:
    line = await opened(talking())
    async with line.bus:
        line.say(b"1\r\n9", 0.5)
        assert texts(await line.bus.listen(take, within_s=1)) == ["1"]
        whole = b"".join(b"%d.5\r\n" % (100_000 + number) for number in range(20_000))
        for place in range(0, len(whole), size):
            line.say(whole[place : place + size], 0.001 * place)
        await asyncio.sleep(201)
        heard = await line.bus.listen(take, within_s=1)
    numbers = [float(message) for message, _ in heard]
    assert numbers == [120_000.5 - len(numbers) + number for number in range(len(numbers))]
