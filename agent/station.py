"""The station file with the drivers that are there: everything in this room loads it here."""

import ssl
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agent.tables import wire_of
from config.errors import StationFileError
from config.load import check_text, load
from config.machine import Elsewhere, Role, ThisMachine
from config.settings import Drivers, Kinds
from config.station import Buffer, Station
from drivers import catalogue, profile
from drivers.line import LineSettings
from telemetry import keyfile


def load_station(path: Path, *, elsewhere: bool = False) -> Station:
    """What the file describes; StationFileError with every mistake.

    `elsewhere`: its keys are on another machine and are not looked for (the twin on a laptop).
    """
    machine = Elsewhere() if elsewhere else KeyedMachine()
    return load(path, drivers=drivers(), line_settings=LineSettings, profiles=profiles(), machine=machine)


def store_of(path: Path) -> Path:
    """Where the file puts the store, for a question to its agent; mistakes elsewhere in it do not matter.

    StationFileError when not even that can be read.
    """
    try:
        return load_station(path, elsewhere=True).buffer.path
    except StationFileError:
        named = _named_store(path)
        if named is None:
            raise
        return path.parent / named


def lines_of(path: Path) -> dict[str, str]:
    """The urls of the file's lines by id, for a question to a line; mistakes elsewhere in it do not matter.

    StationFileError when not even these can be read.
    """
    try:
        return {line.id: wire_of(line).url for line in load_station(path, elsewhere=True).lines}
    except StationFileError:
        named = _named_lines(path)
        if not named:
            raise
        return named


def _named_lines(path: Path) -> dict[str, str]:
    """As they stand there; a file in the making has lines without devices and devices without channels."""
    tables = (_tree(path) or {}).get("line", [])
    named = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    return {str(table["id"]): str(table["url"]) for table in named if {"id", "url"} <= table.keys()}


def _named_store(path: Path) -> str | None:
    """What stands behind [buffer] path, or where the store is without it; None when the file is no TOML."""
    tree = _tree(path)
    if tree is None:
        return None
    buffer = tree.get("buffer", {})
    usual = str(Buffer.model_fields["path"].default)
    named = buffer.get("path", usual) if isinstance(buffer, dict) else None
    return named if isinstance(named, str) else None


def _tree(path: Path) -> dict[str, Any] | None:
    """Read as config.load does, byte order mark and all; None when the file is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None


def check_station(text: str, file: Path) -> Station:
    """The same for text that is to stand in `file`, whose keys are not there yet."""
    return check_text(text, file=file, kinds=Kinds(drivers(), LineSettings, profiles()), machine=Elsewhere())


def drivers() -> Drivers:
    """The settings of every driver in the catalogue, imported when they are asked for."""
    return {name: _settings(name) for name in catalogue.DRIVERS}


def profiles() -> Mapping[str, Callable[[], dict[str, Any]]]:
    """The instruments that are described in the library, read when a device names them."""
    return {name: partial(_profile, name) for name in profile.names()}


def _profile(name: str) -> dict[str, Any]:
    read = profile.read(name)
    return {"driver": read.about.driver, **read.table}


class KeyedMachine(ThisMachine):
    """Also looks whether a key file holds a key: the station would find out when it signs or connects."""

    def file_problem(self, path: Path, role: Role) -> str | None:
        """As ThisMachine; for keys and certificates, what is in them too."""
        problem = super().file_problem(path, role)
        if problem is not None:
            return problem
        if role is Role.CERTIFICATES and not _holds_certificates(path):
            return (
                f"{role} are not in PEM form (got {path}), such a file has a line -----BEGIN CERTIFICATE-----"
            )
        try:
            if role is Role.PRIVATE_KEY:
                keyfile.load(path)
            if role is Role.CENTRE_KEY:
                keyfile.load_public(path)
        except keyfile.KeyFileError as error:
            return f"{role} cannot be used: {error}"
        return None


def _holds_certificates(path: Path) -> bool:
    """As TLS will read them when it connects."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        return False
    return context.cert_store_stats()["x509"] > 0


def _settings(name: str) -> Callable[[], type[BaseModel]]:
    return partial(catalogue.settings, name)
