"""What may block for long, in a few threads that nobody waits for in the end: names that are looked up, damaged files.

The threads of the usual executor are joined when the program ends. A name server that does not answer, as at every
station whose line to the world is down, would hold up each stop for a minute, and the next start with it.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MOST_THREADS: Final = 8
"""Each takes 8 MB of the addresses of a 32-bit system."""


class Errands(ThreadPoolExecutor):
    """As an executor for the event loop; what is asked beyond MOST_THREADS waits for its turn."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = Lock()
        self._asked: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As an executor does."""
        future: Future[T] = Future()
        with self._guard:
            if self._running < MOST_THREADS:
                Thread(target=self._run, name="errand", daemon=True).start()
                self._running += 1
            self._asked.append((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing to wait for."""

    def _run(self) -> None:
        """Until nothing is asked any more."""
        while True:
            with self._guard:
                if not self._asked:
                    self._running -= 1
                    return
                future, question = self._asked.popleft()
            if future.set_running_or_notify_cancel():
                with _Failing(future):
                    future.set_result(question())


class _Failing:
    """Whatever is raised inside is the future's."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self._future.set_exception(error)
        return True
