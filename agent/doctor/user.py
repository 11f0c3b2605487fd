"""Whose rights count: those of the user who runs the agent, also when root asks."""

import grp
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class User:
    """A user of this machine. `gids`: all groups."""

    name: str
    uid: int
    gids: frozenset[int]

    @property
    def is_root(self) -> bool:
        """Whether no permission holds this user up."""
        return self.uid == 0


@dataclass(frozen=True, slots=True)
class Owned:
    """Who a file belongs to, and who may use it (`mode`: the permission bits)."""

    mode: int
    uid: int
    gid: int
    owner: str
    group: str


def may(user: User, owned: Owned, bits: int) -> bool:
    """Whether the permission bits (4 read, 2 write, 1 enter) allow it. The first class that fits decides."""
    if user.is_root:
        return True
    shift = 6 if user.uid == owned.uid else 3 if owned.gid in user.gids else 0
    return (owned.mode >> shift) & bits == bits


def owned(path: Path) -> Owned:
    """OSError when it is not there."""
    found = path.stat()
    return Owned(
        found.st_mode & 0o7777, found.st_uid, found.st_gid, name_of(found.st_uid), group_of(found.st_gid)
    )


def agents_user(traces: Iterable[Path]) -> User:
    """Ourselves; for root the owner of the first trace that is there and not root's: the agent made it."""
    me = os.geteuid()
    if me:
        return User(name_of(me), me, frozenset((os.getegid(), *os.getgroups())))
    owners = (path.stat().st_uid for path in traces if path.exists())
    uid = next((owner for owner in owners if owner), 0)
    name = name_of(uid)
    return User(name, uid, _groups(name, uid))


def _groups(name: str, uid: int) -> frozenset[int]:
    try:
        return frozenset(os.getgrouplist(name, pwd.getpwuid(uid).pw_gid))
    except KeyError:
        return frozenset()


def name_of(uid: int) -> str:
    """The user's name, or the number when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_of(gid: int) -> str:
    """The group's name, or the number when it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
