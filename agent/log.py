"""What the agent says: one line for each event, for people or as JSON. No secret is ever in an event's fields."""

import json
import logging
import sys
from time import gmtime as _gmtime
from typing import Literal, TextIO

from config.errors import one_line

LOGGER = logging.getLogger("tram")

ALARMS = frozenset(
    {
        "device.silent",
        "device.defect",
        "store.failing",
        "store.slow",
        "station.reload-refused",
        "ledger.restored",
    }
)
"""Events that somebody should look at; the others are for the record."""


def report(event: str, fields: dict[str, object]) -> None:
    """Say it once. `fields` names device, line or destination and carries the evidence."""
    alarm = event in ALARMS or bool(fields.get("alarm"))
    LOGGER.log(logging.WARNING if alarm else logging.INFO, event, extra={"fields": fields})


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _utc(self, record), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | getattr(record, "fields", {}), default=str, ensure_ascii=False)


class _People(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        words = " ".join(
            f"{name}={_shown(value)}" for name, value in fields.items() if not _is_for_programs(name, value)
        )
        mark = "!" if record.levelno >= logging.WARNING else " "
        return f"{_utc(self, record)} {mark} {record.getMessage()} {words}".rstrip()


def set_up(style: Literal["people", "json"], stream: TextIO | None = None) -> None:
    """One handler on standard error; what libraries say stays with them unless it is serious."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _People())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def _utc(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    formatter.converter = _gmtime
    return f"{formatter.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"


def _is_for_programs(name: str, value: object) -> bool:
    """The mark says that it is an alarm, `why` says the fault in words; the kind of an alarm is for people too."""
    return name == "fault" or (name == "alarm" and isinstance(value, bool))


def _shown(value: object) -> str:
    text = str(value)
    return one_line(json.dumps(text, ensure_ascii=False) if " " in text or not text else text)
