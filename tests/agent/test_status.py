"""The running agent answers over a socket beside its store."""

import stat
from pathlib import Path

import pytest

from agent.status import NotRunning, answering, ask, socket_path


async def test_an_agent_says_how_it_is_and_only_its_user_may_ask(tmp_path: Path) -> None:
    path = socket_path(tmp_path / "ledger.db")
    async with answering(path, lambda: {"station": "BD_1", "name": "Trạm"}):
        assert await ask(path) == {"station": "BD_1", "name": "Trạm"}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_a_folder_name_longer_than_a_socket_address_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    async with answering(folder / "agent.sock", lambda: {"ok": True}):
        assert await ask(folder / "agent.sock") == {"ok": True}


async def test_nobody_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="is `tram run` running"):
        await ask(tmp_path / "agent.sock")
    with pytest.raises(NotRunning):
        await ask(tmp_path / "missing" / "agent.sock")


async def test_a_socket_left_by_a_kill_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "agent.sock").touch()
    async with answering(tmp_path / "agent.sock", lambda: {"ok": True}):
        assert await ask(tmp_path / "agent.sock") == {"ok": True}
