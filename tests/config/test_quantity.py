"""Durations and sizes as a technician writes them."""

import pytest

from config.quantity import duration_ms, duration_text, size_bytes, size_text

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("500ms", 500),
        ("5s", 5000),
        ("0.5s", 500),
        ("10min", 600000),
        ("1m", 60000),
        ("2h", 7200000),
        ("90d", 7776000000),
        (" 5 s ", 5000),
        ("0s", 0),
    ],
)
def test_a_duration_has_its_unit(written: str, ms: int) -> None:
    assert duration_ms(written) == ms


@pytest.mark.parametrize(
    "written", ["5", "", "s", "5 weeks", "-5s", "1e3s", "5s 3ms", 5, 5.0, True, None, []]
)
def test_what_is_no_duration_is_said_with_examples(written: object) -> None:
    with pytest.raises(ValueError, match=r'should be a time with its unit.*e\.g\. "500ms", "5s"'):
        duration_ms(written)


def test_a_part_of_a_millisecond_is_refused() -> None:
    with pytest.raises(ValueError, match=r'is finer than can be kept \(got "0\.5ms"\)'):
        duration_ms("0.5ms")


@pytest.mark.parametrize(
    ("written", "size"),
    [("4GB", 4 * 10**9), ("500MB", 5 * 10**8), ("1.5 kb", 1500), ("2GiB", 2**31), ("1TB", 10**12)],
)
def test_a_size_is_decimal_unless_it_says_otherwise(written: str, size: int) -> None:
    assert size_bytes(written) == size


@pytest.mark.parametrize("written", ["4G", "4", "GB", 4_000_000, "4 gigabytes"])
def test_what_is_no_size_is_said_with_examples(written: object) -> None:
    with pytest.raises(ValueError, match=r'should be a size with its unit.*e\.g\. "500MB" or "4GB"'):
        size_bytes(written)


@pytest.mark.parametrize("text", ["5s", "500ms", "10min", "2h", "90d", "0ms", "90s"])
def test_a_duration_is_written_as_it_would_be_read(text: str) -> None:
    assert duration_text(duration_ms(text)) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(3_456_789, "3.46 MB"), (4e9, "4 GB"), (999, "999 bytes"), (2e12, "2 TB"), (1500, "1.5 kB")],
)
def test_a_size_is_shown_with_three_digits(size: float, text: str) -> None:
    assert size_text(size) == text
