"""Trusting a station: the fingerprint that a person typed, held against the keys that were heard.

Nothing here writes the store: enrolment is a key file, which `serve` finds within a second.
"""

from pathlib import Path
from typing import NamedTuple

from central.errors import EnrolRefused
from central.folder import Folder, write_whole
from central.snapshot import snapshot
from telemetry.fields import is_identifier
from telemetry.keyfile import load_public
from telemetry.keys import fingerprint, public_to_pem, same_fingerprint


class Enrolled(NamedTuple):
    """A station whose key is trusted from now on. `replaced`: the fingerprint of the key before, None if none."""

    station: str
    path: Path
    fingerprint: str
    replaced: str | None


def enrol(folder: Path, station: str, typed: str, *, replace: bool = False) -> Enrolled:
    """Accept the key whose fingerprint was typed and write its file.

    EnrolRefused when no boot record of that station was heard with it, or when the station has another key
    already and `replace` was not asked for. FolderError when there is no store.
    """
    place = Folder(folder)
    if not is_identifier(station):
        raise EnrolRefused(f"{station!r} is not a station id: 1 to 32 letters, digits, '_', '.', '-'")
    public = _heard(place, station, typed)
    path = place.station_key(station)
    before = load_public(path) if path.exists() else None
    if before not in {None, public} and not replace:
        raise EnrolRefused(
            f"station {station} is enrolled with another key ({path}); if the gateway was exchanged, say --replace"
        )
    write_whole(path, public_to_pem(public))
    replaced = fingerprint(before) if before not in {None, public} else None
    return Enrolled(station, path, fingerprint(public), replaced)


def _heard(place: Folder, station: str, typed: str) -> bytes:
    """The public key with this fingerprint among those that the station's boot records carried."""
    with snapshot(place) as connection:
        rows = connection.execute(
            "SELECT public FROM stranger WHERE station = ?"
            " UNION SELECT l.public FROM ledger l JOIN station s ON s.id = l.station WHERE s.name = ?",
            (station, station),
        ).fetchall()
    for (public,) in rows:
        if same_fingerprint(typed, public):
            return bytes(public)
    if rows:
        raise EnrolRefused(
            f"station {station} was heard with {len(rows)} key(s), none of them with that fingerprint;"
            " read it again at the station (`tram keys show`); if it is right, another gateway uses this id"
        )
    raise EnrolRefused(
        f"no boot record of station {station} has arrived; is its agent running, connected to this broker,"
        " and is its root the same?"
    )


def trust(folder: Folder, station: str, public: bytes) -> Path:
    """Write a station's key without anybody's word for it: only for the bench."""
    path = folder.station_key(station)
    write_whole(path, public_to_pem(public))
    return path
