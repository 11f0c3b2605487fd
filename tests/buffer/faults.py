"""A connection whose commits fail on order, the way a failing disk makes them fail."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

Outcome = str
"""What happens to one COMMIT: "ok"; "lost": an error and nothing written; "written": an error all the same."""


class Disk:
    """The outcomes of the commits to come; when they are used up all goes well."""

    def __init__(self) -> None:
        self.plan: list[Outcome] = []
        self.code = sqlite3.SQLITE_IOERR
        self.commits = 0

    def next(self) -> Outcome:
        self.commits += 1
        return self.plan.pop(0) if self.plan else "ok"

    def error(self) -> sqlite3.OperationalError:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = self.code
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        return error


def failing(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """From now on connections are made on this disk."""
    disk = Disk()
    real: Callable[..., sqlite3.Connection] = sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, /, *parameters: Any) -> sqlite3.Cursor:
            outcome = disk.next() if sql == "COMMIT" else "ok"
            if outcome == "lost":
                super().execute("ROLLBACK")
                raise disk.error()
            cursor = super().execute(sql, *parameters)
            if outcome == "written":
                raise disk.error()
            return cursor

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        return real(*args, factory=Connection, **options)

    monkeypatch.setattr(sqlite3, "connect", connect)
    return disk
