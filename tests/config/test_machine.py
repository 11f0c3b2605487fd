"""Key files and time zones of this machine."""

import os
from pathlib import Path

import pytest

from config.machine import Elsewhere, Role, ThisMachine


def test_a_secret_for_its_owner_alone_is_in_order(tmp_path: Path) -> None:
    assert ThisMachine().file_problem(_file(tmp_path, 0o600), Role.PRIVATE_KEY) is None


def test_a_missing_private_key_is_said_with_what_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "no.pem"
    assert ThisMachine().file_problem(path, Role.PRIVATE_KEY) == (
        f"the private key is missing (got {path}), make it with: tram keys new {path}"
    )


def test_a_missing_centre_key_is_said_with_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "no.pub"
    assert ThisMachine().file_problem(path, Role.CENTRE_KEY) == (
        f"the centre's public key is missing (got {path}), copy it from the centre: its folder holds centre.pub"
    )


def test_a_missing_certificate_is_said(tmp_path: Path) -> None:
    path = tmp_path / "no.pem"
    assert ThisMachine().file_problem(path, Role.CERTIFICATES) == f"the certificates are missing (got {path})"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_can_read_is_refused_with_the_command_that_helps(
    tmp_path: Path, mode: int
) -> None:
    path = _file(tmp_path, mode)
    assert ThisMachine().file_problem(path, Role.PRIVATE_KEY) == (
        f"the private key can be read by others (got {path} with mode {mode:03o}), run: chmod 600 {path}"
    )


def test_a_public_key_may_be_read_by_all(tmp_path: Path) -> None:
    assert ThisMachine().file_problem(_file(tmp_path, 0o644), Role.CENTRE_KEY) is None


@pytest.mark.parametrize("role", list(Role))
def test_a_name_in_vietnamese_that_the_locale_cannot_write_is_said(
    monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    def latin(path: Path) -> bytes:
        return str(path).encode("latin-1")

    monkeypatch.setattr(os, "fsencode", latin)
    problem = ThisMachine().file_problem(Path("/opt/tram/dữ liệu/ledger.db"), role)
    assert problem is not None
    assert problem.endswith("(got /opt/tram/dữ liệu/ledger.db), set LANG=C.UTF-8")


def test_a_folder_is_not_a_key(tmp_path: Path) -> None:
    assert (
        ThisMachine().file_problem(tmp_path, Role.PRIVATE_KEY)
        == f"the private key is not a file (got {tmp_path})"
    )


def test_a_path_through_a_file_is_no_path(tmp_path: Path) -> None:
    path = _file(tmp_path, 0o600) / "key.pem"
    assert ThisMachine().file_problem(path, Role.PASSWORD) == (
        f"the password file cannot be read (got {path}: Not a directory)"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_is_said(tmp_path: Path) -> None:
    path = _file(tmp_path, 0o000)
    assert ThisMachine().file_problem(path, Role.CERTIFICATES) == (
        f"the certificates cannot be read (got {path}), run as its owner or chown it"
    )


@pytest.mark.parametrize("name", ["ledger.db", "data/ledger.db", "data/deep/ledger.db"])
def test_a_store_that_can_be_made_is_in_order(tmp_path: Path, name: str) -> None:
    assert ThisMachine().file_problem(tmp_path / name, Role.STORE) is None
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"


def test_a_store_that_is_there_is_in_order(tmp_path: Path) -> None:
    assert ThisMachine().file_problem(_file(tmp_path, 0o600), Role.STORE) is None


@pytest.mark.parametrize("name", ["ledger.db", "data/ledger.db"])
def test_a_store_below_a_file_is_impossible(tmp_path: Path, name: str) -> None:
    there = _file(tmp_path, 0o600)
    assert ThisMachine().file_problem(there / name, Role.STORE) == (
        f"the store cannot be made (got {there / name}), {there} is a file"
    )


def test_a_folder_is_not_a_store(tmp_path: Path) -> None:
    assert ThisMachine().file_problem(tmp_path, Role.STORE) == (
        f"the store is not a file (got {tmp_path}), write the path of a file in it"
    )


def test_a_store_in_a_folder_that_is_not_ours_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _file(tmp_path, 0o600)
    monkeypatch.setattr("config.machine.os.access", lambda path, _mode: path != tmp_path)
    for path in (file, tmp_path / "new.db", tmp_path / "data" / "ledger.db"):
        assert ThisMachine().file_problem(path, Role.STORE) == (
            f"the store cannot be written (got {path}), this user may not write in {tmp_path}: "
            "run as its owner or chown it"
        )


def test_a_store_of_somebody_else_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _file(tmp_path, 0o600)
    monkeypatch.setattr("config.machine.os.access", lambda path, _mode: path != file)
    assert ThisMachine().file_problem(file, Role.STORE) == (
        f"the store cannot be written (got {file}), this user may not write in {file}: "
        "run as its owner or chown it"
    )


def test_a_store_that_cannot_even_be_looked_for_is_said(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 300) / "ledger.db"
    assert ThisMachine().file_problem(path, Role.STORE) == (
        f"the store cannot be used (got {path}: File name too long)"
    )


def test_a_store_behind_a_closed_door_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_path: Path) -> bool:
        raise PermissionError

    path = tmp_path / "data" / "ledger.db"
    monkeypatch.setattr(Path, "exists", closed)
    problem = ThisMachine().file_problem(path, Role.STORE)
    monkeypatch.undo()
    assert problem == (
        f"the store is in a folder that this user may not enter (got {path}), run as its owner or chown it"
    )


def test_files_of_another_machine_are_not_looked_for() -> None:
    assert Elsewhere().file_problem(Path("/no/such/key.pem"), Role.PRIVATE_KEY) is None


def test_time_zones_are_those_of_the_iana_database() -> None:
    machine = ThisMachine()
    assert machine.has_timezone("Asia/Ho_Chi_Minh")
    assert "Asia/Ho_Chi_Minh" in machine.timezones()
    for wrong in ("Asia/Ho_Chi_Min", "", "../etc/passwd", "Asia"):
        assert not machine.has_timezone(wrong), wrong


def _file(folder: Path, mode: int) -> Path:
    path = folder / "file.pem"
    path.write_bytes(b"-")
    path.chmod(mode)
    return path
