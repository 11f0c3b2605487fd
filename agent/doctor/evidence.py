"""The edge of the bundle: what is put into it, each text looked at within its bound, and the secrets to keep out."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

from agent.doctor.examination import Examination
from agent.doctor.folders import listing, secrets_in
from agent.doctor.looking import LOOK_S, look
from agent.doctor.ports import adapters_in
from agent.doctor.redaction import Redaction, in_environment
from agent.doctor.sentences import Language, as_table, as_text, said
from agent.doctor.service import unit_in
from agent.doctor.station_text import shown
from agent.doctor.verdict import Verdict
from agent.station import store_of
from agent.version import SOFTWARE
from config.errors import StationFileError

MOST_SPANS: Final = 200
MOST_LOG_BYTES: Final = 200 * 1024


class Gathered(NamedTuple):
    """The texts by name, as they are, and what cleans them. `missing` are those that could not be had, and why."""

    texts: dict[str, str]
    redaction: Redaction
    missing: Mapping[str, Verdict]


async def gathered(found: Examination, environment: Mapping[str, str], log: Path | None) -> Gathered:
    """Everything that is packed. OSError when the secrets are not known."""
    folders, store = _folders(found)
    pid = found.agent.pid if found.agent else None
    looked = {
        "station.toml": await look(partial(_read, found.file)),
        "versions.txt": await look(_versions),
        "folders.txt": await look(partial(listing, folders)),
        "machine.txt": await look(_machine),
        "log.txt": await look(partial(_log, pid, log)),
    }
    missing = {name: answer for name, answer in looked.items() if isinstance(answer, Verdict)}
    station = shown("" if "station.toml" in missing else str(looked["station.toml"]))
    texts = {
        "doctor.txt": as_text(found.lines, "en"),
        "doctor.vi.txt": as_text(found.lines, "vi"),
        "doctor.json": _dumped(as_table(found.lines, "en")),
        "status.json": _dumped(found.agent.status if found.agent else None),
        "ledger.json": _dumped(_ledger(found)),
        **{name: str(answer) for name, answer in looked.items()},
        "station.toml": station.text,
        **{name: missing_text(name, why, "en") for name, why in missing.items()},
    }
    named = [found.file.parent / name for name in station.password_files]
    in_files = await look(partial(secrets_in, folders, store, named))
    if isinstance(in_files, Verdict):
        raise OSError(
            "the station's folders cannot be read: while its secrets are not known nothing is packed"
        )
    both = {**environment, **await _environment_of(pid)}
    secrets = {*station.secrets, *in_files, *in_environment(both)}
    return Gathered(texts, Redaction(secrets, station.open_words), missing)


def missing_text(name: str, why: Verdict, language: Language) -> str:
    """In its place, and for whoever packs."""
    return said("frame-bundle-missing", language, {"name": name, "why": said(why.code, language, why.values)})


async def _environment_of(pid: int | None) -> dict[str, str]:
    """The agent's, as proc_pid_environ(5) has it: what it was given may stand in its log."""
    if pid is None:
        return {}
    words = await look(
        lambda: Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace").split("\0")
    )
    pairs = [] if isinstance(words, Verdict) else [word.partition("=") for word in words]
    return {f"{name} of the agent": value for name, _, value in pairs}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _folders(found: Examination) -> tuple[tuple[Path, ...], Path | None]:
    """Of the station: its file's, and those of key and store where they are elsewhere. And the store."""
    paths = [found.file]
    store: Path | None = None
    if found.station is not None:
        store = found.station.buffer.path
        paths += [found.station.identity.key, store]
    else:
        with suppress(StationFileError):
            store = store_of(found.file)
            paths.append(store)
    return tuple(dict.fromkeys(path.absolute().parent for path in paths)), store


def _versions() -> str:
    packages = {f"{each.metadata['Name']}=={each.version}" for each in metadata.distributions()}
    head = [SOFTWARE, f"Python {platform.python_version()}", platform.platform(), ""]
    return "\n".join([*head, *sorted(packages)])


def _machine(usb: Path = Path("/sys/bus/usb/devices")) -> str:
    """Kernel and what is plugged in. Not the kernel's command line, nor the mounts: both may name passwords."""
    rows = [" ".join(platform.uname()), "", "serial adapters:"]
    rows += [f"  {name} -> {target}" for name, target in adapters_in().items()]
    rows += ["", "USB:"]
    for device in sorted(usb.glob("*/idVendor")):
        words = [device.with_name(name) for name in ("idVendor", "idProduct", "manufacturer", "product")]
        rows.append(
            "  " + " ".join(path.read_text(errors="replace").strip() for path in words if path.exists())
        )
    return "\n".join(rows)


def _ledger(found: Examination) -> object:
    store = found.store
    if store is None:
        return None
    return {
        "path": str(store.path),
        "error": None if store.error is None else str(store.error),
        "ledgers": [
            {
                "ledger": held.ledger.hex(),
                "next_seq": held.next_seq,
                "prev": held.prev.hex(),
                "lowest": held.lowest,
                "newest": held.newest,
                "rows": held.rows,
            }
            for held in store.held
        ],
        "owed": {
            owner: [[each.ledger.hex(), each.first, each.last] for each in ranges[:MOST_SPANS]]
            for owner, ranges in store.owed.items()
        },
        "next_start": None if store.next_start is None else store.next_start.reason.name.lower(),
    }


def _log(pid: int | None, log: Path | None) -> str:
    """The end of the file that was named, of the file that the agent writes to, or of its unit's journal."""
    if log is not None:
        return _tail(log)
    if pid is None:
        return "no agent runs, and no log file was named (--log)"
    out = Path(f"/proc/{pid}/fd/2")
    if out.is_file():
        return _tail(out)
    unit, journalctl = (
        unit_in(Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")),
        shutil.which("journalctl"),
    )
    if unit is None or journalctl is None:
        return "the agent writes to a terminal or a pipe; its log file can be named with --log"
    command = [journalctl, "--unit", unit, "--lines", "1000", "--no-pager", "--output", "short-iso"]
    try:
        done = subprocess.run(  # noqa: S603 - a unit's name
            command, capture_output=True, text=True, timeout=LOOK_S - 1, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return "the journal does not answer"
    return done.stdout


def _tail(path: Path) -> str:
    """Whole lines only: half a line may begin in the middle of a secret."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - MOST_LOG_BYTES))
        content = file.read(MOST_LOG_BYTES)
    if size > MOST_LOG_BYTES:
        content = content.partition(b"\n")[2]
    return content.decode("utf-8", "replace")


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)
