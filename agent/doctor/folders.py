"""The station's folders: what lies there, by name and rights; and which small files hold secrets, to keep those out."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agent.doctor.redaction import SECRET_NAME, in_secret_file, in_urls, in_words
from agent.doctor.user import group_of, name_of

MOST_ENTRIES: Final = 1_000
MOST_DEPTH: Final = 3
MOST_SECRET_BYTES: Final = 16 * 1024
"""A larger file is no key and no list of passwords."""
_NO_SECRET: Final = re.compile(r".*\.(toml|pub|lock|ledger|log|db|db-wal|db-shm)")
"""Not as a whole, whatever their rights are."""


def entries(folders: tuple[Path, ...]) -> Iterator[Path]:
    """The folders and what is in them, at most MOST_ENTRIES and MOST_DEPTH deep; links are not followed."""
    seen: set[Path] = set()
    for top in folders:
        for folder, below, files in os.walk(top):
            below.sort()
            here = Path(folder)
            if len(here.relative_to(top).parts) >= MOST_DEPTH:
                below.clear()
            fresh = [path for path in (here, *(here / name for name in sorted(files))) if path not in seen]
            fresh = fresh[: MOST_ENTRIES - len(seen)]
            seen.update(fresh)
            yield from fresh


def listing(folders: tuple[Path, ...]) -> str:
    """As ls -l: mode, owner, group, bytes, time, name."""
    rows = [_entry(path) for path in entries(folders)]
    cut = [f"[the first {MOST_ENTRIES}]"] if len(rows) == MOST_ENTRIES else []
    return "\n".join([*rows, *cut])


def secrets_in(folders: tuple[Path, ...], store: Path | None, named: Iterable[Path] = ()) -> frozenset[str]:
    """The lines of every small file that is a secret by its name, its rights or its words; what others call a secret.

    `store` is none. `named` are secrets wherever they lie and whatever they are called, also behind a link.
    """
    found: set[str] = set()
    for path in entries(folders):
        if store is None or not path.name.startswith(store.name):
            found.update(_secrets(path))
    for path in named:
        found.update(_secrets(path, named=True))
    return frozenset(found)


def _secrets(path: Path, *, named: bool = False) -> Iterator[str]:
    try:
        mode = path.stat() if named else path.lstat()
        if not stat.S_ISREG(mode.st_mode) or mode.st_size > MOST_SECRET_BYTES:
            return
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return
    yield from in_words(text)
    yield from in_urls(text)
    is_secret = "PRIVATE KEY" in text or SECRET_NAME.search(path.name) or not mode.st_mode & 0o077
    if named or (is_secret and not _NO_SECRET.fullmatch(path.name)):
        yield from in_secret_file(text)


def _entry(path: Path) -> str:
    try:
        found = path.lstat()
    except OSError as error:
        return f"? {path}: {error.strerror}"
    changed = datetime.fromtimestamp(found.st_mtime, UTC)
    who = f"{name_of(found.st_uid)} {group_of(found.st_gid)}"
    return f"{stat.filemode(found.st_mode)} {who} {found.st_size:>12} {changed:%Y-%m-%d %H:%M:%SZ} {path}"
