"""Reads a station file: a Station, or every mistake in it at once."""

import tomllib
from pathlib import Path

from pydantic import BaseModel

from config.assembly import assemble
from config.errors import StationFileError
from config.grammar import not_toml
from config.machine import Machine, ThisMachine
from config.report import Report
from config.settings import Drivers, Kinds, Profiles
from config.station import Station


def load(
    path: Path,
    *,
    drivers: Drivers,
    line_settings: type[BaseModel],
    profiles: Profiles | None = None,
    machine: Machine | None = None,
) -> Station:
    """The station that the file describes. StationFileError: it cannot be read, or it has mistakes."""
    try:
        # Editors on Windows put a byte order mark in front, which is no TOML.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StationFileError.single(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise StationFileError.single(path, "is not UTF-8 text, save it as UTF-8", line) from error
    kinds = Kinds(drivers, line_settings, profiles or {})
    return check_text(text, file=path, kinds=kinds, machine=machine or ThisMachine())


def check_text(text: str, *, file: Path, kinds: Kinds, machine: Machine) -> Station:
    """The same for text that is to stand in `file`, which need not exist."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StationFileError([not_toml(str(file), text, str(error))]) from error
    report = Report(str(file), tree, text)
    station = assemble(report, file, kinds, machine)
    if station is None or report.problems:
        raise StationFileError(report.problems)
    return station
