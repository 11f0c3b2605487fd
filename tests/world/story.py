"""What happened, in the field's words and in virtual time; and what went wrong."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """One event. `at_s`: virtual seconds since the world began."""

    at_s: float
    who: str
    what: str

    def __str__(self) -> str:
        minutes, seconds = divmod(self.at_s, 60)
        hours, minutes = divmod(int(minutes), 60)
        return f"{hours:3}:{minutes:02}:{seconds:06.3f}  {self.who:<10} {self.what}"


class Story:
    """Told while it happens. `root` is left out of everything that is told: it is another one each time."""

    def __init__(self, root: Path) -> None:
        self.lines: list[Line] = []
        self.faults: Counter[str] = Counter()
        self.violations: list[str] = []
        self._root = str(root)

    def tell(self, who: str, what: str) -> None:
        """One line."""
        self.lines.append(Line(asyncio.get_running_loop().time(), who, what.replace(self._root, "~")))

    def fault(self, kind: str, what: str) -> None:
        """A fault strikes."""
        self.faults[kind] += 1
        self.tell("fault", f"{kind}: {what}")

    def violated(self, invariant: str, what: str) -> None:
        """A promise is broken."""
        text = f"{invariant}: {what}".replace(self._root, "~")
        if text not in self.violations:
            self.violations.append(text)
            self.tell("VIOLATION", text)

    def report(self, event: str, fields: Mapping[str, object]) -> None:
        """agent.keep.Report: what the agent logs."""
        said = " ".join(f"{name}={value}" for name, value in fields.items())
        self.tell("agent", f"{event} {said}"[:300])

    def digest(self, kept: Iterable[bytes]) -> str:
        """The same for the same story with the same records in the end."""
        told = hashlib.sha256("\n".join(map(str, self.lines)).encode())
        for envelope in sorted(kept):
            told.update(envelope)
        return told.hexdigest()[:16]
