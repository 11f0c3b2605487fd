"""What is wrong with a file that is not TOML, in the technician's words and with its line."""

import re

from config.errors import Problem, excerpt

_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

_QUOTES = 'text stands in "straight quotes", a number has a point and no comma'
_WORDS = {
    "Invalid value": f"the value cannot be read, {_QUOTES}",
    "Expected newline or end of document": f"the value goes on after its end, {_QUOTES}",
    "Illegal character": 'a text has no end, close it with "',
    "Unescaped '\\'": "a backslash in a text, write it twice or put the text in 'single quotes'",
    "Cannot overwrite": "the key is there twice in this table, remove one",
    "Cannot declare": "the table is there twice, remove one; of [[line]], [[device]] and [[destination]] "
    "there can be several, in double brackets",
    "Cannot mutate immutable": "this is there on one line already, write it in one of the two ways",
    "Expected '='": "neither a [table] nor a setting, write key = value, keys without accents",
    "Expected ']": "the brackets of the table's name are not closed",
    "Invalid initial character for a key": "the name of a key is missing or cannot be read; an inline table "
    "{…} stands on one line",
    "Invalid statement": "neither a [table] nor a setting, write key = value, keys without accents",
    "Unterminated string": 'a text has no end, close it with """',
    "Unclosed array": "a list has no end, close it with ]",
}


def not_toml(file: str, text: str, found: str) -> Problem:
    """The one mistake that tomllib found (its message, with the place); nothing behind it was read."""
    match = _PLACE.fullmatch(found)
    lines = text.splitlines() or [""]
    what = match[1] if match else found
    known = next((said for begin, said in _WORDS.items() if what.startswith(begin)), what)
    if match is None or match[2] is None:
        return Problem(file, len(lines), "", f"{known} (got to the end of the file)")
    line = int(match[2])
    written = lines[line - 1].strip() if line <= len(lines) else ""
    sentence, comma, right = known.partition(", ")
    return Problem(file, line, "", f"{sentence} (got {excerpt(written)}){comma}{right}")
