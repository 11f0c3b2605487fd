"""Where the store's work runs: in one thread of its own, or inline for tests and simulated worlds.

Both keep the same contract: jobs run one at a time, in the order they were asked for, and a job that has been
asked for is run even when nobody waits for it any more. One thread means one connection, so that no second
connection ever writes or checkpoints (SQLite's WAL-reset bug, 3.7.0 to 3.51.2, needs two).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Executor(Protocol):
    """Runs the store's jobs one after the other."""

    async def run(self, job: Callable[[], T]) -> T:
        """The job's result or exception. Cancelling the wait does not cancel the job."""
        ...

    def close(self) -> None:
        """No job may be asked for afterwards (RuntimeError)."""
        ...


class WriterThread:
    """One thread, one queue."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tram-buffer")

    async def run(self, job: Callable[[], T]) -> T:
        """See Executor.run."""
        result = asyncio.get_running_loop().run_in_executor(self._pool, job)
        result.add_done_callback(_looked_at)
        return await asyncio.shield(result)

    def close(self) -> None:
        """Waits for the jobs already asked for."""
        self._pool.shutdown(wait=True)


def _looked_at(result: asyncio.Future[T]) -> None:
    """The failure of a job that nobody waits for any more is no news: the next job meets the same trouble."""
    if not result.cancelled():
        result.exception()


class Inline:
    """Runs each job where it is asked for: no thread, no switch of tasks, the same order every time."""

    def __init__(self) -> None:
        self._closed = False

    async def run(self, job: Callable[[], T]) -> T:
        """See Executor.run."""
        if self._closed:
            raise RuntimeError("the store is closed")
        return job()

    def close(self) -> None:
        """Refuses further jobs."""
        self._closed = True
