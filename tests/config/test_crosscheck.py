"""What only shows across the tables."""

import pytest

from tests.config.stand_ins import TEXT, changed, read, said

pytestmark = pytest.mark.pure

SECOND_LINE = '[[line]]\nid = "lan"\nurl = "tcp://10.0.0.5:502"\n\n'
SECOND_DEVICE = """\
[[device]]
id = "do"
line = "rs485"
driver = "wire"
port = 1
unit = 3
every = "5s"
channel = [{ id = "DO", address = 0, unit = "mg/L" }]

"""
TWO_DEVICES = changed("[[destination]]", SECOND_DEVICE + "[[destination]]")


def test_two_devices_with_one_id() -> None:
    assert said(changed('id = "do"', 'id = "ph"', TWO_DEVICES)) == [
        'station.toml:34: device "ph".id: is there twice (got "ph"), the other is in line 17: rename one'
    ]


def test_two_lines_with_one_id() -> None:
    text = changed("[[device]]", changed('"lan"', '"rs485"', SECOND_LINE) + "[[device]]")
    assert said(text) == [
        'station.toml:17: line "rs485".id: is there twice (got "rs485"), the other is in line 12: rename one'
    ]


def test_two_destinations_with_one_id() -> None:
    copy = TEXT[TEXT.index("[[destination]]") :]
    assert said(TEXT + copy) == [
        (
            'station.toml:38: destination "so-tnmt".id: is there twice (got "so-tnmt"), '
            "the other is in line 34: rename one"
        )
    ]


def test_a_line_and_a_device_may_share_an_id() -> None:
    assert read(TEXT.replace('id = "ph"', 'id = "rs485"')).devices[0].id == "rs485"


def test_a_line_that_nobody_uses() -> None:
    assert said(changed("[[device]]", SECOND_LINE + "[[device]]")) == [
        'station.toml:16: line "lan": no device uses it, remove it or write line = "lan" in a device'
    ]


def test_a_line_that_a_device_meant_is_not_unused_too() -> None:
    text = changed("[[device]]", SECOND_LINE + "[[device]]", TWO_DEVICES)
    assert said(text.replace('"do"\nline = "rs485"', '"do"\nline = "lann"')) == [
        'station.toml:39: device "do".line: there is no line with this id (got "lann"), did you mean "lan"?'
    ]


def test_a_device_without_a_line_makes_no_line_unused() -> None:
    assert said(changed('line = "rs485"\n', "")) == [
        'station.toml:16: device "ph".line: is missing, e.g. "rs485"'
    ]


def test_a_device_on_a_line_where_there_are_none() -> None:
    start, end = TEXT.index("[[line]]"), TEXT.index("[[device]]")
    assert said(TEXT[:start] + TEXT[end:]) == [
        'station.toml:13: device "ph".line: there is no line with this id (got "rs485"), there are no lines'
    ]


def test_two_devices_with_one_unit_address_on_one_line() -> None:
    assert said(changed("502", "502\nunit = 3", TWO_DEVICES)) == [
        (
            'station.toml:39: device "do".unit: is the address of device "ph" too (got 3, see line 21), '
            'on line "rs485" each device needs its own'
        )
    ]


def test_one_unit_address_on_two_lines_is_two_devices() -> None:
    text = changed("[[device]]", SECOND_LINE + "[[device]]", changed("502", "502\nunit = 3", TWO_DEVICES))
    assert len(read(text.replace('"do"\nline = "rs485"', '"do"\nline = "lan"')).devices) == 2


def test_two_lines_on_one_serial_port() -> None:
    second = changed("tcp://10.0.0.5:502", "serial:///dev/ttyUSB0?baudrate=19200", SECOND_LINE)
    text = changed("[[device]]", second + "[[device]]", TWO_DEVICES)
    assert said(text.replace('"do"\nline = "rs485"', '"do"\nline = "lan"')) == [
        (
            'station.toml:18: line "lan".url: two lines share one port (got "serial:///dev/ttyUSB0?baudrate=19200"), '
            "put the devices of line 13 on one"
        )
    ]


def test_two_lines_to_one_host_are_a_warning() -> None:
    text = changed("serial:///dev/ttyUSB0", "tcp://10.0.0.5:502", TWO_DEVICES)
    text = changed("[[device]]", SECOND_LINE + "[[device]]", text)
    station = read(text.replace('"do"\nline = "rs485"', '"do"\nline = "lan"'))
    assert [str(warning) for warning in station.warnings] == [
        (
            'station.toml:18: line "lan".url: goes where line 13 of this file goes too, '
            "many instruments take one connection only"
        )
    ]


def test_a_guard_that_is_shorter_than_the_timeout_is_a_warning() -> None:
    station = read(changed('timeout = "1s"', 'timeout = "1s"\nguard = "200ms"'))
    assert [str(warning) for warning in station.warnings] == [
        (
            'station.toml:15: line "rs485".guard: is shorter than the timeout (got 0.2 s after 1 s), '
            "an answer that comes later than both together is taken for the next one's"
        )
    ]


def test_on_modbus_tcp_a_late_answer_is_known_by_its_number() -> None:
    text = changed('timeout = "1s"', 'timeout = "1s"\nguard = "200ms"')
    assert read(text.replace("serial:///dev/ttyUSB0", "tcp://10.0.0.5")).warnings == ()


def on_one_line(first: str, second: str) -> str:
    """Two devices, with these keys in place of their ports."""
    return changed("port = 1\nunit = 3", second, changed("port = 502", first, TWO_DEVICES))


ASKED, STREAMS = 'port = 502\nlabel = "talk"', 'port = 4\nlabel = "talk"'


def test_instruments_of_one_speech_share_a_line() -> None:
    assert len(read(on_one_line("port = 502\nunit = 1", "port = 1\nunit = 2")).devices) == 2
    assert len(read(on_one_line(ASKED, ASKED)).devices) == 2


@pytest.mark.parametrize(("first", "second", "line"), [("port = 502", ASKED, 36), (ASKED, "port = 502", 37)])
def test_modbus_and_characters_do_not_share_a_line(first: str, second: str, line: int) -> None:
    assert said(on_one_line(first, second)) == [
        (
            f'station.toml:{line}: device "do".driver: cannot share a line with wire, '
            'like device "ph" (line 16): give each a line of its own'
        )
    ]


@pytest.mark.parametrize(("first", "second"), [(STREAMS, ASKED), (ASKED, STREAMS), (STREAMS, STREAMS)])
def test_an_instrument_that_talks_by_itself_has_its_line_for_itself(first: str, second: str) -> None:
    assert said(on_one_line(first, second)) == [
        (
            'station.toml:36: device "do".line: cannot share a line with an instrument that talks by itself, '
            'like device "ph" (line 16)'
        )
    ]


def test_a_line_says_what_it_cannot_carry() -> None:
    text = changed("serial:///dev/ttyUSB0", "serial:///dev/ttyUSB0?bytesize=7")
    assert said(text) == [
        'station.toml:18: device "ph".line: cannot be on line "rs485": seven bits are too few'
    ]
    assert read(changed("port = 502", ASKED, text)).devices[0].id == "ph"


def test_the_guard_is_looked_at_where_characters_come_over_tcp() -> None:
    """They have no numbers as Modbus TCP has."""
    text = changed('timeout = "1s"', 'timeout = "1s"\nguard = "200ms"', changed("port = 502", ASKED))
    (warning,) = read(text.replace("serial:///dev/ttyUSB0", "tcp://10.0.0.5:4001")).warnings
    assert 'line "rs485".guard: is shorter than the timeout' in str(warning)


def test_nobody_waits_for_answers_of_an_instrument_that_talks_by_itself() -> None:
    text = changed('timeout = "1s"', 'timeout = "1s"\nguard = "200ms"', changed("port = 502", STREAMS[:8]))
    assert read(text).warnings == ()


def test_an_instrument_is_not_waited_for_so_long_that_the_centre_misses_it() -> None:
    silent = changed("port = 502", 'port = 4\nlabel = "abc"')
    assert said(silent) == [
        (
            'station.toml:16: device "ph".silence: is too long for this period (got 180 s), at most 120 s: '
            "the centre takes a device for dead that says nothing for 2.5 periods; make every longer"
        )
    ]
    assert read(changed('every = "5s"', 'every = "90s"', silent)).devices[0].id == "ph"
    assert read(changed("port = 502", 'port = 502\nlabel = "abc"')).devices[0].id == "ph"
