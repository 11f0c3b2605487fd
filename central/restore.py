"""Telling the stations that this store is an older copy of itself, so that they send again what it lost."""

import secrets
from contextlib import closing
from pathlib import Path

from central.errors import FolderError
from central.folder import Folder, alone
from central.store import Store


def restored(folder: Path) -> str:
    """Give the store a new id; the id in hex. Busy while `serve` runs, FolderError when there is no store."""
    place = Folder(folder)
    if not place.database.exists():
        raise FolderError(f"{place.database} is not there; copy the backup to this place first")
    with alone(place), closing(Store.open(place.database)) as store:
        store_id = secrets.token_bytes(16)
        with store.transaction():
            store.renew_store_id(store_id)
    return store_id.hex()
