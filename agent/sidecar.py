"""A small file beside the signing key: which ledger, which boot, how far. It betrays a restored store.

An old copy of the database is a valid database. This file is written at each start and every ten minutes; a store
that is behind it was put back.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from telemetry.record import ZERO_HASH


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What the station knew when the file was written. `last_seq` is durable in the store at that time.

    `last_hash`: of the envelope there; zeros when the file was written by a version that did not keep it.
    """

    ledger: bytes
    boots: int
    last_seq: int
    last_hash: bytes = ZERO_HASH


def path_for(key: Path) -> Path:
    """keys/station.pem has keys/station.ledger beside it."""
    return key.with_suffix(".ledger")


def load(path: Path) -> Sidecar | None:
    """None when there is none, or when it cannot be read as one (it is then written anew)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Sidecar(
            bytes.fromhex(content["ledger"]),
            int(content["boots"]),
            int(content["last_seq"]),
            bytes.fromhex(content.get("last_hash", ZERO_HASH.hex())),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def save(path: Path, sidecar: Sidecar) -> None:
    """Written beside, synced, renamed, and the folder synced: never half a file."""
    content = {
        "ledger": sidecar.ledger.hex(),
        "boots": sidecar.boots,
        "last_seq": sidecar.last_seq,
        "last_hash": sidecar.last_hash.hex(),
    }
    beside = path.with_suffix(".ledger.new")
    # Its mode is asked for and not set: a card with FAT has one for all files and refuses any change.
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
