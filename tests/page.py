"""A page of commands and of what they print: cut into blocks, compared without what differs between two runs.

A page holds blocks between fences: `sh` are commands, the `text` below is what they print, a `toml` block is put at the
end of the station file, a `diff` block changes a line of it, and an `ini` block is the machine's. A comment before a
block tells the test what the reader sees by himself: `answers: a | b` to the questions; `ends with 1`; `goes on: words`
in a window of its own, after these; `ends: a & b` by Ctrl-C when all of that was seen; `when: words` are printed;
`last line`: only that is shown; `not shown: why`; `not run: why`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_BLOCK = re.compile(
    r"(?:<!-- (?P<note>.*?) -->\n)?```(?P<kind>sh|text|toml|diff|ini)\n(?P<body>.*?)\n```", re.DOTALL
)
_IN_A_LANGUAGE = " --lang vi"
_QR = re.compile(r"(?m)(?:^[█▀▄ ]{20,}\n)+")
_PROGRESS = re.compile(r"(?m)^\d+ of \d+: .*\n")
"""Of a scan that is printed to no terminal; at a terminal a bar stands there and goes away."""
_LONG_LIST = re.compile(r"(?m)(?:^ +(?:[5-9]|[1-9]\d)  [a-z]+-\S+  .*\n)+")
"""The library's instruments after the fourth."""
QR_HERE = "  (QR)\n"
DIFFERS = {
    "the machine's clock and systemd": r"^\S+ +(?:systemd|clock|đồng hồ) .*(?:\n +→ .*)?$|^clock .*$",
    "how many of these are ok": r"(?<=^0 wrong, ).*$|(?<=^0 lỗi, ).*$",
    "a date and time": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?",
    "a date": r"\d{4}-\d\d-\d\d",
    "a time of day": r"\b\d\d:\d\d:\d\d(?:\.\d+)?\b",
    "a length of time": r"\b\d+(?:\.\d+)? ?(?:ms|min|s|h|d|days|giây|phút|ngày)\b",
    "a size": r"\b\d+(?:\.\d+)? ?(?:B|kB|MB|GB|TB)\b",
    "a share": r"\b\d+(?:\.\d+)?%",
    "a port of this machine": r"127\.0\.0\.1:\d+",
    "a fingerprint": r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){7}\b",
    "a public key": r"\bMCowBQ\S+",
    "a hash": r"\b(?:[0-9a-f]{8}){1,8}\b",
    "a count": r"\b\d+(?= (?:records|requests|frames|of \d+ polls|files|bản ghi|tệp)\b)",
    "a number of records": r"(?<=\bseq )\d+|(?<=số )\d+|(?<=\b(?:signed|stored) )\d+|(?<=\b(?:through|missing) )\d+",
    "counted by the centre": r"(?<=\b(?:received|verified) )\d+",
    "polls": r"(?<= of )\d+(?= polls)",
}
"""What may be another in the next run, and nothing else."""


class Block(NamedTuple):
    """`body` from place `start` on. `note`: the comment before it; empty: none."""

    kind: str
    body: str
    note: str
    start: int


def blocks(page: str) -> Iterator[Block]:
    """In their order."""
    for found in _BLOCK.finditer(page):
        yield Block(found["kind"], found["body"], found["note"] or "", found.start("body"))


def commands(page: str) -> list[str]:
    """Of all blocks but the printed ones, in no language."""
    every = (block.body for block in blocks(page) if block.kind != "text")
    return [body.replace(_IN_A_LANGUAGE, "") for body in every]


def headings(page: str) -> list[str]:
    """Their ranks; what stands in blocks is none."""
    return re.findall(r"(?m)^(#+) ", _BLOCK.sub("", page))


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Each name by its other one, the longest first."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return text


def printed(output: str) -> str:
    """As a page shows it: without a code for cameras, the rest of a long list, and blanks at the ends of lines."""
    text = _LONG_LIST.sub("   …\n", _PROGRESS.sub("", _QR.sub(QR_HERE, output)))
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def same(text: str) -> str:
    """What two runs have in common: what differs is named, and blanks in a row are one."""
    for what, pattern in DIFFERS.items():
        text = re.sub(pattern, f"<{what}>", text, flags=re.MULTILINE)
    return re.sub(r" {2,}", "  ", text)
