"""A Unix socket beside the store, for root and the agent's user only. Whoever listens holds the store's lock."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name of at most 108 bytes for a socket in a deep folder (sun_path, unix(7))."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@asynccontextmanager
async def listening(
    path: Path, serve: Callable[[str], Awaitable[asyncio.AbstractServer]]
) -> AsyncIterator[None]:
    """What `serve` makes of the name listens until the end. A socket that a kill left behind is replaced."""
    path.unlink(missing_ok=True)
    with short_name(path) as name:
        before = os.umask(0o177)
        try:
            server = await serve(name)
        finally:
            os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)
