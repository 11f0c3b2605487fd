"""The station file for strangers' eyes: only keys that are known to be harmless keep their values. Pure.

Comments go too: people write passwords into them.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from agent.doctor.redaction import REMOVED, SECRET_NAME, in_urls, in_words

FILES_OF_TLS: Final = ("ca", "cert", "cert_key")
_DEVICE: Final = (
    "id line driver unit every profile without module mode check_mode block_gap block_max pattern separator terminator"
    " columns count no_value decimal_comma longest silence custom date lead blank dialect model values query replies"
    " mantissa joined_status identifications tails checksum sum_with_line_feed end states flag_bits status_bits talker"
    " reference measurement longest_wait disk thermal_zone supply warnings list_wait crc composite check backfill"
)
_CHANNEL: Final = (
    "id table address register type order scale offset unit range bit length flags flagged field"
)
SHOWN: Final[Mapping[str, frozenset[str]]] = {
    "station": frozenset({"id", "name", "timezone"}),
    "identity": frozenset({"key"}),
    "buffer": frozenset({"path", "keep", "quota", "linger"}),
    "line": frozenset(
        (*FILES_OF_TLS, "id", "url", "timeout", "guard", "gap", "connect_timeout", "reconnect", "retries")
    ),
    "device": frozenset(_DEVICE.split(" ")),
    "channel": frozenset(_CHANNEL.split(" ")),
    "contact": frozenset(_CHANNEL.split(" ")),
    "status_from": frozenset({"device", "channel", "flags", "flagged"}),
    "destination": frozenset(
        (
            "id",
            "kind",
            "url",
            "root",
            "ack",
            "receipt_keys",
            "ca",
            "cert",
            "cert_key",
            "password_file",
            "records_per_s",
        )
    ),
}
"""By table. What an instrument is asked may be a login, a user name at some brokers a token: both stay away."""
FILES: Final = frozenset({*FILES_OF_TLS, "key", "receipt_keys", "password_file"})
"""Names of files, if they look like one: somebody may have put the secret itself there."""
_WORD: Final = re.compile(r"[^\s\\\"',;:=#]{6,}")
"""A login is a command and a password, and a message may quote one of them."""
_FILE_NAME: Final = re.compile(r"[^\n]{0,200}\.[A-Za-z0-9]{1,8}")
_LINE: Final = re.compile(r"^\s*([\w.\"'-]+)\s*=\s*(.+?)\s*$", re.M)
_QUOTED: Final = re.compile(r"\"([^\"\n]*)\"?|'([^'\n]*)'?")
_OTHER_OPTION: Final = re.compile(r"(?:^|&)(?!(?:baudrate|parity|stopbits|bytesize|framer|rs485)=)[^&]*")


@dataclass(frozen=True, slots=True)
class Shown:
    """`text`: TOML without secrets. `secrets`: what was left out. `open_words`: the values that are shown.

    `password_files`: as they are named there; what stands in them is secret.
    """

    text: str
    secrets: frozenset[str]
    open_words: frozenset[str]
    password_files: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sieve:
    """What fell through and what stayed, while the text is written."""

    secrets: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)

    def removed(self, value: object) -> str:
        """In place of a value; every scalar in it is a secret from now on, and so are its longer words."""
        for scalar in _scalars(value):
            self.secrets |= {scalar, *_WORD.findall(scalar)}
        return json.dumps(REMOVED)

    def shown(self, value: object) -> str:
        """A value as TOML has it."""
        self.kept.update(_scalars(value))
        if isinstance(value, Mapping):
            return "{ " + ", ".join(self._pair(name, each) for name, each in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.shown, value)) + "]"
        return json.dumps(value, ensure_ascii=False, default=str)

    def _pair(self, name: str, value: object) -> str:
        return f"{_name(name)} = {self.removed(value) if SECRET_NAME.search(name) else self.shown(value)}"


def shown(text: str) -> Shown:
    """Of a file that is no TOML nothing is shown; what may be secret in it is found line by line."""
    always = {*in_urls(text), *in_words(text)}
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        loose = always | set(_by_eye(text))
        return Shown(
            "# the station file is no TOML, nothing of it is shown\n",
            frozenset(loose),
            frozenset(),
            tuple(_password_files_by_eye(text)),
        )
    sieve = _Sieve()
    lines = list(_tables(tree, "", (), sieve))
    secrets = sieve.secrets | always
    return Shown(
        "\n".join(lines).strip() + "\n",
        frozenset(secrets),
        frozenset(sieve.kept - secrets),
        tuple(_password_files(tree)),
    )


def _password_files(tree: Mapping[str, Any]) -> Iterator[str]:
    """Of every destination, as far as the file names one."""
    destinations = tree.get("destination")
    for table in destinations if isinstance(destinations, list) else ():
        name = table.get("password_file") if isinstance(table, Mapping) else None
        if isinstance(name, str) and name:
            yield name


def _by_eye(text: str) -> Iterator[str]:
    harmless = frozenset().union(*SHOWN.values()) - FILES
    for match in _LINE.finditer(text):
        if match[1] not in harmless:
            yield match[2]
            yield match[2].strip("\"'")
            yield from _WORD.findall(match[2])
            yield from (quoted[1] or quoted[2] or "" for quoted in _QUOTED.finditer(match[2]))


def _password_files_by_eye(text: str) -> Iterator[str]:
    for match in _LINE.finditer(text):
        if match[1] == "password_file":
            yield from (quoted[1] or quoted[2] or "" for quoted in _QUOTED.finditer(match[2]))


def _tables(tree: Mapping[str, Any], table: str, path: tuple[str, ...], sieve: _Sieve) -> Iterator[str]:
    """First a table's own keys, then the tables in it, as TOML wants it."""
    for key, value in tree.items():
        if not _holds_tables(table, key, value):
            yield f"{_name(key)} = {_value(table, key, value, sieve)}"
    for key, value in tree.items():
        if _holds_tables(table, key, value):
            yield from _inner(key, value, (*path, key), sieve)


def _inner(key: str, value: Any, path: tuple[str, ...], sieve: _Sieve) -> Iterator[str]:  # noqa: ANN401 - TOML
    name = ".".join(map(_name, path))
    for item in value if isinstance(value, list) else [value]:
        yield ""
        yield f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
        if key in SHOWN:
            yield from _tables(item, key, path, sieve)
        else:
            yield f"# {sieve.removed(item)}"


def _holds_tables(table: str, key: str, value: object) -> bool:
    """A table of its own; the small ones of a device, such as `check`, stay on their line."""
    items = value if isinstance(value, list) else [value]
    small = key in SHOWN.get(table, frozenset())
    return bool(items) and all(isinstance(item, Mapping) for item in items) and not small


def _value(table: str, key: str, value: object, sieve: _Sieve) -> str:
    if key not in SHOWN.get(table, frozenset()):
        return sieve.removed(value)
    if key == "url" and isinstance(value, str):
        return sieve.shown(_plain_url(value))
    names = value if isinstance(value, list) else [value]
    if key in FILES and not all(isinstance(name, str) and _FILE_NAME.fullmatch(name) for name in names):
        return sieve.removed(value)
    return sieve.shown(value)


def _scalars(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _scalars(each)
    elif not isinstance(value, bool):
        yield str(value)


def _name(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _plain_url(url: str) -> str:
    """Without user, and with the serial port's options only."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return REMOVED
    host = parts.netloc.rpartition("@")[2]
    query = _OTHER_OPTION.sub("", parts.query).lstrip("&")
    return urlunsplit((parts.scheme, host, parts.path, query, ""))
