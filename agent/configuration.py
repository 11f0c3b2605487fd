"""The configuration in force as kind-4 records: the ledger alone tells what every number meant. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agent.tables import settings_of, wire_of
from config.station import Station, StatusFrom
from telemetry.bodies import ConfigurationBody, named

ROWS_PER_PART = 200
"""A row is 40 to 100 bytes: a part stays far below an envelope's 32 KiB."""


NO_HASH = bytes(8)


class Configuration(NamedTuple):
    """`hash8` is field 11 of every record; `bodies` are (device or "", encoded kind-4 body) in order."""

    hash8: bytes
    bodies: tuple[tuple[str, bytes], ...]


def configuration_of(station: Station, software: str) -> Configuration:
    """What this station file means, as it will stand in the ledger. No secrets, no paths."""
    parts = named(list(_bodies(station, software)))
    hash8 = parts[0].hash8
    return Configuration(hash8, tuple((part.device or "", part.encode()) for part in parts))


def _bodies(station: Station, software: str) -> Iterator[ConfigurationBody]:
    about: dict[str, object] = {"name": station.name, "software": software, "timezone": station.timezone}
    yield ConfigurationBody(NO_HASH, None, 1, 1, about)
    urls = {line.id: without_secrets(wire_of(line).url) for line in station.lines}
    for device in station.devices:
        settings = settings_of(device)
        parts = list(_parts(settings.rows()))
        for number, rows in enumerate(parts, start=1):
            content: dict[str, object] = {
                "channels": rows,
                "driver": device.driver,
                "every_ms": device.every_ms,
                "unit": settings.address(),
                "url": urls[device.line],
            }
            if device.status_from:
                content["status_from"] = [_status_from(wanted) for wanted in device.status_from]
            yield ConfigurationBody(NO_HASH, device.id, number, len(parts), content)


def _status_from(wanted: StatusFrom) -> list[object]:
    flagged = None if wanted.flagged is None else list(wanted.flagged)
    return [wanted.device, wanted.channel, dict(wanted.flags), flagged]


def _parts(rows: Sequence[Sequence[object]]) -> Iterator[list[list[object]]]:
    for start in range(0, max(1, len(rows)), ROWS_PER_PART):
        yield [list(row) for row in rows[start : start + ROWS_PER_PART]]


def without_secrets(url: str) -> str:
    """The URL with user and password left out."""
    return re.sub(r"//[^/@]*@", "//", url, count=1)
