"""The store's executor: the work inline, sometimes after a wait and with a wait before its caller hears of it."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeVar

T = TypeVar("T")


class SlowWriter:
    """buffer.writer.Executor: one job at a time, in order, run even when nobody waits for it any more."""

    def __init__(self, rng: Random, slow_s: Callable[[], float]) -> None:
        self._rng = rng
        self._slow_s = slow_s
        self._turn = asyncio.Lock()
        self._jobs: set[asyncio.Task[tuple[object, Exception | None]]] = set()
        self._closed = False

    async def run(self, job: Callable[[], T]) -> T:
        """See Executor.run."""
        if self._closed:
            raise RuntimeError("the store is closed")
        task = asyncio.get_running_loop().create_task(self._one(job), name="store job")
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        result, error = await asyncio.shield(task)
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def close(self) -> None:
        """See Executor.close."""
        self._closed = True

    async def _one(self, job: Callable[[], object]) -> tuple[object, Exception | None]:
        async with self._turn:
            await asyncio.sleep(self._wait_s())
            try:
                outcome: tuple[object, Exception | None] = job(), None
            except Exception as error:  # noqa: BLE001 - handed to whoever waits, if anybody does
                outcome = None, error
            await asyncio.sleep(self._wait_s() / 4)
            return outcome

    def _wait_s(self) -> float:
        return self._rng.uniform(0.0, 0.02) + self._slow_s()
