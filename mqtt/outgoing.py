"""Publishes on their way to the broker, and the window that bounds them.

paho ignores the broker's Receive Maximum and resends at will; here a place in the window is taken before a
publish and given back by its PUBACK alone, whatever became of the caller who waited for it.
"""

import asyncio

from mqtt.errors import Lost


class Outgoing:
    """At most `size` unacknowledged publishes. After `end` everything that waits or comes raises Lost."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._places = asyncio.Semaphore(size)
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._sent_s: dict[int, float] = {}
        self._lost: Lost | None = None

    async def place(self) -> None:
        """Wait for a place in the window. The caller hands it to `sent` at once or to `give_back`."""
        await self._places.acquire()
        if self._lost is not None:
            self._places.release()  # one loss wakes one waiter, and each wakes the next
            raise self._lost.again()

    def give_back(self) -> None:
        """A place that was taken and not used."""
        self._places.release()

    def sent(self, mid: int, now_s: float) -> asyncio.Future[int]:
        """Note a publish under its packet identifier; gives the future reason code of its PUBACK, or Lost."""
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answers[mid] = answer
        self._sent_s[mid] = now_s
        return answer

    def acknowledged(self, mid: int, reason_code: int) -> None:
        """The PUBACK came; an identifier that is not on its way is ignored."""
        answer = self._answers.pop(mid, None)
        if answer is None:
            return
        del self._sent_s[mid]
        self._places.release()
        if not answer.done():  # the caller may have been cancelled
            answer.set_result(reason_code)

    def oldest_s(self) -> float | None:
        """When the publish that has waited longest was sent; None: none waits."""
        return next(iter(self._sent_s.values()), None)

    def end(self, lost: Lost) -> None:
        """The connection is gone: everyone who waits learns it now."""
        self._lost = lost
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(lost.again())
        self._answers.clear()
        self._sent_s.clear()
        self._places.release()
