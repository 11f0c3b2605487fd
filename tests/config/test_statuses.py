"""A status that another device says: every name is looked up, and the line of a wrong one is said."""

import pytest

from tests.config.stand_ins import changed, read, said

pytestmark = pytest.mark.pure

STATUS = """\
[[device.status_from]]
device = "inputs"
channel = "valve"
flags = { 1 = "calibration" }
flagged = ["pH"]

"""
INPUTS = """\
[[device]]
id = "inputs"
line = "rs485"
driver = "wire"
port = 1
unit = 3
every = "5s"
channel = [{ id = "valve", address = 0, type = "int16" }, { id = "flow", address = 2 }]

"""
WHOLE = changed("[[destination]]", STATUS + INPUTS + "[[destination]]")
"""The status begins in line 33, the module in line 39."""


def test_what_another_device_says_is_part_of_the_device() -> None:
    ph, inputs = read(WHOLE).devices
    (status,) = ph.status_from
    assert (status.device, status.channel, status.flags, status.flagged) == (
        "inputs",
        "valve",
        {"1": "calibration"},
        ("pH",),
    )
    assert inputs.status_from == ()


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        (
            'device = "inputs"',
            'device = "input"',
            (
                '34: device "ph".status_from 1.device: there is no device with this id (got "input"), '
                'did you mean "inputs"?'
            ),
        ),
        (
            'device = "inputs"',
            'device = "ph"',
            (
                '34: device "ph".status_from 1.device: is this device itself: '
                "write flags in the channel with the status instead"
            ),
        ),
        (
            'channel = "valve"',
            'channel = "valv"',
            (
                '35: device "ph".status_from 1.channel: device "inputs" has no such channel (got "valv"), '
                'did you mean "valve"?'
            ),
        ),
        (
            'channel = "valve"',
            'channel = "flow"',
            '36: device "ph".status_from 1.flags: only a whole number is a status',
        ),
        (
            '{ 1 = "calibration" }',
            '{ 1 = "maintenence" }',
            '36: device "ph".status_from 1.flags: the word is calibration',
        ),
        (
            '{ 1 = "calibration" }',
            "{}",
            '36: device "ph".status_from 1.flags: is empty, e.g. { 1 = "calibration" }',
        ),
        (
            'flagged = ["pH"]',
            'flagged = ["temperature", "pHH"]',
            (
                '37: device "ph".status_from 1.flagged item 2: this device has no such channel (got "pHH"), '
                'did you mean "pH"?'
            ),
        ),
        (
            'flagged = ["pH"]',
            "flagged = []",
            (
                '37: device "ph".status_from 1.flagged: an empty list flags nothing: name the channels, '
                "or leave it out for all of the device"
            ),
        ),
        (
            'channel = "valve"\n',
            "",
            '33: device "ph".status_from 1.channel: is missing, e.g. "zero-valve"',
        ),
    ],
)
def test_a_mistake_is_said_with_its_line(old: str, new: str, wrong: str) -> None:
    assert said(changed(old, new, WHOLE)) == [f"station.toml:{wrong}"]


def test_a_device_with_mistakes_of_its_own_makes_none_of_those_that_name_it() -> None:
    assert said(changed("port = 1", "port = -1", WHOLE)) == [
        'station.toml:43: device "inputs".port: is too small (got -1), at least 0'
    ]


def test_a_module_that_is_asked_more_seldom_than_what_it_speaks_for_is_warned_of() -> None:
    slow = WHOLE.replace('unit = 3\nevery = "5s"', 'unit = 3\nevery = "60s"')
    (warning,) = [str(found) for found in read(slow).warnings]
    assert warning == (
        'station.toml:34: device "ph".status_from 1.device: "inputs" is asked every 1min and this device '
        "every 5s: values between two of its answers are flagged late; give it the same period or a shorter one"
    )
