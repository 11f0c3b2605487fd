"""A damaged file set aside with its log, unchanged, in `quarantine/NAME/` beside the new one.

The database goes first: a database whose log was taken away opens as an older state of itself, and seqs that had
left already would be used again. A log without its database is damage as well, and is set aside by the next opening.
"""

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from buffer.errors import StoreBroken

FOLDER: Final = "quarantine"
MARK: Final = "salvaged.json"
PARTS: Final = ("", "-wal", "-shm")


def set_aside(path: Path, name: str) -> Path:
    """Moves the file and its log; gives their new folder. StoreBroken when the disk does not let it: nothing moved."""
    try:
        folder = _new_folder(path.parent / FOLDER, name)
        with ExitStack() as undo:
            undo.callback(_take_back, folder, path)
            for source in filter(Path.exists, (path.with_name(path.name + part) for part in PARTS)):
                source.rename(folder / source.name)
            for changed in (folder, folder.parent, path.parent):
                _sync(changed)
            undo.pop_all()
    except OSError as error:
        raise StoreBroken(
            f"{path} is damaged and cannot be moved to {path.parent / FOLDER}: {error.strerror}",
            "check the folder's owner and rights, and the disk",
        ) from error
    return folder


def _take_back(folder: Path, path: Path) -> None:
    """Half of a move is worse than none. The database, which went first, comes back last."""
    with suppress(OSError):
        for moved in filter(Path.exists, (folder / (path.name + part) for part in reversed(PARTS))):
            moved.rename(path.with_name(moved.name))
        folder.rmdir()


def pending(path: Path) -> list[Path]:
    """The folders, oldest first, out of which not everything has been saved yet."""
    return [folder for folder in _folders(path) if not (folder / MARK).exists()]


def settled(path: Path) -> list[Path]:
    """The folders, oldest first, out of which all was saved that could be read."""
    return [folder for folder in _folders(path) if (folder / MARK).exists()]


def _folders(path: Path) -> list[Path]:
    return sorted((path.parent / FOLDER).glob("*/"))


def settle(folder: Path, found: Mapping[str, object]) -> None:
    """All that could be read of it is in the store: it is not looked at again. For eyes: what was found."""
    beside = folder / f"{MARK}.new"
    with beside.open("w", encoding="utf-8") as file:
        json.dump(dict(found), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(folder / MARK)
    _sync(folder)


def _new_folder(above: Path, name: str) -> Path:
    above.mkdir(mode=0o700, exist_ok=True)
    number = 1
    while True:
        folder = above / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return folder


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
