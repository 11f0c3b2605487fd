"""Reading the store of a centre that may be running: a read-only connection, never a lock for long."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

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
            sqlite3.connect(f"{folder.database.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA busy_timeout = 5000")
            yield connection
    except sqlite3.Error as error:
        raise FolderError(f"{folder.database} cannot be read: {error}") from error
