"""Drivers are found by name."""

import pytest

from drivers import catalogue
from drivers.driver import DriverSettings
from drivers.errors import Misconfigured


@pytest.mark.parametrize("name", sorted(catalogue.DRIVERS))
def test_every_driver_can_be_imported_and_has_settings(name: str) -> None:
    assert issubclass(catalogue.settings(name), DriverSettings)
    assert catalogue.driver(name).settings is catalogue.settings(name)


def test_an_unknown_driver_is_answered_with_the_known_ones() -> None:
    with pytest.raises(Misconfigured, match=f"drivers are: {', '.join(sorted(catalogue.DRIVERS))}"):
        catalogue.driver("modbuss")
