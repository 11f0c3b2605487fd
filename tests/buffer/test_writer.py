"""Both executors keep one contract."""

import asyncio
import gc
import threading
from collections.abc import Callable

import pytest

from buffer.writer import Executor, Inline, WriterThread


@pytest.fixture(params=[WriterThread, Inline])
def executor(request: pytest.FixtureRequest) -> Executor:
    make: Callable[[], Executor] = request.param
    return make()


async def test_jobs_run_one_at_a_time_in_the_order_they_were_asked_for(executor: Executor) -> None:
    order: list[int] = []
    threads: set[str] = set()

    def job(number: int) -> int:
        order.append(number)
        threads.add(threading.current_thread().name)
        return number

    answers = await asyncio.gather(*(executor.run(lambda n=number: job(n)) for number in range(50)))  # type: ignore[misc]
    assert answers == order == list(range(50))
    assert len(threads) == 1
    executor.close()


async def test_what_a_job_raises_reaches_the_one_who_asked(executor: Executor) -> None:
    def job() -> None:
        raise LookupError("no such page")

    with pytest.raises(LookupError, match="no such page"):
        await executor.run(job)
    assert await executor.run(lambda: 1) == 1
    executor.close()


async def test_after_close_no_job_is_taken(executor: Executor) -> None:
    executor.close()
    with pytest.raises(RuntimeError):
        await executor.run(lambda: 1)


async def test_a_slow_job_does_not_hold_the_event_loop() -> None:
    executor = WriterThread()
    gate = threading.Event()
    slow = asyncio.create_task(executor.run(gate.wait))
    ticks = 0
    while ticks < 5:
        await asyncio.sleep(0)
        ticks += 1
    assert not slow.done()
    gate.set()
    assert await slow
    executor.close()


async def test_a_job_is_run_although_its_asker_was_cancelled() -> None:
    executor = WriterThread()
    gate, done = threading.Event(), threading.Event()
    first = asyncio.create_task(executor.run(gate.wait))
    second = asyncio.create_task(executor.run(done.set))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    executor.close()
    assert done.is_set()


@pytest.mark.filterwarnings("error")
async def test_a_failure_that_nobody_waits_for_any_more_is_not_told_as_a_defect() -> None:
    executor, gate, told = WriterThread(), threading.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))

    def job() -> None:
        gate.wait()
        raise LookupError("no such page")

    waiting = asyncio.create_task(executor.run(job))
    await asyncio.sleep(0)
    waiting.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await executor.run(lambda: None)
    await asyncio.sleep(0)
    gc.collect()
    assert told == []
    executor.close()
