"""What is wrong with one destination right now, one sentence per kind.

Each is said once when it begins and once when it ends.
"""

from collections.abc import Callable

Events = Callable[[str, dict[str, object]], None]
"""Takes the name of what happened and its details: a log line, and what `tram status` shows."""


class Alarms:
    """Kinds are short constant words; the sentence is for the technician."""

    def __init__(self, destination: str, events: Events) -> None:
        self._destination = destination
        self._events = events
        self._texts: dict[str, str] = {}

    @property
    def text(self) -> str | None:
        """All alarms in one line, the oldest first; None: all is well."""
        return "; ".join(self._texts.values()) or None

    def say(self, what: str, **detail: object) -> None:
        """Something worth a log line, that is not a state."""
        self._events(f"destination.{what}", {"destination": self._destination, **detail})

    def begin(self, kind: str, text: str) -> None:
        """This is wrong from now on. Said again only when the words change."""
        if self._texts.get(kind) != text:
            self._texts[kind] = text
            self.say("alarm", alarm=kind, text=text)

    def end(self, *kinds: str) -> None:
        """These are over, where they were on."""
        for kind in kinds:
            if self._texts.pop(kind, None) is not None:
                self.say("alarm-over", alarm=kind)
