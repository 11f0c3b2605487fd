"""The station file and the key, as the technician left them."""

import os
from pathlib import Path

import pytest

from agent.doctor.identity import KeyFacts, judge_file, judge_key, look_at_file, look_at_key
from agent.doctor.user import Owned, User
from telemetry import keyfile
from tests.agent.doctor.bench import Bench, destination
from tests.agent.doctor.spoken import spoken

TRAM = User("tram", 990, frozenset({990}))
ME = User("me", os.geteuid(), frozenset({os.getegid()}))


def key(mode: int = 0o600, uid: int = 990, public: bytes | None = b"k" * 32) -> KeyFacts:
    return KeyFacts(Path("keys/station.pem"), Owned(mode, uid, 990, "somebody", "g"), public, "no key", TRAM)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (key(), ["ok key-ok"]),
        (key(0o640), ["wrong key-open"]),
        (key(uid=0), ["wrong key-owner"]),
        (key(0o644, uid=0), ["wrong key-open", "wrong key-owner"]),
        (key(public=None), ["wrong key-unusable"]),
        (KeyFacts(Path("keys/station.pem"), None, None, "", TRAM), ["wrong key-missing"]),
    ],
)
def test_a_key_is_there_and_for_the_agent_alone(facts: KeyFacts, said: list[str]) -> None:
    assert spoken(judge_key(facts)) == said


def test_a_key_file_is_read_as_the_agent_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "station.pem"
    assert look_at_key(path, ME).owned is None
    public = keyfile.create(path).public
    assert look_at_key(path, ME).public == public
    path.chmod(0o644)
    assert look_at_key(path, ME).public is None
    path.chmod(0o600)
    path.write_text("no key at all")
    assert spoken(judge_key(look_at_key(path, ME))) == ["wrong key-unusable"]


def test_a_file_in_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "station")
    bench.describe(destination("mqtts://broker.example"))
    assert spoken(judge_file(look_at_file(bench.file))) == ["ok file-ok"]


def test_a_missing_key_is_said_once_and_by_the_key_itself(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "station")
    bench.describe(destination("mqtts://broker.example"))
    bench.key_file.unlink()
    facts = look_at_file(bench.file)
    assert facts.station is not None
    assert spoken(judge_file(facts)) == ["ok file-ok"]


def test_a_missing_key_of_the_centre_is_the_files_mistake(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "station")
    bench.describe(destination("mqtts://broker.example"))
    (bench.folder / "keys" / "centre.pub").unlink()
    facts = look_at_file(bench.file)
    assert facts.station is not None
    assert spoken(judge_file(facts)) == ["wrong file-problem"]


def test_many_mistakes_do_not_push_everything_else_off_the_screen(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "station")
    bench.describe("\n".join(f"[nonsense{number}]\nx = 1" for number in range(30)))
    facts = look_at_file(bench.file)
    assert facts.station is None
    said = spoken(judge_file(facts))
    assert len(said) == 21
    assert said[-1] == "wrong file-more-problems"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert spoken(judge_file(look_at_file(tmp_path / "station.toml"))) == ["wrong file-missing"]


def test_what_is_wrong_with_a_file_as_a_whole_has_no_line(tmp_path: Path) -> None:
    assert spoken(judge_file(look_at_file(tmp_path))) == ["wrong file-unfit"], "a folder"
