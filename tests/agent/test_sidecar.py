"""The small file beside the key."""

import errno
import os
import stat
from pathlib import Path

import pytest

from agent.sidecar import Sidecar, load, path_for, save

KEPT = Sidecar(b"\x01" * 16, 7, 12_345, b"\x09" * 32)


def test_it_stands_beside_the_key() -> None:
    assert path_for(Path("keys/station.pem")) == Path("keys/station.ledger")


def test_what_was_saved_is_loaded_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "station.ledger"
    save(path, Sidecar(b"\x02" * 16, 1, 1))
    save(path, KEPT)
    assert load(path) == KEPT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_card_with_fat_on_which_no_mode_can_be_changed_holds_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chmod(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", chmod)
    monkeypatch.setattr(os, "fchmod", chmod)
    path = tmp_path / "station.ledger"
    save(path, KEPT)
    assert load(path) == KEPT


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"ledger": "zz", "boots": 1, "last_seq": 2}', '{"boots": 1}']
)
def test_a_damaged_file_is_no_file(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "station.ledger"
    path.write_text(damage)
    assert load(path) is None


def test_no_file_is_none(tmp_path: Path) -> None:
    assert load(tmp_path / "station.ledger") is None


def test_a_file_of_a_version_that_kept_no_hash_is_read(tmp_path: Path) -> None:
    path = tmp_path / "station.ledger"
    path.write_text('{"ledger": "' + "01" * 16 + '", "boots": 7, "last_seq": 12345}')
    assert load(path) == Sidecar(KEPT.ledger, KEPT.boots, KEPT.last_seq, bytes(32))
