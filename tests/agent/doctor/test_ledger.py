"""What the store says before the agent opens it. The stories with real files are in `test_whole_station`."""

import fcntl
import os
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from agent.doctor.ledger import Proof, StoreFacts, holder, judge_store, look_at_store
from agent.doctor.user import User
from agent.start import Start
from agent.station import load_station
from buffer.entry import LedgerHeld
from buffer.errors import StoreBroken, StoreDamaged, StoreError, StoreForeign, StoreNewer
from telemetry.bodies import BootReason
from tests.agent.doctor.bench import Bench
from tests.agent.doctor.spoken import spoken

LEDGER = bytes(range(16))
BEFORE = (LEDGER, 7, bytes(32))
GOES_ON = Start(BootReason.CLEAN_STOP, new_ledger=False, before=None, boots=2)
SOUND = StoreFacts(
    path=Path("data/ledger.db"),
    there=True,
    error=None,
    held=(LedgerHeld(LEDGER, 8, bytes(32), 1, 7, 7),),
    owed=MappingProxyType({}),
    next_start=GOES_ON,
    proof=Proof(7, None),
    strange=(),
    user=User("tram", 990, frozenset()),
    aside=(),
)


def anew(reason: BootReason) -> Start:
    return Start(reason, new_ledger=True, before=BEFORE, boots=2)


def broken(error: StoreError) -> StoreFacts:
    return replace(SOUND, error=error, held=(), next_start=None, proof=None)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (SOUND, ["ok store-ok"]),
        (replace(SOUND, held=(), proof=None), ["ok store-empty"]),
        (replace(SOUND, next_start=None, proof=None), ["ok store-ok-unproven"]),
        (replace(SOUND, proof=Proof(7, "bad signature")), ["wrong store-not-proven"]),
        (replace(SOUND, next_start=anew(BootReason.STORE_RESTORED)), ["warning store-restored"]),
        (replace(SOUND, next_start=anew(BootReason.ENROLMENT)), ["warning store-other-key"]),
        (
            replace(SOUND, there=False, held=(), next_start=anew(BootReason.STORE_LOST)),
            ["warning store-lost"],
        ),
        (replace(SOUND, there=False, held=(), next_start=None), ["skipped store-new"]),
        (broken(StoreNewer("x", "y")), ["wrong store-newer"]),
        (broken(StoreForeign("x", "y")), ["wrong store-foreign"]),
        (broken(StoreDamaged("x", "y")), ["wrong store-damaged"]),
        (broken(StoreBroken("x", "y")), ["wrong store-unreadable"]),
        (replace(SOUND, strange=("data/ledger.db-wal",)), ["wrong store-owner", "ok store-ok"]),
        (replace(SOUND, aside=("data/quarantine/1",)), ["warning store-aside", "ok store-ok"]),
    ],
)
def test_what_the_next_start_will_make_of_it(facts: StoreFacts, said: list[str]) -> None:
    assert spoken(judge_store(facts)) == said


@pytest.mark.pure
def test_a_ledger_that_will_not_go_on_is_not_asked_about() -> None:
    assert SOUND.current == SOUND.held[-1]
    assert replace(SOUND, next_start=anew(BootReason.STORE_RESTORED)).current is None
    assert replace(SOUND, held=()).current is None


def test_who_holds_the_lock_is_read_from_the_kernel_and_not_tried(tmp_path: Path) -> None:
    store = tmp_path / "ledger.db"
    assert holder(store, "") is None
    lock = tmp_path / "ledger.db.lock"
    lock.touch()
    found = lock.stat()
    disk = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    other = f"1: POSIX  ADVISORY  WRITE 11 {disk}:{found.st_ino} 0 EOF\n"
    ours = f"2: FLOCK  ADVISORY  WRITE 4711 {disk}:{found.st_ino} 0 EOF\n"
    assert holder(store, other + ours) == 4711
    assert holder(store, other) is None
    assert holder(store, ours.replace(str(found.st_ino), str(found.st_ino + 1))) is None


def test_a_lock_with_the_same_number_on_another_disk_is_not_ours(tmp_path: Path) -> None:
    lock = tmp_path / "ledger.db.lock"
    lock.touch()
    line = f"1: FLOCK  ADVISORY  WRITE 4711 ff:ff:{lock.stat().st_ino} 0 EOF\n"
    assert holder(tmp_path / "ledger.db", line) is None
    fd = tmp_path / "proc" / "4711" / "fd"  # a disk with two numbers
    fd.mkdir(parents=True)
    (fd / "7").symlink_to(lock)
    assert holder(tmp_path / "ledger.db", line, proc=tmp_path / "proc") == 4711


def test_a_real_lock_is_seen(tmp_path: Path) -> None:
    with (tmp_path / "ledger.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert holder(tmp_path / "ledger.db", Path("/proc/locks").read_text()) == os.getpid()
    assert holder(tmp_path / "ledger.db", Path("/proc/locks").read_text()) is None


def test_what_an_agent_that_once_ran_as_root_left_behind(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "station")
    bench.describe()
    bench.store.write_bytes(b"")
    bench.store.chmod(0o600)
    nobody = User("nobody", 65_534, frozenset())
    facts = look_at_store(load_station(bench.file), None, nobody)
    assert str(bench.store) in facts.strange
    assert look_at_store(load_station(bench.file), None, User("root", 0, frozenset())).strange == ()
