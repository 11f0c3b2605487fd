"""Verdicts as a technician reads them: a test that judges also speaks, so that no place of a sentence stays empty."""

from collections.abc import Iterable

from agent.doctor.sentences import said, table, to_do
from agent.doctor.verdict import Line, Verdict

table()  # read before any pure test, which may open no file


def spoken(verdicts: Iterable[Verdict | Line]) -> list[str]:
    """`mark code` of each, after saying it in both languages. KeyError for a place without a value."""
    found = []
    for each in verdicts:
        verdict = each.verdict if isinstance(each, Line) else each
        for language in ("en", "vi"):
            said(verdict.code, language, verdict.values)
            to_do(verdict.code, language, verdict.values)
        found.append(f"{verdict.mark.value} {verdict.code}")
    return found
