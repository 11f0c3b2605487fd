"""Key files: made once, readable by one, and refused with what to do."""

import errno
import os
import stat
from pathlib import Path

import pytest

from telemetry import keyfile
from telemetry.keyfile import KeyFileError
from telemetry.keys import public_to_pem


def test_a_new_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "station.pem"
    before = os.umask(0)
    try:
        made = keyfile.create(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keyfile.load(path).public == made.public
    assert [p.name for p in tmp_path.iterdir()] == ["station.pem"]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "station.pem"
    made = keyfile.create(path)
    with pytest.raises(KeyFileError, match="there is a key already"):
        keyfile.create(path)
    assert keyfile.load(path).public == made.public
    assert [p.name for p in tmp_path.iterdir()] == ["station.pem"]


@pytest.mark.parametrize("refused", ["fchmod", "link"])
def test_a_card_that_keeps_nothing_to_its_owner_gets_no_key(
    refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As FAT does: neither a mode nor a second name."""

    def no(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, refused, no)
    with pytest.raises(KeyFileError, match="choose a folder on the machine's own disk"):
        keyfile.create(tmp_path / "station.pem")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644])
def test_a_key_that_others_can_read_is_refused_and_the_remedy_is_said(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "station.pem"
    keyfile.create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {path}"):
        keyfile.load(path)


def test_a_missing_or_foreign_file_is_said_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "station.pem"
    with pytest.raises(KeyFileError, match=r"station\.pem: No such file"):
        keyfile.load(path)
    with pytest.raises(KeyFileError, match=r"station\.pem: No such file"):
        keyfile.load_public(path)
    with pytest.raises(KeyFileError, match="No such file"):
        keyfile.create(tmp_path / "nowhere" / "station.pem")
    path.write_bytes(b"\x00\xff not a key")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="tram keys new"):
        keyfile.load(path)
    with pytest.raises(KeyFileError, match="not a public key"):
        keyfile.load_public(path)


def test_the_public_key_is_not_a_secret(tmp_path: Path) -> None:
    private, public = tmp_path / "station.pem", tmp_path / "station.pub"
    made = keyfile.create(private)
    keyfile.write_public(public, made.public)
    assert public.read_bytes() == public_to_pem(made.public)
    assert stat.S_IMODE(public.stat().st_mode) == 0o644
    assert keyfile.load_public(public) == made.public
    with pytest.raises(KeyFileError, match="this is a private key"):
        keyfile.load_public(private)
    with pytest.raises(KeyFileError, match="already"):
        keyfile.write_public(public, made.public)
