"""`tram doctor` as a program: what it prints, in which language, and how it ends."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import tram
from tests.agent.doctor.bench import Bench, destination, nobody

__all__ = ["nobody"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "station")
    bench.describe()
    return bench


def doctor(*arguments: str, **environment: str) -> Result:
    clean = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}
    return CliRunner().invoke(tram, ["doctor", *arguments], env=clean | environment)


def test_a_station_with_warnings_only_ends_well(bench: Bench) -> None:
    done = doctor(str(bench.file))
    assert done.exit_code == 0, done.output
    assert "at most" in done.output.splitlines()[0]
    assert done.output.splitlines()[-1].startswith("0 wrong")


def test_something_wrong_ends_with_1(bench: Bench, nobody: str) -> None:
    bench.describe(destination(nobody))
    done = doctor(str(bench.file))
    assert done.exit_code == 1
    assert "refuses the connection" in done.output


def test_the_language_is_asked_for_or_that_of_the_environment(bench: Bench) -> None:
    assert "khoá ký" in doctor(str(bench.file), "--lang", "vi").output
    assert "khoá ký" in doctor(str(bench.file), LANG="vi_VN.UTF-8").output
    assert "signing key" in doctor(str(bench.file), "--lang", "en", LANG="vi_VN.UTF-8").output


def test_for_programs(bench: Bench, nobody: str) -> None:
    bench.describe(destination(nobody))
    done = doctor(str(bench.file), "--json")
    assert done.exit_code == 1
    table = json.loads(done.output)
    assert table["ok"] is False
    assert table["station"] == "TEST_1"
    assert table["counts"]["wrong"] == 1
    (wrong,) = [row for row in table["checks"] if row["mark"] == "wrong"]
    assert (wrong["subject"], wrong["name"], wrong["code"]) == ("tcp", "centre", "tcp-refused")
    assert wrong["values"]["port"] == nobody.rpartition(":")[2]


def test_without_a_name_it_is_the_station_file_that_lies_here(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.folder)
    assert doctor("--json").exit_code == 0
    assert doctor(str(bench.folder)).exit_code == 0
    monkeypatch.chdir(bench.folder / "keys")
    done = doctor()
    assert done.exit_code == 1
    assert "station.toml" in done.output


def test_a_file_that_is_not_there_is_said_with_how_one_is_made_and_nothing_of_the_agent(bench: Bench) -> None:
    file = bench.folder / "other.toml"
    for language, seen, unasked in (
        ("en", f"{file} is not there", "not asked:"),
        ("vi", f"không có tệp {file}", "chưa hỏi:"),
    ):
        done = doctor(str(file), "--lang", language)
        assert done.exit_code == 1
        assert seen in done.output
        assert "tram init" in done.output
        assert unasked in done.output


def test_a_file_with_mistakes_still_gets_clock_and_agent_looked_at(bench: Bench) -> None:
    bench.file.write_text("[station]\nid = 3\n")
    table = json.loads(doctor(str(bench.file), "--json").output)
    assert {row["subject"] for row in table["checks"]} == {"file", "agent", "service", "clock"}
    assert table["station"] is None
