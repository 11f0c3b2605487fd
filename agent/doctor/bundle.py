"""The archive for support: a few texts, cleaned and cut to size, always packed in the same way. No secret is in it."""

import gzip
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.doctor.redaction import Redaction

MOST_BYTES: Final = 256 * 1024
"""Of one text; with a dozen of them the whole stays under 3 MiB before it is packed."""
MOST_FILES: Final = 16
FOLDER: Final = "tram-doctor"


def archive(texts: Mapping[str, str], redaction: Redaction) -> bytes:
    """A tar.gz of the texts by name. The same texts give the same bytes."""
    assert len(texts) <= MOST_FILES
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(texts):
            content = _cut(redaction.clean(texts[name]).encode("utf-8", "replace"))
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def write(path: Path, packed: bytes) -> None:
    """A new file for its owner alone. FileExistsError when there is one of that name."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(packed)


def _cut(content: bytes) -> bytes:
    """The newest of a log and the beginning of everything else: both ends are kept."""
    if len(content) <= MOST_BYTES:
        return content
    half = MOST_BYTES // 2
    return content[:half] + f"\n[{len(content) - 2 * half} bytes left out]\n".encode() + content[-half:]
