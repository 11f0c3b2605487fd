"""A device's own table over a profile of the library."""

from typing import cast

import pytest

from config.profile import merge
from tests.config.stand_ins import PROFILES, TEXT, FakeSettings, changed, read, said

pytestmark = pytest.mark.pure

WITH_PROFILE = changed('driver = "wire"\nport = 502', 'driver = "wire"\nprofile = "cm44"')


def test_own_channels_override_the_profiles_key_by_key_and_new_ones_come_last() -> None:
    settings = cast("FakeSettings", read(WITH_PROFILE).devices[0].settings)
    assert [(c.id, c.address) for c in settings.channel] == [("pH", 0), ("T", 12), ("temperature", 2)]
    assert settings.port == 503


def test_own_settings_win_over_the_profiles() -> None:
    text = changed('profile = "cm44"', 'profile = "cm44"\nport = 7', WITH_PROFILE)
    assert cast("FakeSettings", read(text).devices[0].settings).port == 7


def test_a_mistake_in_an_own_channel_keeps_its_line() -> None:
    text = changed("address = 2", 'address = "2"', WITH_PROFILE)
    assert said(text) == [
        (
            'station.toml:30: device "ph".channel "temperature".address: should be a whole number '
            '(got the text "2"), write it without quotes: 2'
        )
    ]


def test_a_mistake_of_the_profile_is_said_at_its_name() -> None:
    start = TEXT.index("[[device.channel]]")
    text = changed('"cm44"', '"bad"', WITH_PROFILE).replace(TEXT[start : TEXT.index("[[destination]]")], "")
    assert said(changed('"bad"', '"bad"\nport = 1', text)) == [
        'station.toml:20: device "ph".profile: channel "pH".address: should be a whole number (got the text "ten")',
        'station.toml:20: device "ph".profile: channel "T".address: should be a whole number (got the text "two")',
    ]


def test_a_profile_of_another_driver_is_refused_at_the_driver_and_its_channels_are_not_looked_at() -> None:
    text = changed('"cm44"', '"talk"', WITH_PROFILE)
    assert said(text) == [
        (
            'station.toml:19: device "ph".driver: profile "talk" is for another driver (got "wire"), '
            'write driver = "voice"'
        )
    ]


def test_an_unknown_profile_is_named_with_the_nearest() -> None:
    assert said(changed('"cm44"', '"cm4"', WITH_PROFILE)) == [
        'station.toml:20: device "ph".profile: there is no such profile (got "cm4"), did you mean "cm44"?'
    ]


def test_a_profile_must_be_named_in_text() -> None:
    assert said(changed('"cm44"', "44\nport = 1", WITH_PROFILE)) == [
        'station.toml:20: device "ph".profile: should be a text (got 44), write it in quotes: "44"'
    ]


def test_channels_that_this_instrument_does_not_have_are_left_out() -> None:
    text = changed('profile = "cm44"', 'profile = "cm44"\nwithout = ["T"]', WITH_PROFILE)
    settings = cast("FakeSettings", read(text).devices[0].settings)
    assert [c.id for c in settings.channel] == ["pH", "temperature"]


def test_a_channel_that_the_profile_does_not_have_cannot_be_left_out() -> None:
    text = changed('profile = "cm44"', 'profile = "cm44"\nwithout = ["T", "pX"]', WITH_PROFILE)
    assert said(text) == [
        (
            'station.toml:21: device "ph".without item 2: the profile has no such channel (got "pX"), '
            "channels of the profile: T, pH"
        )
    ]


def test_without_a_profile_nothing_can_be_left_out() -> None:
    text = changed('driver = "wire"\nport = 502', 'driver = "wire"\nwithout = ["T"]\nport = 502')
    assert said(text) == [
        'station.toml:20: device "ph".without: it leaves out channels of a profile, and none is named'
    ]


def test_channels_that_are_no_tables_are_left_to_the_model() -> None:
    merged = merge(("device", 0), {"channel": "pH"}, PROFILES["cm44"])
    assert merged.table == {"channel": "pH"}
    assert merged.origin(("channel",)).place == ("device", 0, "channel")
