"""A recording of a line as text: a line of JSON for each frame. Both directions.

    {"tram_recording": 1, "station": "BD_1", "line": "meter", "url": "tcp://10.0.0.5:502", "framing": "tcp",
     "streams": false, "software": "tram 0.1.0", "began": "2026-11-29T10:00:00.000Z"}
    {"ms": 0.0, "dir": ">", "hex": "00 01 00 00 00 06 01 03 00 00 00 02"}
    {"ms": 12.345, "dir": "<", "hex": "00 01 00 00 00 07 01 03 04 40 FB 33 33"}
    {"ms": 2051.2, "dir": "<", "hex": "01 83 04 40 F3", "mark": "late"}
    {"ms": 9120.0, "missing": 12}

`ms` are of a clock that only goes forward, from the first line's `began` (UTC); `dir` > is what the agent sent and <
what it heard. A frame is what it was on the wire, checks and noise included; an answer has the time of its last
byte. `mark` is what the watcher thought of it: late, stray, foreign, noise or echo. `missing` pieces passed that
nobody wrote down. The last line of a recording that was cut may be torn.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

VERSION: Final = 1


class Header(NamedTuple):
    """Where the frames passed. `url` without secrets; `began` ISO 8601, UTC."""

    station: str
    line: str
    url: str
    framing: str
    streams: bool
    software: str
    began: str


class Recorded(NamedTuple):
    """One frame, `ms` after the beginning. `way` is > or <."""

    ms: float
    way: str
    octets: bytes
    mark: str = ""


class Missing(NamedTuple):
    """So many pieces that nobody wrote down."""

    ms: float
    pieces: int


Entry = Recorded | Missing


@dataclass(frozen=True, slots=True)
class Recording:
    """All of it, in order."""

    header: Header
    entries: Sequence[Entry]


def encode_header(header: Header) -> bytes:
    """The first line."""
    return _line({"tram_recording": VERSION, **header._asdict()})


def encode(entry: Entry) -> bytes:
    """Every other line."""
    ms = round(entry.ms, 3)
    if isinstance(entry, Missing):
        return _line({"ms": ms, "missing": entry.pieces})
    row: dict[str, object] = {"ms": ms, "dir": entry.way, "hex": entry.octets.hex(" ").upper()}
    return _line(row | {"mark": entry.mark} if entry.mark else row)


def decode(text: str) -> Recording:
    """ValueError: this is no recording, or a line of it is none, and which. A torn last line is left out."""
    lines = text.splitlines()
    if text and not text.endswith("\n"):
        lines.pop()
    if not lines:
        raise ValueError("it is empty: not even the first line of a recording is whole")
    return Recording(_header(lines[0]), tuple(_entries(lines[1:])))


def _header(line: str) -> Header:
    try:
        row: dict[str, Any] = json.loads(line)
        version = row.pop("tram_recording")
        header = Header(**row)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("line 1: this is no recording of tram watch") from None
    if version != VERSION:
        raise ValueError(f"line 1: a recording of version {version}, this program reads {VERSION}")
    return header


def _entries(lines: Sequence[str]) -> Iterator[Entry]:
    for number, line in enumerate(lines, start=2):
        try:
            yield _entry(json.loads(line))
        except (ValueError, TypeError, KeyError):
            raise ValueError(f"line {number}: this is no line of a recording") from None


def _entry(row: dict[str, Any]) -> Entry:
    ms = float(row["ms"])
    if "missing" in row:
        return Missing(ms, int(row["missing"]))
    if row["dir"] not in ("<", ">"):
        raise ValueError(row["dir"])
    return Recorded(ms, row["dir"], bytes.fromhex(row["hex"]), str(row.get("mark", "")))


def _line(row: dict[str, object]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"
