r"""Any instrument that speaks lines: a text that asks, an answer with values in it. Both directions.

    Wording   how a technician describes it, in characters and escapes (\r \n \t \\ \x02)
    Lines     the same, checked and compiled once

An answer is read by a pattern with named groups (line_pattern tells what it may be) or by a separator and the
numbers of the fields, from 1. Nothing in such a line says which request it answers: whoever asks must drain the line
first, and a pattern with the instrument's own words in it is safer than a separator. Without a check a damaged digit
is another value; the line, the pattern and the printable characters are all that stands against it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from drivers.protocols.line_pattern import ALPHABET, Pattern, compiled
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import MAX_LINE_BYTES, malformed, number, sum_of, take_line, text, xor_of

Word = Decimal | str | None
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([rnt0\\]))")
_ESCAPED: Final = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_HEXADECIMAL: Final = re.compile(rb"[0-9A-Fa-f]+")


@dataclass(frozen=True, slots=True)
class Check:
    """The last characters of a line prove the rest: `skip` characters are not covered, then up to `mark`.

    algorithm     xor: exclusive or (2 digits); sum: the lowest bits of the sum of all characters
    digits        hexadecimal digits; read in both cases, written in upper case
    skip          characters at the front that are not covered: 1 for the $ of NMEA 0183
    mark          characters between what is covered and the digits: * of NMEA 0183
    """

    algorithm: Literal["xor", "sum"]
    digits: int = 2
    skip: int = 0
    mark: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.digits <= 8 or (self.algorithm == "xor" and self.digits != 2):
            raise ValueError(f"{self.algorithm} with {self.digits} hexadecimal digits: xor has 2, sum 1 to 8")
        if self.skip < 0:
            raise ValueError(f"skip must be 0 or more, got {self.skip}")

    def of(self, covered: bytes) -> int:
        """The number that the digits say."""
        return xor_of(covered) if self.algorithm == "xor" else sum_of(covered, bits=4 * self.digits)


@dataclass(frozen=True, slots=True)
class Wording:
    r"""What a technician writes. `request`, `terminator` (of answers), `start` and the check's mark know escapes.

    request         with its own end; empty: the instrument speaks by itself
    start           with what each answer begins, \x02 for STX; it is taken off
    pattern         whole answers; each named group is a field
    separator       between fields, empty: any number of blanks; `fields` are (name, number from 1), `count` is how
                    many there must be, None: enough
    texts           fields that are words, not numbers
    no_value        words with which the instrument says that it has no value
    decimal_comma   7,85; a point is refused then, since it could part thousands
    longest         characters of an answer
    """

    request: str = ""
    terminator: str = r"\r\n"
    start: str = ""
    pattern: str = ""
    separator: str | None = None
    fields: tuple[tuple[str, int], ...] = ()
    count: int | None = None
    texts: frozenset[str] = frozenset()
    no_value: frozenset[str] = frozenset()
    decimal_comma: bool = False
    check: Check | None = None
    longest: int = 256


@dataclass(frozen=True, slots=True)
class Separated:
    """Fields between separators: `places` counts from 0."""

    separator: str
    places: Mapping[str, int]
    count: int | None

    def read(self, line: str) -> dict[str, str | None] | None:
        """The word of each field. None: too few fields, or not as many as there must be."""
        words = line.split(self.separator or None)
        if len(words) != self.count if self.count is not None else len(words) <= max(self.places.values()):
            return None
        return {name: words[place] for name, place in self.places.items()}

    def write(self, words: Mapping[str, str | None]) -> str:
        """A line with these words at their places and 0 in all others."""
        line = ["0"] * (self.count or max(self.places.values()) + 1)
        for name, place in self.places.items():
            line[place] = words.get(name) or ""
        return (self.separator or " ").join(line)


@dataclass(frozen=True, slots=True)
class Lines:
    """A wording that was checked. Made by `compiled_lines`."""

    request: bytes
    end: bytes
    start: bytes
    layout: Pattern | Separated
    names: tuple[str, ...]
    texts: frozenset[str]
    no_value: frozenset[str]
    decimal_comma: bool
    check: Check | None
    mark: bytes
    longest: int


def unescaped(words: str) -> bytes:
    r"""The bytes of a text with \r \n \t \0 \\ and \x02. ValueError: another escape, or a character beyond ASCII."""
    plain = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else _ESCAPED[escape[2]], words)
    if "\\" in _ESCAPE.sub("", words):
        raise ValueError(rf"{words!r}: escapes are \r \n \t \0 \\ and \x02 with two hexadecimal digits")
    if not words.isascii():
        raise ValueError(rf"{words!r} has a character that is not ASCII; write its bytes as \xHH")
    return plain.encode("latin-1")


def compiled_lines(wording: Wording) -> Lines:
    """The wording, ready for use. ValueError: what is wrong with it, for the technician."""
    end = unescaped(wording.terminator)
    if not end:
        raise ValueError(r"terminator: an answer ends with something, mostly \r\n or \r")
    if not 1 <= wording.longest <= MAX_LINE_BYTES:
        raise ValueError(f"longest: 1 to {MAX_LINE_BYTES} characters, got {wording.longest}")
    if bool(wording.pattern) == (wording.separator is not None):
        raise ValueError("either a pattern or a separator tells where the values are")
    layout = _pattern(wording) if wording.pattern else _separated(wording)
    names = layout.names if isinstance(layout, Pattern) else tuple(layout.places)
    if not names:
        raise ValueError("an answer without a named field has no value")
    if not wording.texts <= set(names):
        raise ValueError(f"texts: no field is named {', '.join(sorted(wording.texts - set(names)))}")
    return Lines(
        request=unescaped(wording.request),
        end=end,
        start=unescaped(wording.start),
        layout=layout,
        names=names,
        texts=wording.texts,
        no_value=wording.no_value,
        decimal_comma=wording.decimal_comma,
        check=wording.check,
        mark=unescaped(wording.check.mark) if wording.check else b"",
        longest=wording.longest,
    )


def _pattern(wording: Wording) -> Pattern:
    if wording.fields or wording.count is not None:
        raise ValueError("fields and count belong to a separator; a pattern names its groups")
    return compiled(wording.pattern, longest=wording.longest, decimal_comma=wording.decimal_comma)


def _separated(wording: Wording) -> Separated:
    separator = unescaped(wording.separator or "").decode("latin-1")
    if not all(character in ALPHABET for character in separator):
        raise ValueError("separator: printable characters or \\t")
    places = {name: place - 1 for name, place in wording.fields}
    if len(places) != len(wording.fields):
        raise ValueError("fields: a name is there twice")
    if any(place < 0 or (wording.count is not None and place >= wording.count) for place in places.values()):
        raise ValueError("fields: they are numbered from 1 up to count")
    if wording.decimal_comma and separator == ",":
        raise ValueError("a comma cannot separate fields and decimals")
    return Separated(separator, places, wording.count)


def encode_request(lines: Lines) -> bytes:
    """What a logger sends; nothing when the instrument speaks by itself."""
    return lines.request


def take_request(buffer: bytearray, lines: Lines) -> bytes | None:
    """Remove one request. None: more bytes may make one. Malformed: noise before it, or nothing but noise."""
    if not buffer:
        return None
    if not lines.request:
        raise malformed("a request to an instrument that speaks by itself", buffer, len(buffer))
    start = buffer.find(lines.request)
    if start == 0:
        del buffer[: len(lines.request)]
        return lines.request
    if start < 0:
        tail = min(len(buffer), len(lines.request) - 1)
        start = len(buffer) - next(
            size for size in range(tail, -1, -1) if buffer.endswith(lines.request[:size])
        )
    if start == 0:
        return None
    raise malformed("noise before a request", buffer, start)


def encode_reply(lines: Lines, words: Mapping[str, Word]) -> bytes:
    """An answer with these words in it. ValueError: the wording cannot say them."""
    told = {name: _told(lines, words.get(name)) for name in lines.names}
    whole = framed(lines, lines.layout.write(told))
    if _read_back(lines, whole) != {name: words.get(name) for name in lines.names}:
        raise ValueError(f"{dict(words)} cannot be said in this wording; the line would be {whole!r}")
    return whole


def framed(lines: Lines, words: str) -> bytes:
    """What stands in an answer, with its start, check and end."""
    line = words.encode("ascii")
    if lines.check is not None:
        digits = lines.check.of(line[lines.check.skip :])
        line += lines.mark + f"{digits:0{lines.check.digits}X}".encode("ascii")
    return lines.start + line + lines.end


def _told(lines: Lines, word: Word) -> str | None:
    """A number in digits; no value in the instrument's word for it, None where it has none."""
    if word is None:
        return min(lines.no_value, default=None)
    if isinstance(word, str):
        return word
    return f"{word:f}".replace(".", ",") if lines.decimal_comma else f"{word:f}"


def _read_back(lines: Lines, whole: bytes) -> dict[str, Word] | None:
    try:
        return take_reply(bytearray(whole), lines)
    except Malformed:
        return None


def take_reply(buffer: bytearray, lines: Lines) -> dict[str, Word] | None:
    """Remove one answer: its fields, a Decimal as written, a text, or None where the instrument has no value.

    None: more bytes may complete it. Malformed: noise, a wrong check, a line that does not fit, a word for a number,
    the request itself, which two-wire adapters hear and some instruments repeat.
    """
    line = take_line(buffer, lines.end, longest=lines.longest)
    if line is None:
        return None
    if line == lines.request.rstrip(b"\r\n"):
        raise Malformed("the request, repeated", line)
    if not line.startswith(lines.start):
        raise Malformed(f"a line that does not begin with {lines.start!r}", line)
    covered = _proved(lines, line)
    text(covered.replace(b"\t", b" "))
    found = lines.layout.read(covered.decode("ascii"))
    if found is None:
        raise Malformed("not worded as this instrument speaks", line)
    return {name: _value(lines, name, word, line) for name, word in found.items()}


def _proved(lines: Lines, line: bytes) -> bytes:
    """The line without its start, mark and check. Malformed: it has no check, or a wrong one."""
    check, inside = lines.check, line.removeprefix(lines.start)
    if check is None:
        return inside
    covered, digits = inside[: -check.digits], inside[-check.digits :]
    if len(digits) < check.digits or not covered.endswith(lines.mark) or not _HEXADECIMAL.fullmatch(digits):
        raise Malformed("a line without its check", line)
    covered = covered.removesuffix(lines.mark)
    wanted = check.of(covered[check.skip :])
    if int(digits, 16) != wanted:
        raise Malformed(f"the check should be {wanted:0{check.digits}X}", line)
    return covered


def _value(lines: Lines, name: str, word: str | None, line: bytes) -> Word:
    stripped = (word or "").strip()
    if not stripped or stripped in lines.no_value:
        return None
    if name in lines.texts:
        return stripped
    if lines.decimal_comma:
        if "." in stripped:
            raise Malformed(f"{name}: {stripped!r} has a point where numbers have a comma", line)
        stripped = stripped.replace(",", ".")
    try:
        return number(stripped)
    except Malformed as error:
        raise Malformed(f"{name}: {stripped!r} is not a number", line) from error
