"""The tap of a line: what passes is told to those who watch, and costs a look at one attribute when nobody does.

A wire tells the bytes, the rules of the line tell what became of a question. Nothing is put together or decoded
here, and whoever is told must neither wait nor raise: it is called in the middle of a question.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Literal, NamedTuple, TypeVar

from drivers.characters import Take
from drivers.errors import DriverError
from drivers.protocols.modbus_pdu import Malformed

T = TypeVar("T")

_UNNAMED = frozenset({"value", "values", "said"})

Kind = Literal["opened", "sent", "heard", "unasked", "read", "trouble"]


class Passed(NamedTuple):
    """One thing that happened on a line, at `at_s` of the event loop (CLOCK_MONOTONIC).

    | kind | `octets` | `words` |
    |---|---|---|
    | opened | | where the line leads |
    | sent | what was asked | |
    | heard | what came while an answer was due, or on a line that streams; in pieces as it came | |
    | unasked | what came while nobody asked | |
    | read | | what the driver's codec made of characters, or why it could not |
    | trouble | | why a question has no answer |
    """

    at_s: float
    kind: Kind
    octets: bytes = b""
    words: str = ""


Watcher = Callable[[Passed], None]


class Tap:
    """Of one line. `is_watched` is all that a wire looks at."""

    __slots__ = ("_watchers", "is_watched")

    def __init__(self) -> None:
        self.is_watched = False
        self._watchers: tuple[Watcher, ...] = ()

    def join(self, watcher: Watcher) -> None:
        """Tell it too."""
        self._watchers = (*self._watchers, watcher)
        self.is_watched = True

    def leave(self, watcher: Watcher) -> None:
        """Tell it no more; somebody who is not there may leave."""
        self._watchers = tuple(other for other in self._watchers if other != watcher)
        self.is_watched = bool(self._watchers)

    def tell(self, kind: Kind, octets: bytes = b"", words: str = "") -> None:
        """It happened now."""
        passed = Passed(asyncio.get_running_loop().time(), kind, octets, words)
        for watcher in self._watchers:
            watcher(passed)

    def tell_trouble(self, error: DriverError, where: object) -> None:
        """A question has no answer. The line itself, and the bytes that were heard instead, are known already."""
        what = error.what.removeprefix(f"{where}: ")
        self.tell("trouble", words=f"{what}; {error.hint}" if error.hint else what)


def read_aloud(tap: Tap, take: Take[T]) -> Take[T]:
    """The same reader, which also tells what it reads."""

    def aloud(buffer: bytearray) -> T | None:
        try:
            message = take(buffer)
        except Malformed as malformed:
            why = str(malformed).removesuffix(f": {malformed.evidence.hex(' ')}")
            tap.tell("read", words=f"not read: {why}")
            raise
        if message is not None:
            tap.tell("read", words=said(message))
        return message

    return aloud


def said(message: object) -> str:
    """A codec's message in a line: names and values, what is empty left out."""
    if isinstance(message, Mapping):
        return ", ".join(f"{name} {said(word)}" for name, word in message.items())
    if is_dataclass(message) and not isinstance(message, type):
        return _named((field.name, getattr(message, field.name)) for field in fields(message))
    if isinstance(message, tuple) and hasattr(message, "_fields"):
        return _named(zip(message._fields, message, strict=True))
    if isinstance(message, (list, tuple)):
        return " | ".join(said(each) for each in message)
    if isinstance(message, bytes):
        return message.hex(" ").upper()
    return "no value" if message is None else str(message)


def _named(pairs: Iterable[tuple[str, object]]) -> str:
    """A number stands with its unit and without its name, as people say it."""
    parts: list[str] = []
    for name, value in pairs:
        if value in (None, "", (), b"") or (name, value) == ("flags", 0):
            continue
        if name == "unit" and parts:
            parts[-1] += f" {said(value)}"
        else:
            parts.append(said(value) if name in _UNNAMED else f"{name} {said(value)}")
    return ", ".join(parts)
