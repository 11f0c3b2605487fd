"""Every look has its bound, and what hangs is forgotten."""

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest

from agent.doctor import looking
from agent.doctor.bounded import asked, forget_threads
from agent.doctor.dialling import BOUND_S as DIALLING_S
from agent.doctor.examination import BOUND_S
from agent.doctor.looking import Check, judged, look, run, within
from agent.doctor.verdict import Verdict, lines, ok
from tests.agent.doctor.spoken import spoken


def test_a_disk_that_hangs_holds_up_neither_the_look_nor_the_end_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(looking, "LOOK_S", 0.05)
    hangs = threading.Event()

    async def examine() -> object:
        forget_threads()
        return await look(hangs.wait)

    begun = time.monotonic()
    found = asyncio.run(examine())
    assert time.monotonic() - begun < 5
    assert isinstance(found, Verdict)
    assert spoken([found]) == ["wrong check-late"]
    hangs.set()


async def test_a_question_gets_its_answer_or_its_error() -> None:
    forget_threads()
    assert await asked(lambda: 42) == 42
    with pytest.raises(FileNotFoundError):
        await asked(lambda: Path("/there/is/no/such/file").stat())
    found = await within(1, _refused())
    assert isinstance(found, Verdict)
    assert spoken([found]) == ["wrong check-failed"]


async def _refused() -> int:
    raise PermissionError(13, "Permission denied", "/data")


async def test_names_are_looked_up_in_threads_that_are_forgotten_too(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def slow(*_args: object, **_more: object) -> list[object]:
        threads.append(threading.current_thread())
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    forget_threads()
    await asyncio.get_running_loop().getaddrinfo("broker.example", 1883)
    assert threads[0].daemon


async def test_a_check_is_its_lines_or_the_reason_why_there_are_none() -> None:
    forget_threads()
    check = judged("clock", "", lambda: 3, lambda number: [ok("clock-ok", number=number)])
    assert await run(check) == lines("clock", "", [ok("clock-ok", number=3)])

    async def for_ever() -> list[object]:
        await asyncio.Event().wait()
        return []

    (line,) = await run(Check("rest", "centre", for_ever, 0.01))  # type: ignore[arg-type]
    assert (line.subject, line.name, line.verdict.code) == ("rest", "centre", "check-late")


def test_the_bound_that_is_told_is_the_sum_of_all_that_follows_one_another() -> None:
    assert BOUND_S >= 6 * looking.LOOK_S + DIALLING_S
    assert BOUND_S <= 90
