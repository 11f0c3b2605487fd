"""Key files: the one module of this room that touches files.

KeyFileError      the file cannot be used; one sentence for the technician says why and what to do
"""

import contextlib
import errno
import os
import stat
from pathlib import Path

from telemetry.keys import KeyRefused, SigningKey, public_from_pem, public_to_pem


class KeyFileError(Exception):
    """A key file that cannot be used, and what to do about it."""


def create(path: Path) -> SigningKey:
    """Make a new private key at `path`, mode 0600. KeyFileError when something is there already."""
    key = SigningKey.generate()
    _write_new(path, key.to_pem(), 0o600)
    return key


def load(path: Path) -> SigningKey:
    """The private key at `path`. KeyFileError when it is missing, readable by others, or no Ed25519 key."""
    pem = _read(path, secret=True)
    try:
        return SigningKey.from_pem(pem)
    except KeyRefused as e:
        raise KeyFileError(f"{path}: {e}; make one with: tram keys new {path}") from e


def load_public(path: Path) -> bytes:
    """The raw public key in a PEM 'PUBLIC KEY' file. KeyFileError when it is missing or not one."""
    pem = _read(path, secret=False)
    if b"PRIVATE KEY" in pem:
        raise KeyFileError(f"{path}: this is a private key; give the public one (tram keys show {path})")
    try:
        return public_from_pem(pem)
    except KeyRefused as e:
        raise KeyFileError(f"{path}: {e}") from e


def write_public(path: Path, public: bytes) -> None:
    """Write a public key as PEM, mode 0644. KeyFileError when something is there already."""
    _write_new(path, public_to_pem(public), 0o644)


def _read(path: Path, *, secret: bool) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if secret and mode & 0o077:
                raise KeyFileError(
                    f"{path}: others can read this private key (mode {mode:04o}); run: chmod 600 {path}"
                )
            return file.read(16_384)
    except OSError as e:
        raise KeyFileError(f"{path}: {e.strerror or e}") from e


_HINTS = {
    errno.EPERM: "; a card with FAT keeps no file to its owner: choose a folder on the machine's own disk"
}


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """All of it or nothing: written beside, synced, and linked to its name, which must be free."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(handle, "wb") as file:  # noqa: PTH123  (a descriptor, not a path)
            os.fchmod(handle, mode)
            file.write(content)
            file.flush()
            os.fsync(handle)
        os.link(beside, path)
        _sync_folder(path.parent)
    except FileExistsError as e:
        raise KeyFileError(f"{path}: there is a key already; it is not overwritten") from e
    except OSError as e:
        raise KeyFileError(f"{path}: {e.strerror or e}{_HINTS.get(e.errno or 0, '')}") from e
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
