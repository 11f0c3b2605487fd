"""The table of sentences: both languages whole, the same places in both, nothing named that is not there."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.doctor import sentences
from agent.doctor.sentences import as_table, as_text, table
from agent.doctor.verdict import Line, lines, ok, skipped, warning, wrong

ROOM = Path(sentences.__file__).parent
CODES = sorted(table())


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("code", CODES)
def test_a_sentence_is_in_both_languages_with_the_same_places(code: str) -> None:
    row = table()[code]
    assert {"en", "vi"} <= set(row) <= {"en", "vi", "do_en", "do_vi"}
    assert all(text.strip() for text in row.values())
    assert places(row["en"]) == places(row["vi"])
    assert ("do_en" in row) == ("do_vi" in row)
    assert places(row.get("do_en", "")) == places(row.get("do_vi", ""))


@pytest.mark.parametrize(
    "code", [code for code in CODES if code.partition("-")[0] not in {"frame", "mark", "subject"}]
)
def test_vietnamese_is_not_english_left_over(code: str) -> None:
    row = table()[code]
    shared = {"{problem}", "{warning}", "chmod 600 {path}", "sudo systemctl enable {unit}"}
    for language in ("", "do_"):
        english, vietnamese = row.get(f"{language}en"), row.get(f"{language}vi")
        assert english is None or english in shared or english != vietnamese


def strings_of_the_room() -> Iterator[str]:
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_sentence_is_said_somewhere() -> None:
    there = set(strings_of_the_room())
    composed = (
        *(f"{step}-ok" for step in ("dns", "tcp", "tls", "login", "acl")),
        *(f"{step}-{how}" for step in ("tcp", "tls", "login") for how in ("silent", "other")),
        *(f"acl-{verb}" for verb in ("publish", "subscribe")),
        *(
            f"cert-{whose}-{how}"
            for whose in ("broker", "client", "ca", "line")
            for how in ("ok", "soon", "expired", "early")
        ),
        *(f"centre-says-{status}" for status in ("re-enrol", "fork", "hole")),
    )
    subjects = {f"subject-{text}" for text in there}
    marks = {f"mark-{text}" for text in there}
    said_elsewhere = {"frame-head", "frame-bundle"}
    assert set(CODES) - there - set(composed) - subjects - marks - said_elsewhere == set()
    assert set(composed) <= set(CODES)


def called(tree: ast.Module, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def test_no_code_is_named_that_has_no_sentence() -> None:
    for path in ROOM.glob("*.py"):
        for call in called(
            ast.parse(path.read_text(encoding="utf-8")), {"ok", "warning", "wrong", "skipped", "Failure"}
        ):
            code = call.args[0] if call.args else None
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                assert code.value in table(), f"{path.name}:{call.lineno} {code.value}"


def four() -> list[Line]:
    return [
        *lines("key", "", [ok("key-ok", path="k", fingerprint="abcd"), wrong("key-missing", path="k")]),
        *lines("port", "rs485", [warning("port-numbered", path="/dev/ttyUSB0", by_id="/dev/serial/by-id/x")]),
        *lines("rest", "so", [skipped("broker-rest")]),
    ]


def test_a_line_is_mark_subject_words_and_below_it_what_to_do() -> None:
    text = as_text(four(), "en").splitlines()
    assert text[0] == "ok       signing key    k, fingerprint abcd"
    assert text[1] == "WRONG    signing key    k is not there"
    assert text[2].startswith("                        → a new station: tram keys new k")
    assert text[3].startswith("warning  port (rs485)   /dev/ttyUSB0 may be another adapter")
    assert text[-1] == "1 wrong, 1 to be looked at, 1 ok, 1 not looked at"


def test_a_vietnamese_technician_reads_vietnamese() -> None:
    text = as_text(four(), "vi")
    assert "LỖI       khoá ký                không có k" in text
    assert "cảnh báo  cổng nối tiếp (rs485)  /dev/ttyUSB0 có thể thành" in text
    assert text.endswith("1 lỗi, 1 cảnh báo, 1 tốt, 1 chưa kiểm tra")


def test_a_program_gets_the_same_codes_in_every_language() -> None:
    english, vietnamese = as_table(four(), "en"), as_table(four(), "vi")
    for name in ("subject", "name", "mark", "code", "values"):
        assert [row[name] for row in english] == [row[name] for row in vietnamese]
    assert english[0]["said"] != vietnamese[0]["said"]


def test_on_a_screen_long_lines_are_broken_between_words_and_stay_in_their_column() -> None:
    text = as_text(four(), "en", width=80).splitlines()
    assert max(map(len, text)) <= 80
    (at,) = [number for number, row in enumerate(text) if "→ a new station" in row]
    assert text[at].index("→") + 2 == len(text[at + 1]) - len(text[at + 1].lstrip())
    assert "\n" not in as_text(four()[:1], "en", width=0).split("\n\n")[0]
