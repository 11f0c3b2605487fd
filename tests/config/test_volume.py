"""The figures behind the check of the quota."""

import math

import pytest

from config.volume import Volume, total, volume_of
from tests.config.stand_ins import changed, read

pytestmark = pytest.mark.pure


def test_a_poll_every_five_seconds_is_17280_records_a_day() -> None:
    assert volume_of("NUO001", read().devices[0]).records_per_day == 17_280


def test_longer_names_and_more_channels_need_more_room() -> None:
    small = volume_of("NUO001", read().devices[0])
    long_name = volume_of(
        "NUO001", read(changed('id = "temperature"', 'id = "temperature-of-the-water"')).devices[0]
    )
    assert long_name.bytes_per_day == small.bytes_per_day + 17_280 * 13


def test_half_the_period_is_twice_the_bytes() -> None:
    slow, fast = (volume_of("A", read(changed('"5s"', every)).devices[0]) for every in ('"10s"', '"5s"'))
    assert fast.bytes_per_day == 2 * slow.bytes_per_day


def test_a_station_is_the_sum_of_its_devices() -> None:
    assert total([Volume(1, 10), Volume(2, 20)]) == Volume(3, 30)


def test_a_station_that_writes_nothing_never_fills_a_disk() -> None:
    assert total([]).days_until(1) == math.inf
    assert Volume(1, 10).days_until(100) == 10
