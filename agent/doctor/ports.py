"""Serial ports, without opening one: that would move its lines, and an instrument may take it for a reset."""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.doctor.user import Owned, User, may, owned
from agent.doctor.verdict import Verdict, ok, skipped, warning, wrong
from drivers.diagnosis import BY_ID

READ_WRITE = 6
_BY_NUMBER = re.compile(r"/dev/tty(USB|ACM)\d+")
"""The kernel gives these numbers in the order of plugging in: another one after the next start."""


@dataclass(frozen=True, slots=True)
class PortFacts:
    """`owned` None: it is not there. `allowed`: `user` may read and write. `by_id`: names that stay, of this adapter.

    `adapters`: all that are plugged in. `holders`: other programs that have it open, as far as they can be seen.
    """

    path: str
    owned: Owned | None
    is_port: bool
    allowed: bool
    user: User
    by_id: tuple[str, ...]
    adapters: tuple[str, ...]
    holders: tuple[str, ...]


def judge_port(facts: PortFacts) -> list[Verdict]:
    """There, a port, ours to use, ours alone, and named so that it stays."""
    adapters = ", ".join(facts.adapters)
    if facts.owned is None:
        code = "port-missing" if adapters else "port-missing-no-adapter"
        return [wrong(code, path=facts.path, adapters=adapters, folder=BY_ID)]
    if not facts.is_port:
        return [wrong("port-no-port", path=facts.path, adapters=adapters or "–")]
    found = _access(facts)
    if facts.holders:
        found.append(wrong("port-held", path=facts.path, holders=", ".join(facts.holders)))
    if facts.by_id and _BY_NUMBER.fullmatch(facts.path):
        found.append(warning("port-numbered", path=facts.path, by_id=facts.by_id[0]))
    return found or [ok("port-ok", path=facts.path, user=facts.user.name)]


def _access(facts: PortFacts) -> list[Verdict]:
    there = facts.owned
    if facts.allowed or there is None:
        return []
    values = {
        "path": facts.path,
        "user": facts.user.name,
        "group": there.group,
        "mode": f"{there.mode:04o}",
        "owner": there.owner,
    }
    group_may = (there.mode >> 3) & READ_WRITE == READ_WRITE and there.gid != 0
    return [wrong("port-group" if group_may else "port-closed", **values)]


def no_ports() -> list[Verdict]:
    """For a station whose lines are all on the network."""
    return [skipped("port-none")]


def look_at_port(path: str, user: User, agent: int | None, *, by_id: Path = BY_ID) -> PortFacts:
    """`agent`: the process that may have it open."""
    adapters = adapters_in(by_id)
    try:
        there = owned(Path(path))
        is_port = stat.S_ISCHR(Path(path).stat().st_mode)
    except OSError:
        return PortFacts(path, None, False, False, user, (), tuple(adapters), ())
    real = os.path.realpath(path)
    names = tuple(name for name, target in adapters.items() if target == real)
    allowed = os.access(path, os.R_OK | os.W_OK) if user.uid == os.geteuid() else may(user, there, READ_WRITE)
    return PortFacts(
        path, there, is_port, allowed, user, names, tuple(adapters), tuple(_holders(real, agent))
    )


def adapters_in(by_id: Path = BY_ID) -> Mapping[str, str]:
    """The names that stay the same whichever socket an adapter is in, and the device each stands for now."""
    if not by_id.is_dir():
        return {}
    return {str(path): os.path.realpath(path) for path in sorted(by_id.iterdir())}


def _holders(real: str, agent: int | None) -> Iterable[str]:
    """Programs that have it open: of our own user, and of everybody for root."""
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        number = int(process.name)
        if number in {agent, os.getpid()}:
            continue
        try:
            targets = {str(link.readlink()) for link in (process / "fd").iterdir()}
            if real in targets:
                yield f"{(process / 'comm').read_text().strip()} ({number})"
        except OSError:  # not ours to look at, or gone meanwhile
            continue
