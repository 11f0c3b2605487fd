"""Questions that block: answered in turn, and not waited for when the agent ends."""

import asyncio
import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from agent.commands.run import _run
from agent.errands import MOST_THREADS, Errands
from agent.station import load_station
from telemetry import keyfile

STATION = """\
[station]
id = "FAR"

[identity]
key = "station.pem"

[[line]]
id = "plc"
url = "tcp://plc.example:502"

[[device]]
id = "ph"
line = "plc"
driver = "modbus"
unit = 3
every = "5s"
channel = [ { id = "pH", register = 40001, type = "float32", order = "ABCD", unit = "pH" } ]
"""


@pytest.mark.system
def test_a_name_server_that_does_not_answer_holds_up_no_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = threading.Event()

    def dead(*_: object, **__: object) -> list[object]:
        os.kill(os.getpid(), signal.SIGTERM)
        given_up.wait(20)
        given_up.set()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    keyfile.create(tmp_path / "station.pem")
    (tmp_path / "station.toml").write_text(STATION)
    monkeypatch.setattr(socket, "getaddrinfo", dead)
    asyncio.run(_run(load_station(tmp_path / "station.toml")))
    assert not given_up.is_set()
    given_up.set()


async def test_all_are_answered_though_there_are_more_of_them_than_threads() -> None:
    loop = asyncio.get_running_loop()
    pool, together = Errands(), threading.Barrier(MOST_THREADS, timeout=20)

    def ask(number: int) -> int:
        together.wait()
        return number

    asked = [loop.run_in_executor(pool, ask, number) for number in range(3 * MOST_THREADS)]
    assert await asyncio.gather(*asked) == list(range(3 * MOST_THREADS))


async def test_what_goes_wrong_is_the_answer_and_the_next_one_is_asked() -> None:
    loop = asyncio.get_running_loop()
    pool = Errands()
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(pool, lambda: 1 / 0)
    assert await loop.run_in_executor(pool, lambda: 7) == 7


async def test_what_nobody_waits_for_any_more_is_not_asked() -> None:
    loop = asyncio.get_running_loop()
    pool, go = Errands(), threading.Event()
    asked: list[str] = []
    held = [loop.run_in_executor(pool, go.wait, 20) for _ in range(MOST_THREADS)]
    forgotten = loop.run_in_executor(pool, asked.append, "forgotten")
    wanted = loop.run_in_executor(pool, asked.append, "wanted")
    forgotten.cancel()
    await asyncio.sleep(0)  # the loop passes it on
    go.set()
    await asyncio.gather(*held, wanted)
    assert asked == ["wanted"]
