"""The centre's folder: its key, its lock and the station keys in it."""

import os
from pathlib import Path

import pytest

from central.errors import Busy, FolderError
from central.folder import Folder, StationKeys, alone, prepare, write_whole
from telemetry.keyfile import load_public
from telemetry.keys import public_to_pem
from tests.central.gateway import key_of


def test_the_key_is_made_once_private_and_its_public_half_lies_beside(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "centre")
    key, made = prepare(folder)
    again, made_again = prepare(folder)
    assert (made, made_again, again.public) == (True, False, key.public)
    assert folder.key.stat().st_mode & 0o777 == 0o600
    assert load_public(folder.public) == key.public
    folder.public.unlink()
    prepare(folder)
    assert load_public(folder.public) == key.public


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    prepare(folder)
    folder.key.chmod(0o644)
    with pytest.raises(FolderError, match="chmod 600"):
        prepare(folder)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "centre").write_text("a file")
    with pytest.raises(FolderError, match="cannot be used"):
        prepare(Folder(tmp_path / "centre"))


def test_the_lock_names_its_holder_and_goes_with_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with alone(folder), pytest.raises(Busy, match=f"process {os.getpid()}"), alone(folder):
        pass
    with alone(folder):
        pass


def test_a_lock_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="cannot be opened"), alone(Folder(tmp_path / "nowhere")):
        pass


def test_station_keys_are_read_when_they_change_and_only_then(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    prepare(folder)
    keys = StationKeys(folder)
    one, other = key_of("one").public, key_of("other").public
    (folder.stations / "README").write_text("not a key")
    (folder.stations / ".hidden.pub").write_text("not a key")
    write_whole(folder.station_key("A.1"), public_to_pem(one))
    assert keys.look() == ({"A.1": one}, frozenset(), ())
    assert keys.look() == ({}, frozenset(), ())
    write_whole(folder.station_key("A.1"), public_to_pem(other))
    assert keys.look().added == {"A.1": other}
    folder.station_key("A.1").write_text("damaged")
    damaged = keys.look()
    assert (damaged.added, damaged.removed, len(damaged.problems)) == ({}, frozenset({"A.1"}), 1)
    assert keys.look() == ({}, frozenset(), ())
    folder.station_key("A.1").unlink()
    assert keys.look().removed == {"A.1"}
