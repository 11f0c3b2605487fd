"""Patterns of a technician: what is spoken, what is refused, and that what is accepted cannot hang."""

import re
import time
from random import Random

import pytest

from drivers.protocols.line_pattern import MAX_STEPS, compiled

pytestmark = pytest.mark.pure


def read(pattern: str, line: str) -> dict[str, str | None] | None:
    return compiled(pattern, longest=256).read(line)


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        ("pH={ph} T={t}C", "pH=7.85 T=+21.0C", {"ph": "7.85", "t": "+21.0"}),
        ("{a},{b}", "-.5,1.2E-03", {"a": "-.5", "b": "1.2E-03"}),
        (r"\{{a}\}", "{7}", {"a": "7"}),
        (r"x{2}\x41[^,]+, *(?P<n>\d{1,3})", "xxAbc,  042", {"n": "042"}),
        (r"{wind}(?: (?P<gust>\d+))?", "3.4", {"wind": "3.4", "gust": None}),
        (r"(?P<state>A|V|AV)[]x]*\t{n}?", "AV]x\t", {"state": "AV", "n": None}),
        (r"[^=]*=(?P<ph>\d+(?:\.\d+)?) .*", "noise pH=7.85 and more", {"ph": "7.85"}),
        ("(a|b)?{n}", "7", {"n": "7"}),
    ],
)
def test_a_line_is_read_whole(pattern: str, line: str, found: dict[str, str | None]) -> None:
    assert read(pattern, line) == found
    assert read(pattern, line + "!" * 3) is None or pattern.endswith(".*")


def test_a_number_has_the_point_or_the_comma_of_the_instrument() -> None:
    assert compiled("{n};", longest=99, decimal_comma=True).read("7,85;") == {"n": "7,85"}
    assert compiled("{n};", longest=99, decimal_comma=True).read("7.85;") is None
    assert compiled("{n};", longest=99).read("7,85;") is None


def test_names_are_in_the_order_of_the_pattern() -> None:
    assert compiled("{t} {ph} {a}", longest=99).names == ("t", "ph", "a")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "no regular expression"),
        ("{n} {n}", "no regular expression"),
        ("a{99999999999999999999}", "no regular expression"),
        ("^{n}", "the whole line has to fit"),
        ("{n}$", "the whole line has to fit"),
        (r"(?P<a>x)\1", "not in the part of the language"),
        (r"(?P<a>x)(?P=a)", "not in the part of the language"),
        ("(?=x)", "not in the part of the language"),
        ("(?i)x", "not in the part of the language"),
        ("(?>x)", "not in the part of the language"),
        (r"x\b", "not in the part of the language"),
        ("a++b", "not in the part of the language"),
        ("a{}", "not in the part of the language"),
        ("é", "not in the part of the language"),
        ("(?:ab)*", "not repeated with *"),
        ("(?:ab){2}", r"not repeated with \{2\}"),
        ("x{300}", "longer than a line"),
        ("x{0,300}", "longer than a line"),
        ("x" * 1001, "longer than 1000"),
    ],
)
def test_what_is_not_spoken_is_said(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compiled(pattern, longest=256)


HANGS = {
    "nested": (r"(\d+)+x", "1" * 40),
    "ten numbers": (",".join([r"(\d+\.?\d*)"] * 10), ",".join(["123456"] * 10) + "?"),
    "dots": (".*.*.*.*x", "a" * 256),
    "twins": ("(?:a|a)" * 30 + "x", "a" * 40),
    "empty twins": ("(?:a?|a?)" * 30 + "x", "a" * 40),
    "optional": ("a?" * 30 + "a" * 30, "a" * 30),
    "hidden by an optional group": (r"\d+(?:-?\d*)?" * 5 + "x", "1" * 200),
    "bounded": ("a{0,40}" * 6 + "x", "a" * 256),
    "numbers side by side": ("{a}{b}{c}x", "1" * 256),
}


@pytest.mark.parametrize(("pattern", "line"), HANGS.values(), ids=HANGS)
def test_a_pattern_that_could_hang_is_refused(pattern: str, line: str) -> None:
    assert len(line) <= 256
    with pytest.raises(ValueError, match=r"could try|not repeated"):
        compiled(pattern, longest=256)


def test_many_numbers_cost_nothing_where_the_next_character_decides() -> None:
    pattern = compiled(",".join(f"{{n{number}}}" for number in range(30)), longest=256)
    assert pattern.read(",".join(["123456"] * 30)) is not None
    assert _seconds(pattern.expression, ",".join(["123456"] * 30) + "?") < 0.5


def test_two_open_choices_are_the_most() -> None:
    assert compiled(".*;.*;[^;]*", longest=256).read("a" * 200 + ";;x") is not None
    with pytest.raises(ValueError, match="could try"):
        compiled(".*;.*;[^;]*", longest=1024)


def _seconds(expression: re.Pattern[str], line: str) -> float:
    began = time.process_time()
    expression.fullmatch(line)
    return time.process_time() - began


PIECES = (
    "a",
    "b",
    ".",
    "[ab]",
    "a*",
    "a+",
    "b?",
    ".*",
    "[ab]{0,20}",
    "a{2,9}",
    "(?:",
    "(?:",
    "|",
    ")",
    ")?",
    ")",
)


def _random_pattern(rng: Random) -> str:
    pieces: list[str] = []
    depth = 0
    for piece in rng.choices(PIECES, k=rng.randint(3, 14)):
        if piece.startswith(")") and not depth:
            continue
        depth += (piece == "(?:") - piece.startswith(")")
        pieces.append(piece)
    return "".join(pieces) + ")" * depth


def test_no_accepted_pattern_takes_long_whatever_the_line() -> None:
    """Lines of the pattern's own characters, damaged at the end, are the worst that a pattern can meet."""
    rng = Random(7)
    accepted = refused = 0
    slowest_s = 0.0
    while accepted < 400:
        pattern = _random_pattern(rng)
        try:
            expression = compiled(pattern, longest=100).expression
        except ValueError:
            refused += 1
            continue
        accepted += 1
        for line in ("a" * 99, "ab" * 49, "".join(rng.choices("ab", k=99))):
            slowest_s = max(slowest_s, _seconds(expression, line + "!"))
    assert refused > 20
    assert slowest_s < MAX_STEPS / 2e7, (
        "twenty million steps a second is slower than any machine that was seen"
    )


def test_a_pattern_writes_the_shortest_line_with_the_words_in_it() -> None:
    pattern = compiled(r"[ #]+(?:x|ph={ph})(?: (?P<unit>\w+))?[,;].*\d", longest=99)
    assert pattern.write({"ph": "7.85"}) == " ph=7.85,0"
    assert pattern.write({"ph": "7.85", "unit": "pH"}) == " ph=7.85 pH,0"
    assert pattern.write({}) == " x,0"


ODD_PIECES = (
    *PIECES,
    "[]b]",
    "[^]b]",
    "[^\\]b]",
    "{2}",
    "{,3}",
    "{,}",
    "{1,}?",
    "{}",
    "{",
    "}",
    "{n}",
    r"\d",
    r"\x62",
    r"\.",
    "++",
    "x",
)


def test_the_pattern_that_was_judged_is_the_one_that_re_has() -> None:
    """Its shortest line must fit; a pattern that was read otherwise than `re` reads it would write another."""
    rng = Random(8)
    accepted = 0
    while accepted < 2_000:
        source = "".join(rng.choices(ODD_PIECES, k=rng.randint(1, 8)))
        try:
            pattern = compiled(source, longest=100)
        except ValueError:
            continue
        accepted += 1
        assert pattern.read(pattern.write({"n": "7"} if "n" in pattern.names else {})) is not None, source
