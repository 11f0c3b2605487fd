"""The centre's folder: its key, its store, the keys of its stations, and who may write in it.

DIR/centre.pem  centre.pub     the key that signs receipts, and the half that stations pin
DIR/central.db                 the store; written by one process, the one that holds DIR/serve.lock
DIR/stations/ID.pub            one file per enrolled station
DIR/acknowledged/ID            findings that somebody has seen, one number per line
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from central.errors import Busy, FolderError
from telemetry.keyfile import KeyFileError, create, load, load_public
from telemetry.keys import SigningKey, public_to_pem


class Folder(NamedTuple):
    """Where things are; making one touches nothing."""

    path: Path

    @property
    def database(self) -> Path:
        """The store."""
        return self.path / "central.db"

    @property
    def key(self) -> Path:
        """The private key, 0600."""
        return self.path / "centre.pem"

    @property
    def public(self) -> Path:
        """The public key that stations pin."""
        return self.path / "centre.pub"

    @property
    def stations(self) -> Path:
        """The enrolled stations' public keys."""
        return self.path / "stations"

    @property
    def acknowledged(self) -> Path:
        """What somebody has seen."""
        return self.path / "acknowledged"

    def station_key(self, station: str) -> Path:
        """The key file of one station."""
        return self.stations / f"{station}.pub"


def prepare(folder: Folder) -> tuple[SigningKey, bool]:
    """The centre's key and whether it was made just now; folders are made when missing. FolderError."""
    try:
        for path in (folder.path, folder.stations, folder.acknowledged):
            path.mkdir(parents=True, exist_ok=True)
        made = not folder.key.exists()
        key = create(folder.key) if made else load(folder.key)
        if made or not folder.public.exists():
            write_whole(folder.public, public_to_pem(key.public))
    except KeyFileError as error:
        raise FolderError(str(error)) from error
    except OSError as error:
        raise FolderError(f"{folder.path} cannot be used: {error.strerror}: {error.filename}") from error
    return key, made


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, also after a power cut."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def alone(folder: Folder) -> Iterator[None]:
    """Hold the folder: only one process writes its store. Busy when another one has it."""
    path = folder.path / "serve.lock"
    try:
        file = path.open("a+")
    except OSError as error:
        raise FolderError(
            f"{path} cannot be opened: {error.strerror}; check the folder and its owner"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            who = file.read().strip() or "unknown"
            raise Busy(
                f"{folder.path} is being served by process {who}; stop that `tram central serve` first"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


class Changes(NamedTuple):
    """What a look at the stations' folder found new."""

    added: dict[str, bytes]
    removed: frozenset[str]
    problems: tuple[str, ...]


class StationKeys:
    """The station keys on disk, looked at again and again; a file is read only when it has changed."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[int, int, int]] = {}

    def look(self) -> Changes:
        """What changed since the last look. A file that cannot be used is said once and counts as absent."""
        added: dict[str, bytes] = {}
        problems: list[str] = []
        present: dict[str, tuple[int, int, int]] = {}
        removed = set()
        for station, path, mark in self._files():
            present[station] = mark
            if self._seen.get(station) == mark:
                continue
            try:
                added[station] = load_public(path)
            except KeyFileError as error:
                problems.append(str(error))
                removed.add(station)
        removed |= self._seen.keys() - present.keys()
        self._seen = present
        return Changes(added, frozenset(removed), tuple(problems))

    def _files(self) -> Iterator[tuple[str, Path, tuple[int, int, int]]]:
        for path in self._folder.stations.glob("[!.]*.pub"):
            try:
                found = path.stat()
            except FileNotFoundError:  # replaced between listing and looking: the next look sees it
                continue
            yield path.stem, path, (found.st_mtime_ns, found.st_size, found.st_ino)
