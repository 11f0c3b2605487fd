"""Reading the store of a centre that may be running: a read-only connection, never a lock for long."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from central.errors import FolderError
from central.folder import Folder


@contextmanager
def snapshot(folder: Folder) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. FolderError when there is no readable store."""
    if not folder.database.exists():
        raise FolderError(
            f"{folder.path} has no store yet; start `tram central serve {folder.path} --broker URL` first"
        )
    try:
        with closing(
            sqlite3.connect(_uri(folder.database.resolve()), uri=True, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA busy_timeout = 5000")
            yield connection
    except sqlite3.Error as error:
        raise FolderError(f"{folder.database} cannot be read: {error}") from error


def _uri(path: Path) -> str:
    """SQLite puts an index beside a store even to read it. At rest in a folder that is not ours it need not."""
    at_rest = not path.with_name(f"{path.name}-wal").exists() and not os.access(path.parent, os.W_OK)
    return f"{path.as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"
