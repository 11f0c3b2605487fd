"""docs/sizing.md says what the encoders and `tram check` say."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.forecast import forecast
from agent.station import check_station
from bench.air import bytes_per_day, envelopes
from bench.load import Load, station_file
from bench.sizing import BEGIN, END, LOADS, PAGE, PERIODS_S, QUOTA_BYTES, put
from config.quantity import size_text

AGREES = 0.03
"""The estimate knows no numbers, only types: a record's own counters are a few bytes longer or shorter."""


class Row(NamedTuple):
    """One row of the first table."""

    load: Load
    every_s: int
    records: float
    record_bytes: float
    disk_mb: float
    kept_mb: float
    days: float
    apart_mb: float
    together_mb: float


def rows() -> Iterator[Row]:
    """As the page has them."""
    _, _, after = PAGE.read_text(encoding="utf-8").partition("### Space and traffic")
    for line in after.partition("###")[0].splitlines():
        cells = [cell.strip().replace(",", "") for cell in line.strip("| ").split("|")]
        if cells[0][:1].isdigit():
            devices, channels = cells[0].partition("(")[2].strip(")").split(" x ")
            load = Load(int(devices), int(channels))
            yield Row(load, int(cells[1].removesuffix(" s")), *map(float, cells[2:]))


ROWS = list(rows())
each = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.load} every {row.every_s} s")


def test_every_load_is_there_at_every_period() -> None:
    assert [(row.load, row.every_s) for row in ROWS] == [(load, p) for load in LOADS for p in PERIODS_S]


@each
def test_check_says_the_same_of_the_disk(row: Row) -> None:
    text = station_file(
        row.load, range(1, row.load.devices + 1), "mqtt://127.0.0.1", Path("c.pub"), every_s=row.every_s
    )
    said = forecast(
        check_station(text.replace("20GB", size_text(QUOTA_BYTES).replace(" ", "")), Path("station.toml"))
    )
    assert said.volume.records_per_day == row.records
    assert said.volume.bytes_per_day / 1e6 == pytest.approx(row.disk_mb, rel=AGREES)
    assert said.days_until_full == pytest.approx(row.days, rel=AGREES, abs=0.5)
    assert row.kept_mb == pytest.approx(90 * row.disk_mb, rel=0.01)


@each
def test_a_record_and_a_day_on_the_air_are_as_long_as_the_encoders_make_them(
    row: Row, tmp_path: Path
) -> None:
    made = envelopes(tmp_path / "station", row.load)
    assert len(made.records) == row.load.devices
    assert sum(made.records) / len(made.records) == pytest.approx(row.record_bytes, abs=1.5)
    apart, together = (bytes_per_day(made, row.every_s, together=at_once) / 1e6 for at_once in (False, True))
    assert apart == pytest.approx(row.apart_mb, rel=0.01)
    assert together == pytest.approx(row.together_mb, rel=0.01)


def test_only_what_is_between_the_marks_is_written_anew() -> None:
    page = f"# Page\n\n{BEGIN}\nold\n{END}\n\nmore\n"
    assert put("new\n", page) == f"# Page\n\n{BEGIN}\nnew\n{END}\n\nmore\n"
    with pytest.raises(ValueError, match="no marks"):
        put("new", "# Page")
