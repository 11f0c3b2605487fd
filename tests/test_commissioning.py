"""The technician's pages: what they show is what the program prints, in both languages, from init to a green doctor."""

import re
from itertools import chain
from pathlib import Path

import pytest

from tests.commissioning import PAGES, followed, site
from tests.page import blocks, commands, headings, same

pytestmark = pytest.mark.system

ROOT = PAGES[0].parent.parent
ROOMS = ("agent", "drivers")


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No coverage in the processes: it makes their starts three times as long."""
    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "")


def test_the_pages_show_what_the_program_prints(tmp_path: Path) -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    with site(tmp_path / "site") as here:
        for block, typed, output in chain.from_iterable(followed(texts, here)):
            assert same(block.body) == same(output), f"{typed}{output}\nIf the program is right: make pages"


def test_both_pages_have_the_same_commands_and_headings() -> None:
    english, vietnamese = (page.read_text(encoding="utf-8") for page in PAGES)
    assert commands(vietnamese) == commands(english)
    assert headings(vietnamese) == headings(english)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_table_quotes_what_the_program_says(page: Path) -> None:
    """A symptom that no program prints any more would be looked for in vain; numbers are put in when it is printed."""
    _, _, table = page.read_text(encoding="utf-8").rpartition("\n## ")
    symptoms = [row.split("|")[1] for row in table.splitlines() if row.startswith("| ")]
    quoted = [phrase.split("…")[0] for symptom in symptoms for phrase in re.findall(r"`(.*?)`", symptom)]
    assert len(quoted) > 8
    sources = (path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in {".py", ".toml"})
    said = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert [phrase for phrase in quoted if not re.search(r"\d", phrase) and phrase not in said] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_whatever_the_reader_types_is_shown_with_its_answer(page: Path) -> None:
    """A block of commands that says not why it has no answer would be followed by nobody."""
    every = list(blocks(page.read_text(encoding="utf-8")))
    for block, following in zip(every, [*every[1:], None], strict=True):
        if block.kind == "sh" and not block.note.startswith(("not run", "not shown")):
            assert following is not None
            assert following.kind == "text", block.body
