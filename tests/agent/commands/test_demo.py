"""`tram demo` before anything is started."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.commands import demo
from agent.commands.tram import tram


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A play that has begun is a failure here."""

    async def began(_folder: Path, _seed: int) -> list[object]:
        raise AssertionError

    monkeypatch.setattr(demo, "_play", began)


def test_a_folder_with_something_in_it_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = CliRunner().invoke(tram, ["demo", "--keep", str(tmp_path)])
    assert (result.exit_code, result.output) == (
        1,
        f"Error: {tmp_path} is not empty, give --keep an empty folder or a name that is free\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_no_folder_to_keep_things_in(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    result = CliRunner().invoke(tram, ["demo", "--keep", str(file)])
    assert result.exit_code == 1
    assert f"{file} is a file, give --keep" in result.output


@pytest.mark.parametrize("name", [".", "new"])
def test_an_empty_folder_or_a_free_name_is_taken(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(tram, ["demo", "--keep", str(tmp_path / name)])
    assert isinstance(result.exception, AssertionError)
