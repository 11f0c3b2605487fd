"""What the running agent says of itself, over a Unix socket beside the store. Root and the agent's user only."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

Status = dict[str, object]


class NotRunning(Exception):
    """Nobody answers at the socket."""


def socket_path(store: Path) -> Path:
    """Where the agent that owns this store listens."""
    return store.parent / "agent.sock"


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of at most 108 bytes for a socket in a deep folder (sun_path, unix(7))."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@asynccontextmanager
async def answering(path: Path, status: Callable[[], Status]) -> AsyncIterator[None]:
    """Answers each connection with one JSON object. The store's lock says that nobody else is here."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(json.dumps(status(), ensure_ascii=False, default=str).encode())
            await writer.drain()
        writer.close()

    path.unlink(missing_ok=True)
    with _short(path) as name:
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(answer, name)
        finally:
            os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def ask(path: Path, *, timeout_s: float = 5.0) -> Status:
    """The status of the agent at this socket; NotRunning when there is none."""
    try:
        with _short(path) as name:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_unix_connection(name, limit=2**24)
                answer = await reader.read()
                writer.close()
        status: Status = json.loads(answer)
    except PermissionError as error:
        raise NotRunning(
            f"{path}: the agent answers its own user and root only: run this as that user (sudo -u USER)"
        ) from error
    except (OSError, TimeoutError, ValueError) as error:
        raise NotRunning(
            f"no agent answers at {path}: is `tram run` running for this station file?"
        ) from error
    return status
