"""The station file and the signing key."""

from dataclasses import dataclass
from pathlib import Path

from agent.doctor.user import Owned, User, owned
from agent.doctor.verdict import Verdict, ok, warning, wrong
from agent.station import load_station
from config.errors import Problem, StationFileError
from config.machine import Role
from config.station import Station
from telemetry import keyfile
from telemetry.keys import SigningKey, fingerprint

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """`station` None: the file cannot be used at all. `problems`: mistakes; those about keys alone leave a station.

    `missing`: there is no such file.
    """

    file: Path
    station: Station | None
    problems: tuple[Problem, ...]
    missing: bool = False


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """`owned` None: the file is not there. `public` None: no key could be read, `why`. `user` runs the agent."""

    path: Path
    owned: Owned | None
    public: bytes | None
    why: str
    user: User


def judge_file(facts: FileFacts) -> list[Verdict]:
    """Every mistake, every warning, or that it is in order."""
    if facts.missing:
        return [wrong("file-missing", file=facts.file)]
    found = [_mistake(problem) for problem in facts.problems[:MOST_PROBLEMS]]
    more = len(facts.problems) - len(found)
    if more:
        found.append(wrong("file-more-problems", count=more, file=facts.file))
    station = facts.station
    if station is None:
        return found
    found += [warning("file-warning", warning=str(each)) for each in station.warnings]
    if not facts.problems:
        found.append(ok("file-ok", devices=len(station.devices), lines=len(station.lines)))
    return found


def _mistake(problem: Problem) -> Verdict:
    """In its line, or in the file as a whole."""
    return wrong("file-problem" if problem.line else "file-unfit", problem=str(problem))


def look_at_file(file: Path) -> FileFacts:
    """As the agent reads it. Mistakes that the check of the key or of the store says better are left to it."""
    try:
        return FileFacts(file, load_station(file), ())
    except StationFileError as error:
        problems = error.problems
        if isinstance(error.__cause__, FileNotFoundError):
            return FileFacts(file, None, problems, missing=True)
    try:
        station = load_station(file, elsewhere=True)
    except StationFileError:
        return FileFacts(file, None, problems)
    theirs = (str(Role.PRIVATE_KEY), str(Role.STORE))
    return FileFacts(file, station, tuple(each for each in problems if not each.message.startswith(theirs)))


def look_at_key(path: Path, user: User) -> KeyFacts:
    """Reads the key as the agent does."""
    try:
        there = owned(path)
    except FileNotFoundError:
        return KeyFacts(path, None, None, "", user)
    try:
        return KeyFacts(path, there, keyfile.load(path).public, "", user)
    except keyfile.KeyFileError as error:
        return KeyFacts(path, there, None, str(error), user)


def signing_key(path: Path) -> SigningKey | None:
    """None when it cannot be read."""
    try:
        return keyfile.load(path)
    except keyfile.KeyFileError:
        return None


def judge_key(facts: KeyFacts) -> list[Verdict]:
    """There, for its owner alone, of the agent's user, and a key."""
    if facts.owned is None:
        return [wrong("key-missing", path=facts.path)]
    found = []
    if facts.owned.mode & 0o077:
        found.append(wrong("key-open", path=facts.path, mode=f"{facts.owned.mode:04o}"))
    if facts.owned.uid != facts.user.uid:
        found.append(wrong("key-owner", path=facts.path, owner=facts.owned.owner, user=facts.user.name))
    if found:
        return found
    if facts.public is None:
        return [wrong("key-unusable", path=facts.path, why=facts.why)]
    return [ok("key-ok", path=facts.path, fingerprint=fingerprint(facts.public))]
