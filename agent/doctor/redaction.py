"""Secrets taken out of text: those that are known, whatever form they have, and what looks like one. Pure.

Known are the values of the station file that are not openly shown, what secret files hold, and variables whose names
say that they are secret. A secret that a message cut short is found by its beginning.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote

REMOVED: Final = "[removed]"
SHORTEST: Final = 4
"""Letters. A shorter word stands everywhere, and is no secret."""
BEGINNING: Final = 8
"""So many letters of a longer secret betray it."""

SECRET_NAME: Final = re.compile(
    r"pass|pwd|secret|token|psk|credential|private|api_?key|_key$|^key$|auth", re.I
)
_USER_IN_URL: Final = re.compile(r"://([^/\s\"'@]+)@")
_ASSIGNED: Final = re.compile(
    r"((?<![A-Za-z])(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|psk|pin|api[_-]?key|bearer|authorization)"
    r"[\"']?\s*(?:[:=]|\bis\b:?)\s*(?:(?:bearer|basic)\s+)?[\"']?)([^\s\"',;]+)",
    re.I,
)
_PEM: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
)


class Redaction:
    """Knows the secrets and cleans texts of them. `open_words`: what is shown anyway, and so is no secret."""

    def __init__(self, secrets: Iterable[str], open_words: Iterable[str] = ()) -> None:
        shown = frozenset(open_words)
        known = {each.strip() for each in secrets}
        forms = {form for each in known - shown if _may_be_secret(each) for form in _forms(each)}
        self._forms = sorted(forms - shown, key=lambda form: (-len(form), form))

    def clean(self, text: str) -> str:
        """The text without them."""
        text = _PEM.sub(REMOVED, text)
        text = _USER_IN_URL.sub(f"://{REMOVED}@", text)
        text = _ASSIGNED.sub(rf"\1{REMOVED}", text)
        for form in self._forms:
            text = _without(text, form)
        return text


def in_environment(environment: Mapping[str, str]) -> Iterator[str]:
    """The values of variables whose names say that they are secret, and passwords in the others' URLs."""
    for name, value in environment.items():
        if SECRET_NAME.search(name) and not name.startswith(("PWD", "OLDPWD")):  # these are folders
            yield value
        yield from in_urls(value)


def in_urls(text: str) -> Iterator[str]:
    """User and password in front of the host."""
    for match in _USER_IN_URL.finditer(text):
        for part in match[1].split(":"):
            yield part
            yield unquote(part)


def in_words(text: str) -> Iterator[str]:
    """What stands behind the word password, and the like: in a comment, in a note."""
    for match in _ASSIGNED.finditer(text):
        yield match[2]


def in_secret_file(text: str) -> Iterator[str]:
    """Every line of it, and what is assigned there. The frame of a PEM file is no secret."""
    for line in text.splitlines():
        if line.startswith("-----"):
            continue
        yield line
        for mark in "=:":
            yield line.partition(mark)[2].strip().strip("\"'")


def _may_be_secret(word: str) -> bool:
    return len(word) >= SHORTEST and word.lower() not in {"true", "false", "none", "null"}


def _forms(secret: str) -> Iterator[str]:
    """As it stands, and as JSON, a URL, an Authorization header and a hex dump have it."""
    octets = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield quote(secret, safe="")
    yield base64.b64encode(octets).decode().rstrip("=")
    yield octets.hex()


def _without(text: str, form: str) -> str:
    if len(form) <= BEGINNING:
        return text.replace(form, REMOVED)
    parts, at = [], 0
    while (found := text.find(form[:BEGINNING], at)) >= 0:
        end = found + BEGINNING
        while end < len(text) and end - found < len(form) and text[end] == form[end - found]:
            end += 1
        parts += [text[at:found], REMOVED]
        at = end
    return "".join([*parts, text[at:]])
