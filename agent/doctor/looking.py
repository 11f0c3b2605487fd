"""One look, within its bound: a result, or a verdict on why there is none."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from agent.doctor.bounded import asked
from agent.doctor.verdict import Line, Verdict, lines, wrong

LOOK_S: Final = 4.0
"""For one look at this machine: a file, the store, the agent's socket."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check:
    """What is looked at, and for how long at most."""

    subject: str
    name: str
    look: Callable[[], Awaitable[list[Line]]]
    bound_s: float = LOOK_S


async def within(bound_s: float, look: Awaitable[T]) -> T | Verdict:
    """The result; a verdict when the time was up or the machine did not let us look."""
    try:
        async with asyncio.timeout(bound_s):
            return await look
    except TimeoutError:
        return wrong("check-late", bound=f"{bound_s:g}")
    except OSError as error:
        return wrong("check-failed", why=str(error))


async def look(question: Callable[[], T]) -> T | Verdict:
    """The same for something that blocks."""
    return await within(LOOK_S, asked(question))


async def run(check: Check) -> list[Line]:
    """Its lines."""
    found = await within(check.bound_s, check.look())
    return lines(check.subject, check.name, [found]) if isinstance(found, Verdict) else found


def judged(subject: str, name: str, question: Callable[[], T], judge: Callable[[T], list[Verdict]]) -> Check:
    """A check that asks this machine something that may block, and judges it."""

    async def both() -> list[Line]:
        return lines(subject, name, judge(await asked(question)))

    return Check(subject, name, both)
