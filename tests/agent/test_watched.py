"""The running agent's lines, watched over a socket: by several at once, by a slow one, by one that dies."""

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.status import NotRunning
from agent.watched import MOST_VISITORS, MOST_WAITING_BYTES, Subject, Watched, showing, socket_path
from agent.watching import Missed, Watch, WatchEnded, watching
from drivers.frames import Frame
from drivers.protocols import modbus_tcp

METER = Subject("meter", "tcp://10.0.0.5:502", "tcp", False)
TANK = Subject("tank", "serial:///dev/ttyUSB1?baudrate=9600", "characters", False)
ASKED = modbus_tcp.encode(modbus_tcp.Adu(1, 1, bytes.fromhex("03 00 00 00 02")))
ANSWERED = modbus_tcp.encode(modbus_tcp.Adu(1, 1, bytes.fromhex("03 04 40 FB 33 33")))


def about() -> dict[str, object]:
    return {"station": "BD_1", "software": "tram 0", "wall_ms": 1_795_000_000_000}


@asynccontextmanager
async def agent(folder: Path) -> AsyncIterator[tuple[Path, Watched]]:
    """An agent's side with two lines."""
    watched = Watched()
    watched.renew([METER, TANK], ["gateway"])
    path = socket_path(folder / "ledger.db")
    async with asyncio.timeout(20), showing(path, watched, about):
        yield path, watched


async def frames(watch: Watch, count: int) -> list[Frame | Missed]:
    seen: list[Frame | Missed] = []
    async for shown in watch.frames():
        seen.append(shown)
        if len(seen) == count:
            break
    return seen


async def until_nobody_watches(watched: Watched, line: str) -> None:
    async with asyncio.timeout(10):
        while watched.tap(line).is_watched:
            await asyncio.sleep(0)


async def ends(watch: Watch) -> str:
    """Why the watch ends."""
    with pytest.raises(WatchEnded) as ended:
        async for _ in watch.frames():
            pass
    return str(ended.value)


async def test_a_watcher_gets_the_frames_of_its_line_and_of_no_other(tmp_path: Path) -> None:
    async with agent(tmp_path) as (path, watched), watching(path, "meter") as watch:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (watch.about.station, watch.about.url, watch.about.framing) == ("BD_1", METER.url, "tcp")
        watched.tap("tank").tell("sent", b"LEV?\r")
        watched.tap("meter").tell("sent", ASKED)
        watched.tap("meter").tell("heard", ANSWERED)
        seen = await frames(watch, 2)
    assert [(frame.way, frame.octets) for frame in seen if isinstance(frame, Frame)] == [
        (">", ASKED),
        ("<", ANSWERED),
    ]
    assert not path.exists()


async def test_its_times_are_those_of_the_agents_wall_clock(tmp_path: Path) -> None:
    async with agent(tmp_path) as (path, watched), watching(path, "meter") as watch:
        watched.tap("meter").tell("sent", ASKED)
        (shown,) = await frames(watch, 1)
        passed_s = watch.about.moment(shown.at_s).timestamp() - 1_795_000_000
        assert 0 <= passed_s < 10


async def test_two_watch_at_once_and_the_death_of_one_does_not_touch_the_other(tmp_path: Path) -> None:
    async with agent(tmp_path) as (path, watched), watching(path, "meter") as first:
        second = socket.socket(socket.AF_UNIX)
        second.connect(str(path))
        second.sendall(b'{"line": "meter"}\n')
        await asyncio.get_running_loop().run_in_executor(None, second.recv, 10)
        second.close()
        for _ in range(50):
            watched.tap("meter").tell("sent", ASKED)
            await asyncio.sleep(0)
        assert len(await frames(first, 50)) == 50


async def test_when_nobody_watches_any_more_the_line_is_not_told_about(tmp_path: Path) -> None:
    async with agent(tmp_path) as (path, watched):
        assert not watched.tap("meter").is_watched
        async with watching(path, "meter"), watching(path, "meter"):
            assert watched.tap("meter").is_watched
        await until_nobody_watches(watched, "meter")


async def test_one_that_does_not_read_holds_nobody_and_is_told_how_much_it_missed(tmp_path: Path) -> None:
    async with agent(tmp_path) as (path, watched), watching(path, "meter") as watch:
        tap, passed = watched.tap("meter"), 0
        for _ in range(12 * MOST_WAITING_BYTES // 1000):
            tap.tell("heard", ANSWERED * 30)  # nobody reads: not one turn of the loop
            passed += 1
        seen: list[Frame | Missed] = []
        async for shown in watch.frames():
            seen.append(shown)
            if len(seen) % 100 == 0:
                tap.tell("heard", ANSWERED * 30)
                passed += 1
            if isinstance(shown, Missed):
                break
        (missed,) = (shown for shown in seen if isinstance(shown, Missed))
        shown_pieces = (len(seen) - 1) / 30
        assert missed.pieces > 1000
        assert shown_pieces + missed.pieces <= passed
        assert shown_pieces * 1000 < 10 * MOST_WAITING_BYTES


async def test_what_waits_for_a_slow_one_has_a_bound(tmp_path: Path) -> None:
    async with agent(tmp_path) as (path, watched):
        slow = socket.socket(socket.AF_UNIX)
        slow.setblocking(False)
        slow.connect(str(path))
        slow.send(b'{"line": "meter"}\n')
        async with asyncio.timeout(10):
            while not watched.tap("meter").is_watched:
                await asyncio.sleep(0)
        (visitor,) = watched.visitors
        for _ in range(5_000):
            watched.tap("meter").tell("heard", bytes(1000))
        assert visitor.waiting_bytes < MOST_WAITING_BYTES + 10_000
        slow.close()
        await until_nobody_watches(watched, "meter")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rs485", 'the running agent has no line "rs485"; it has: meter, tank'),
        ("gateway", "is this machine itself: nothing passes on a wire"),
    ],
)
async def test_what_cannot_be_watched_is_one_sentence(tmp_path: Path, line: str, words: str) -> None:
    async with agent(tmp_path) as (path, _):
        with pytest.raises(WatchEnded, match=words):
            async with watching(path, line):
                pass


@pytest.mark.parametrize("wish", [b"meter\n", b"[]\n", b"{}\n", b'"\n', b"\xff\n", b"x" * 5000])
async def test_a_wish_that_nobody_understands_is_hung_up_on(tmp_path: Path, wish: bytes) -> None:
    async with agent(tmp_path) as (path, watched):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(wish)
        with pytest.raises((ConnectionError, EOFError)):
            await reader.readexactly(1)
        writer.close()
        assert not watched.tap("meter").is_watched


async def test_too_many_are_refused_in_words(tmp_path: Path) -> None:
    async with agent(tmp_path) as (path, _):
        there = [await asyncio.open_unix_connection(str(path)) for _ in range(MOST_VISITORS)]
        with pytest.raises(WatchEnded, match="16 watch already"):
            async with watching(path, "meter"):
                pass
        for _, writer in there:
            writer.close()


async def test_a_file_that_is_read_again_ends_no_watch_but_of_a_line_that_changed(tmp_path: Path) -> None:
    async with (
        agent(tmp_path) as (path, watched),
        watching(path, "meter") as meter,
        watching(path, "tank") as tank,
    ):
        before = watched.tap("meter")
        watched.renew([METER, TANK._replace(url="serial:///dev/ttyUSB2?baudrate=9600")])
        assert watched.tap("meter") is before
        watched.tap("meter").tell("sent", ASKED)
        assert len(await frames(meter, 1)) == 1
        assert await ends(tank) == 'line "tank" has changed in the station file: watch it again'
        watched.renew([TANK])
        assert "has changed in the station file" in await ends(meter)


async def test_an_agent_that_stops_says_so(tmp_path: Path) -> None:
    async with agent(tmp_path) as (path, watched), watching(path, "meter") as watch:
        watched.tap("meter").tell("heard", ANSWERED[:5])
        watched.end()
        assert await ends(watch) == "the agent has stopped"


async def test_without_an_agent_it_is_one_sentence_with_two_ways_on(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="start it with `tram run`, or ask one device with `tram read`"):
        async with watching(tmp_path / "watch.sock", "meter"):
            pass


async def test_an_agent_that_stands_still_is_one_sentence_too(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "watch.sock"))
    listener.listen()
    with listener, pytest.raises(NotRunning, match=r"does not answer within 0\.05 s: it stands"):
        async with watching(tmp_path / "watch.sock", "meter", timeout_s=0.05):
            pass


async def test_an_agent_that_is_killed_ends_the_watch(tmp_path: Path) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        hello: dict[str, Any] = {**about(), **METER._asdict(), "at": 1.0}
        writer.write(json.dumps(hello).encode() + b'\n{"at": 2.0, "ki')
        await writer.drain()
        writer.transport.abort()

    path = tmp_path / "watch.sock"
    server = await asyncio.start_unix_server(die, str(path))
    async with watching(path, "meter") as watch:
        assert await ends(watch) == "the agent is gone"
    server.close()
