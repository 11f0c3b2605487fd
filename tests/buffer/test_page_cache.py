"""What the kernel remembers of a store's file is not always what is on the card."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from buffer import database, page_cache
from tests.buffer.recorder import open_store
from tests.buffer.scribe import write


def in_cache(path: Path) -> int:
    """Bytes of the file that the kernel holds."""
    fincore = subprocess.run(["fincore", "-b", "-n", "-o", "RES", str(path)], check=True, capture_output=True)
    return int(fincore.stdout)


def is_nothing_but_cache(path: Path) -> bool:
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(path)], check=True, capture_output=True, text=True)
    return kind.stdout.strip() in {"tmpfs", "ramfs"}


async def test_forgotten_pages_are_read_from_the_card(tmp_path: Path) -> None:
    if shutil.which("fincore") is None:
        pytest.skip("fincore is not installed (util-linux)")
    path = tmp_path / "ledger.db"
    await write(path, 200)
    path.read_bytes()
    if is_nothing_but_cache(path):
        pytest.skip("this file system is nothing but cache")
    assert in_cache(path)
    page_cache.forget(path)
    assert not in_cache(path)


async def test_a_store_is_opened_on_what_is_on_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, order = tmp_path / "ledger.db", []
    await write(path, 3)
    forget, connect = page_cache.forget, database.connect

    def forgetting(file: Path) -> None:
        order.append("forget")
        forget(file)

    def connecting(file: Path, quota_bytes: int) -> sqlite3.Connection:
        order.append("connect")
        return connect(file, quota_bytes)

    monkeypatch.setattr(page_cache, "forget", forgetting)
    monkeypatch.setattr(database, "connect", connecting)
    async with await open_store(path, "centre"):
        assert order[:2] == ["forget", "connect"]


def test_a_file_that_is_not_there_is_nothing_to_forget(tmp_path: Path) -> None:
    page_cache.forget(tmp_path / "ledger.db")
    assert not (tmp_path / "ledger.db").exists()
