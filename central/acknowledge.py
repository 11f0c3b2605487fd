"""Somebody has seen these findings: said through files, because only `serve` writes the store."""

from collections.abc import Sequence
from pathlib import Path

from central.errors import CentreError
from central.folder import Folder, write_whole
from central.snapshot import snapshot

_HEARD_OF = """
    SELECT 1 FROM station WHERE name = :id
    UNION ALL SELECT 1 FROM finding WHERE station = :id
    UNION ALL SELECT 1 FROM stranger WHERE station = :id
    LIMIT 1
"""

MOST_DIGITS = 18
"""Of a finding's number; more do not fit the store."""


def acknowledge(folder: Path, station: str, numbers: Sequence[int] = ()) -> tuple[int, ...]:
    """Mark findings of a station as seen; without numbers, all that are open now. Those that were written down.

    CentreError when nobody heard of that station or a number is not a finding of it.
    `serve` takes them over within a second.
    """
    place = Folder(folder)
    with snapshot(place) as connection:
        if not (
            place.station_key(station).exists() or connection.execute(_HEARD_OF, {"id": station}).fetchone()
        ):
            raise CentreError(f"there is no station {station}; see `tram central stations {folder}`")
        known = {
            number
            for (number,) in connection.execute(
                "SELECT id FROM finding WHERE station = ? AND acknowledged_ms IS NULL", (station,)
            )
        }
    strange = sorted(set(numbers) - known)
    if strange:
        raise CentreError(
            f"station {station} has no open finding number {strange[0]}; see `tram central stations`"
        )
    seen = tuple(sorted(set(numbers) or known))
    if seen:
        place.acknowledged.mkdir(exist_ok=True)
        write_whole(place.acknowledged / station, "".join(f"{n}\n" for n in seen).encode())
    return seen


class Acknowledged:
    """The files that `acknowledge` writes, each read once."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._seen: dict[str, int] = {}

    def look(self) -> dict[str, tuple[int, ...]]:
        """New acknowledgements by station."""
        found: dict[str, tuple[int, ...]] = {}
        for path in self._folder.acknowledged.glob("[!.]*"):
            try:
                mark = path.stat().st_mtime_ns
                if self._seen.get(path.name) != mark:
                    found[path.name] = _numbers(path.read_bytes())
                    self._seen[path.name] = mark
            except OSError:  # gone since it was listed, a folder, or not for us: it acknowledges nothing
                continue
        return found


def _numbers(content: bytes) -> tuple[int, ...]:
    """The finding numbers in a file that anybody may have written; what can be none is passed over."""
    return tuple(int(n) for n in content.split() if n.isdigit() and len(n) <= MOST_DIGITS)
