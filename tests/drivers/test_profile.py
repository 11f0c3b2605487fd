"""The library of instruments: every profile is a valid device table, and matches the frames of its manual."""

import json

import pytest

from drivers import catalogue
from drivers.blocks import plan
from drivers.errors import Misconfigured
from drivers.modbus_settings import Settings
from drivers.profile import load, names, read


def settings(name: str) -> Settings:
    return Settings.model_validate_json(json.dumps({"unit": 1, **load(name)}))


@pytest.mark.parametrize("name", names())
def test_a_profile_is_a_device_table_of_its_driver_without_mistakes(name: str) -> None:
    profile = read(name)
    model = catalogue.settings(profile.about.driver)
    unit = {} if "unit" not in model.model_fields or "unit" in profile.table else {"unit": 1}
    settled = model.model_validate_json(json.dumps({**unit, **profile.table}))
    assert list(settled.problems()) == []
    assert [channel.id for channel in settled.channels()] == [row.id for row in profile.rows]


def test_an_e1240_is_read_with_the_two_requests_of_its_manual() -> None:
    reads = plan(settings("moxa-e1240").points(), gap=8)
    assert [(read.table, read.address, read.length) for read in reads] == [("input", 8, 16), ("input", 60, 8)]


def test_an_adam_6017_is_read_with_the_request_of_its_manual() -> None:
    (read,) = plan(settings("adam-6017").points(), gap=8)
    assert (read.table, read.address, read.length) == ("holding", 0, 8)


def test_an_unknown_profile_gets_a_suggestion() -> None:
    with pytest.raises(Misconfigured, match='there is no profile "adam6017"; did you mean "adam-6017"'):
        load("adam6017")
    with pytest.raises(
        Misconfigured, match="there are: acoem-serinus-10-bh, acoem-serinus-30-bh, adam-6017, "
    ):
        load("xyz")
