"""What the running agent says of itself, over a Unix socket beside the store. Root and the agent's user only."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agent.local_socket import listening, short_name

Status = dict[str, object]


class NotRunning(Exception):
    """Nobody answers at the socket."""


def socket_path(store: Path) -> Path:
    """Where the agent that owns this store listens."""
    return store.parent / "agent.sock"


@asynccontextmanager
async def answering(path: Path, status: Callable[[], Status]) -> AsyncIterator[None]:
    """Answers each connection with one JSON object."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(json.dumps(status(), ensure_ascii=False, default=str).encode())
            await writer.drain()
        writer.close()

    async with listening(path, lambda name: asyncio.start_unix_server(answer, name)):
        yield


async def _answer(name: str) -> bytes:
    """All that is said; the connection is closed also when the agent hangs and the time is up."""
    reader, writer = await asyncio.open_unix_connection(name, limit=2**24)
    with contextlib.closing(writer):
        return await reader.read()


async def ask(path: Path, *, timeout_s: float = 5.0) -> Status:
    """The status of the agent at this socket; NotRunning when there is none."""
    try:
        with short_name(path) as name:
            async with asyncio.timeout(timeout_s):
                answer = await _answer(name)
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
