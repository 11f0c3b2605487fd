"""The figures behind the check of the quota."""

import math

import pytest

from config.volume import Volume, bytes_on_disk, record_bytes, total, volume_of
from tests.config.stand_ins import changed, read

pytestmark = pytest.mark.pure


def test_a_poll_every_five_seconds_is_17280_records_a_day() -> None:
    assert volume_of("NUO001", read().devices[0]).records_per_day == 17_280


def test_longer_names_and_more_channels_need_more_room() -> None:
    one = record_bytes("A", "ph", [("pH", "pH", 64)])
    assert record_bytes("AB", "ph", [("pH", "pH", 64)]) == one + 2
    assert record_bytes("A", "ph", [("pH2", "pH", 64)]) == one + 1
    assert record_bytes("A", "ph", [("pH", "pH", 64), ("T", "degC", 64)]) == one + 13 + 1 + 2 + 4
    assert record_bytes("A", "ph", [("pH", "pH", 32)]) == one - 4


def test_the_usual_unit_of_measure_is_written_once() -> None:
    same = record_bytes("A", "d", [("a", "mg/L", 64), ("b", "mg/L", 64), ("c", "pH", 64)])
    other = record_bytes("A", "d", [("a", "mg/L", 64), ("b", "mg/l", 64), ("c", "pH", 64)])
    assert other == same + 2 + 4


def test_a_row_that_fills_more_than_a_page_takes_its_own_length_and_a_little() -> None:
    assert bytes_on_disk(300) == 4096 / 12
    assert bytes_on_disk(20_000) == pytest.approx(21_000, rel=0.01)


def test_half_the_period_is_twice_the_bytes() -> None:
    slow, fast = (volume_of("A", read(changed('"5s"', every)).devices[0]) for every in ('"10s"', '"5s"'))
    assert fast.bytes_per_day == 2 * slow.bytes_per_day


def test_a_station_is_the_sum_of_its_devices() -> None:
    assert total([Volume(1, 10), Volume(2, 20)]) == Volume(3, 30)


def test_a_station_that_writes_nothing_never_fills_a_disk() -> None:
    assert total([]).days_until(1) == math.inf
    assert Volume(1, 10).days_until(100) == 10
