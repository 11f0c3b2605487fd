"""Whose rights count."""

import os
from pathlib import Path

import pytest

from agent.doctor.user import Owned, User, agents_user, may

TRAM = User("tram", 990, frozenset({990, 20}))


def owned(mode: int, uid: int = 0, gid: int = 0) -> Owned:
    return Owned(mode, uid, gid, str(uid), str(gid))


@pytest.mark.pure
@pytest.mark.parametrize(
    ("there", "allowed"),
    [
        (owned(0o660, gid=20), True),
        (owned(0o660, gid=5), False),
        (owned(0o606, gid=5), True),
        (owned(0o606, gid=20), False),  # a member of the group is not one of the others
        (owned(0o600, uid=990), True),
        (owned(0o066, uid=990, gid=20), False),
        (owned(0o640, gid=20), False),
    ],
)
def test_the_first_class_that_fits_decides(there: Owned, allowed: bool) -> None:
    assert may(TRAM, there, 6) is allowed


@pytest.mark.pure
def test_root_may() -> None:
    assert may(User("root", 0, frozenset()), owned(0o000, uid=5), 6)


def test_root_asks_for_the_user_who_made_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid():
        pytest.skip("only root can give files away")
    key = tmp_path / "station.pem"
    key.touch()
    os.chown(key, 1, 1)
    assert agents_user((tmp_path / "missing", key)).uid == 1
    assert agents_user((tmp_path / "missing",)).uid == 0
    monkeypatch.setattr(os, "geteuid", lambda: 990)
    assert agents_user((key,)).uid == 990
