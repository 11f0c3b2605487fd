"""Waiting for something to become true: looked at again and again until a deadline, never slept for."""

import time
from collections.abc import Callable
from typing import TypeVar

LOOK_AGAIN_S = 0.05

Seen = TypeVar("Seen")


def until(condition: Callable[[], Seen], what: str, *, within_s: float = 15.0) -> Seen:
    """What `condition` gives as soon as it is true; AssertionError with `what` and its last value if never."""
    deadline = time.monotonic() + within_s
    while not (seen := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}; last seen: {seen!r}")
        time.sleep(LOOK_AGAIN_S)
    return seen
