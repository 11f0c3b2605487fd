"""A recording as text: what was written is read, a cut leaves whole lines, and what is no recording says so."""

import pytest

from drivers.protocols.recording import (
    Entry,
    Header,
    Missing,
    Recorded,
    decode,
    encode,
    encode_header,
)

pytestmark = pytest.mark.pure

HEADER = Header("BD_1", "meter", "tcp://10.0.0.5:502", "tcp", False, "tram 0.1.0", "2026-11-29T10:00:00.000Z")
ASKED = Recorded(0.0, ">", bytes.fromhex("00 01 00 00 00 06 01 03 00 00 00 02"))
ANSWERED = Recorded(12.345, "<", bytes.fromhex("00 01 00 00 00 07 01 03 04 40 FB 33 33"))
LATE = Recorded(2051.2, "<", bytes.fromhex("01 83 04 40 F3"), "late")
LOST = Missing(9120.0, 12)
ENTRIES: tuple[Entry, ...] = (ASKED, ANSWERED, LATE, LOST)
TEXT = b"".join((encode_header(HEADER), *(encode(entry) for entry in ENTRIES))).decode()


def test_what_was_written_is_read() -> None:
    assert decode(TEXT).header == HEADER
    assert decode(TEXT).entries == ENTRIES


def test_its_lines_are_the_ones_that_its_documentation_shows() -> None:
    from drivers.protocols import recording

    assert recording.__doc__
    for line in TEXT.splitlines()[1:]:
        assert line in recording.__doc__


def test_wherever_it_is_cut_the_whole_lines_before_it_are_read() -> None:
    first = TEXT.index("\n") + 1
    for cut in range(first, len(TEXT)):
        recording = decode(TEXT[:cut])
        assert len(recording.entries) == TEXT[first:cut].count("\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ('{"tram_recording": 1', "it is empty: not even the first line"),
        ("[station]\nid = 1\n", "line 1: this is no recording of tram watch"),
        ('{"ms": 0, "dir": ">", "hex": ""}\n', "line 1: this is no recording"),
        (TEXT.replace('recording": 1', 'recording": 2', 1), "of version 2, this program reads 1"),
        (TEXT.replace('">"', '"!"', 1), "line 2: this is no line of a recording"),
        (TEXT.replace("01 83", "01 8", 1), "line 4: this is no line"),
        (TEXT.replace('"ms": 9120.0', '"at": 1', 1), "line 5"),
    ],
)
def test_what_is_no_recording_says_where(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"line|empty") as error:
        decode(text)
    assert words in str(error.value)
