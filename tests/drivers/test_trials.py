"""In which order a technician would try, and what the options mean."""

import pytest

from drivers.trials import (
    SERIAL_UNITS,
    TCP_UNITS,
    Setting,
    Trial,
    Trials,
    baudrate_numbers,
    longest_s,
    network_trials,
    parity_letters,
    serial_trials,
    settings,
    unit_numbers,
)

pytestmark = pytest.mark.pure


def ordered(trials: Trials) -> list[Trial]:
    handed: list[Trial] = []
    while (trial := trials.next()) is not None:
        handed.append(trial)
    return handed


def test_the_likely_settings_and_low_addresses_come_first() -> None:
    every = settings()
    assert every[:4] == (Setting(9600), Setting(9600, "E"), Setting(19200), Setting(19200, "E"))
    tried = ordered(serial_trials(every, SERIAL_UNITS))
    assert tried[0] == Trial(Setting(9600), 1)
    assert tried[16] == Trial(Setting(9600), 247), "the address with which a Liquiline is delivered"
    assert tried[17] == Trial(Setting(9600, "E"), 1)
    first_odd = next(place for place, trial in enumerate(tried) if trial.setting == Setting(9600, "O"))
    first_high = tried.index(Trial(Setting(9600), 17))
    assert 4 * 17 <= first_odd < first_high


def test_every_address_at_every_setting_is_tried_once() -> None:
    every = settings()
    tried = ordered(serial_trials(every, SERIAL_UNITS))
    assert len(tried) == len(set(tried)) == 24 * 247


def test_the_station_files_own_setting_is_tried_before_all_others() -> None:
    own = Setting(38400, "O")
    assert settings(own)[0] == own
    assert ordered(serial_trials(settings(own), SERIAL_UNITS, own))[:17] == [
        Trial(own, unit) for unit in (*range(1, 17), 247)
    ]
    assert settings(Setting(300))[0] == Setting(300), "a speed that hardly anybody uses, but this file does"


def test_what_the_technician_names_is_all_that_is_tried() -> None:
    assert settings(None, (19200, 9600), ("N",)) == (Setting(9600), Setting(19200))
    assert settings(Setting(38400), (9600,)) == (Setting(9600), Setting(9600, "E"), Setting(9600, "O"))


def test_where_somebody_answered_the_rest_of_the_setting_comes_next() -> None:
    trials = serial_trials(settings(), SERIAL_UNITS)
    for _ in range(20):
        trials.next()
    trials.promote(Setting(19200))
    tried = ordered(trials)
    assert tried[:247] == [Trial(Setting(19200), unit) for unit in (*range(1, 17), 247, *range(17, 247))]
    assert len(tried) == 24 * 247 - 20


def test_a_setting_that_the_port_cannot_do_is_left_out() -> None:
    trials = serial_trials(settings(), (1, 2))
    assert trials.next() == Trial(Setting(9600), 1)
    assert trials.next() == Trial(Setting(9600), 2)
    refused = trials.next()
    assert refused == Trial(Setting(9600, "E"), 1)
    trials.refuse(refused)
    assert (trials.done, trials.total) == (2, 23 * 2), "it was not tried after all"
    assert all(trial.setting != Setting(9600, "E") for trial in ordered(trials))


def test_behind_a_host_addresses_far_apart_come_first() -> None:
    assert [trial.unit for trial in ordered(network_trials(range(1, 248)))][:8] == [
        1,
        50,
        99,
        148,
        197,
        247,
        2,
        3,
    ]
    assert [trial.unit for trial in ordered(network_trials((4,)))] == [4]


def test_how_long_it_takes_when_nobody_answers() -> None:
    assert longest_s([None], 10, 0.5, shared=False) == pytest.approx(5.0)
    twice_s = 0.2 + 0.1 + 2 * 8 * 11 / 9600
    assert longest_s([Setting(9600)], 1, 0.2, shared=True) == pytest.approx(twice_s)


@pytest.mark.parametrize(
    ("text", "units"), [("1-3", (1, 2, 3)), ("7", (7,)), ("1, 5-6,5", (1, 5, 6)), ("247", (247,))]
)
def test_unit_addresses(text: str, units: tuple[int, ...]) -> None:
    assert unit_numbers(text) == units


@pytest.mark.parametrize("text", ["", "a", "1-", "3-1", "0", "1-300", "-4"])
def test_what_is_no_unit_address_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="unit address"):
        unit_numbers(text)


def test_over_tcp_an_instrument_may_be_0_or_255() -> None:
    assert unit_numbers("0,255", allowed=TCP_UNITS) == (0, 255)


def test_speeds_and_parities() -> None:
    assert baudrate_numbers("9600, 19200") == (9600, 19200)
    assert parity_letters("e,n") == ("N", "E")
    with pytest.raises(ValueError, match='"9601" is no speed'):
        baudrate_numbers("9601")
    with pytest.raises(ValueError, match="parity is N"):
        parity_letters("M")
