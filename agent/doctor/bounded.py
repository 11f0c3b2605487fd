"""Blocking questions with a time bound: a name server or disk that hangs holds up neither the others nor the end.

The usual executor waits for its threads when the program ends. These are forgotten.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Forgetting(ThreadPoolExecutor):
    """A thread for each question; nobody waits for it in the end. Other errors than these two are defects."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As an executor does."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except (OSError, ValueError) as error:
                future.set_exception(error)

        Thread(target=work, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing to wait for."""


def forget_threads() -> None:
    """From now on the running loop asks in threads that end with the program, name look-ups included."""
    asyncio.get_running_loop().set_default_executor(Forgetting())


async def asked(question: Callable[[], T]) -> T:
    """The answer of something that may block. Bound it with asyncio.timeout."""
    return await asyncio.get_running_loop().run_in_executor(None, question)
