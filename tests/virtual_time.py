"""An event loop whose clock jumps: a day of back-off and heads passes in milliseconds, in the same order each time.

    @in_virtual_time
    async def test_a_day_without_a_broker(tmp_path): ...

Nothing may block: threads and real sockets have no place in such a story. When nothing is left that could ever
happen, the loop says so instead of waiting for ever.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ParamSpec

from telemetry.record import ClockState

P = ParamSpec("P")

LONGEST_STORY_S = 30 * 86_400.0


class NothingLeftToHappen(RuntimeError):
    """Every task waits for something that no timer will bring."""


class _JumpingSelector(selectors.BaseSelector):
    """Answers at once; where the loop would have waited, its clock jumps instead."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._real.select(0)
        if events:
            return events
        if timeout is None:
            raise NothingLeftToHappen
        if timeout > 0:
            self._jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time()` begins at 0 s and moves only when nothing else is to be done."""

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        return self._now_s

    def _jump(self, seconds: float) -> None:
        self._now_s += seconds
        if self._now_s > LONGEST_STORY_S:
            raise NothingLeftToHappen(f"{LONGEST_STORY_S} virtual seconds have passed")


class VirtualClock:
    """agent.clock.Clock over the running virtual loop. `step_ms` moves the wall alone."""

    def __init__(self, wall_ms: int = 1_800_000_000_000, mono_ms: int = 50_000) -> None:
        self._wall_ms = wall_ms
        self._mono_ms = mono_ms

    def wall_ms(self) -> int:
        return self._wall_ms + self._passed_ms()

    def mono_ms(self) -> int:
        return self._mono_ms + self._passed_ms()

    def both_ms(self) -> tuple[float, float]:
        return self.wall_ms(), self.mono_ms()

    def boot_id(self) -> bytes:
        return b"bootboot"

    def quality(self) -> tuple[int, int]:
        return int(ClockState.SYNCHRONISED), 3

    def step_ms(self, ms: int) -> None:
        self._wall_ms += ms

    def _passed_ms(self) -> int:
        return round(asyncio.get_running_loop().time() * 1_000)


def in_virtual_time(story: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Makes a test of a coroutine function; fixtures come as usual."""

    @functools.wraps(story)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        swallowed: list[BaseException] = []
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            loop = runner.get_loop()
            loop.set_exception_handler(lambda _, context: swallowed.append(_error_of(context)))
            runner.run(story(*args, **kwargs))
        if swallowed:  # a failed assertion in a callback, or a task that nobody asked about
            raise swallowed[0]

    return told


def _error_of(context: dict[str, Any]) -> BaseException:
    error = context.get("exception")
    return error if isinstance(error, BaseException) else RuntimeError(context["message"])
