"""What a station file says about the machine it is on: files and time zones. A seam, so that checks stay pure."""

import os
import stat
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


class Role(StrEnum):
    """What a file is for. A secret may be read by its owner alone. The store is made when it is missing."""

    PRIVATE_KEY = "the private key"
    CENTRE_KEY = "the centre's public key"
    CERTIFICATES = "the certificates"
    CLIENT_KEY = "the client certificate's private key"
    PASSWORD = "the password file"  # noqa: S105 - the word for it
    STORE = "the store"

    @property
    def secret(self) -> bool:
        """Whether nobody else may read it."""
        return self in {Role.PRIVATE_KEY, Role.CLIENT_KEY, Role.PASSWORD}


class Machine(Protocol):
    """What checking a station file asks of the world."""

    def has_timezone(self, name: str) -> bool:
        """Whether this is the name of an IANA time zone."""
        ...

    def timezones(self) -> Collection[str]:
        """All of them; slow, for suggestions."""
        ...

    def file_problem(self, path: Path, role: Role) -> str | None:
        """What is wrong with a file, and what to do; None when it can be used."""
        ...


class ThisMachine:
    """The real one."""

    def has_timezone(self, name: str) -> bool:
        """As the system's database or the package tzdata knows it."""
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return False
        return True

    def timezones(self) -> Collection[str]:
        """From the same place."""
        return available_timezones()

    def file_problem(self, path: Path, role: Role) -> str | None:
        """Missing, not a file, not ours to read, or a secret that others can read; a store that cannot be."""
        try:
            os.fsencode(path)
        except UnicodeEncodeError:  # such as en_US without .UTF-8: every call for the file would raise this
            return f"{role} has letters that this locale does not have (got {path}), set LANG=C.UTF-8"
        if role is Role.STORE:
            return _store_problem(path)
        verb = "are" if role is Role.CERTIFICATES else "is"
        try:
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode):
                return f"{role} is not a file (got {path})"
            with path.open("rb"):
                pass
        except FileNotFoundError:
            return f"{role} {verb} missing (got {path}){_CURE.get(role, '').format(path=path)}"
        except PermissionError:
            return f"{role} cannot be read (got {path}), run as its owner or chown it"
        except OSError as error:
            return f"{role} cannot be read (got {path}: {error.strerror})"
        return _rights_problem(path, role, mode)


class Elsewhere(ThisMachine):
    """The station's files are on another machine: for the twin on a laptop."""

    def file_problem(self, path: Path, role: Role) -> str | None:
        """Nothing is wrong with files that are not here."""
        return None


_CURE = {
    Role.PRIVATE_KEY: ", make it with: tram keys new {path}",
    Role.CENTRE_KEY: ", copy it from the centre: its folder holds centre.pub",
}


def _rights_problem(path: Path, role: Role, mode: int) -> str | None:
    if role.secret and mode & 0o077:
        return (
            f"{role} can be read by others (got {path} with mode {mode & 0o777:03o}), run: chmod 600 {path}"
        )
    return None


def _store_problem(path: Path) -> str | None:
    """Where it is or would be made, this user must be able to write: SQLite puts files beside it too."""
    try:
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        is_folder, is_file = there.is_dir(), there.is_file()
    except PermissionError:
        return f"{Role.STORE} is in a folder that this user may not enter (got {path}), run as its owner or chown it"
    except OSError as error:
        return f"{Role.STORE} cannot be used (got {path}: {error.strerror})"
    if there == path and not is_file:
        return f"{Role.STORE} is not a file (got {path}), write the path of a file in it"
    if there != path and not is_folder:
        return f"{Role.STORE} cannot be made (got {path}), {there} is a file"
    for place in (there, there.absolute().parent) if is_file else (there,):
        if not os.access(place, os.W_OK):
            return (
                f"{Role.STORE} cannot be written (got {path}), this user may not write in {place}: "
                "run as its owner or chown it"
            )
    return None
