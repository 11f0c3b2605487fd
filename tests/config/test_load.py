"""Every mistake of a station file, in its exact words. A technician reads nothing else."""

from pathlib import Path
from typing import cast

import pytest

from config.errors import StationFileError
from config.load import load
from tests.config.stand_ins import (
    KINDS,
    TEXT,
    FakeLine,
    FakeMachine,
    FakeSettings,
    changed,
    problems,
    read,
    said,
)

pure = pytest.mark.pure

ONE_MISTAKE = {
    "a station without an id": (
        'id = "NUO001"\n',
        "",
        '1: station.id: is missing, e.g. "BD_VSIP_NUO001"',
    ),
    "an id with spaces": (
        "NUO001",
        "NUO 001",
        (
            '2: station.id: is not a valid id (got "NUO 001"), use 1 to 32 of A-Z a-z 0-9 "_" "." "-", '
            "the first a letter or a digit"
        ),
    ),
    "a time zone that does not exist": (
        "Asia/Ho_Chi_Minh",
        "Asia/Ho_Chi_Min",
        '3: station.timezone: is not a known time zone (got "Asia/Ho_Chi_Min"), did you mean "Asia/Ho_Chi_Minh"?',
    ),
    "a time zone that is like one of another country": (
        "Asia/Ho_Chi_Minh",
        "UTCC",
        (
            '3: station.timezone: is not a known time zone (got "UTCC"), did you mean "UTC"? '
            'In all of Viet Nam: "Asia/Ho_Chi_Minh"'
        ),
    ),
    "a time zone that is not like any": (
        "Asia/Ho_Chi_Minh",
        "+07:00",
        '3: station.timezone: is not a known time zone (got "+07:00"), write it like "Asia/Ho_Chi_Minh"',
    ),
    "a name that would do things on a screen": (
        'id = "NUO001"',
        'id = "NUO001"\nname = "\\u001b[2JA\\u009b"',
        r'3: station.name: holds a control character (got "\x1b[2JA\x9b"), take it out',
    ),
    "a path of two lines": (
        "keys/station.pem",
        "keys/\\nstation.pem",
        r'6: identity.key: holds a control character (got "keys/\nstation.pem"), take it out',
    ),
    "a broker that would do things on a screen": (
        "mqtts://broker.example:8883",
        "mqtts://x\\u001b.example:8883",
        r'35: destination "so-tnmt".url: holds a control character (got "mqtts://x\x1b.example:8883"), take it out',
    ),
    "an unknown key": (
        "quota =",
        "quata =",
        '9: buffer.quata: unknown key, did you mean "quota"?',
    ),
    "an unknown key that is like none": (
        'key = "keys/station.pem"',
        "colour = 1",
        "6: identity.colour: unknown key, known keys: key",
    ),
    "an unknown key of a device is compared with the driver's and with the common ones": (
        "every =",
        "evry =",
        '21: device "ph".evry: unknown key, did you mean "every"?',
    ),
    "an unknown key of a channel": (
        "address = 0",
        "address = 0\nadress = 1",
        '26: device "ph".channel "pH".adress: unknown key, did you mean "address"?',
    ),
    "an unknown table": (
        "[buffer]",
        "[bufer]",
        '8: bufer: unknown table, did you mean "buffer"?',
    ),
    "a port that is too large": (
        "502",
        "70000",
        '20: device "ph".port: is too large (got 70000), at most 65535',
    ),
    "a port that is too small": (
        "502",
        "-1",
        '20: device "ph".port: is too small (got -1), at least 0',
    ),
    "a unit address of nobody": (
        "502",
        "502\nunit = 0",
        '21: device "ph".unit: is too small (got 0), more than 0',
    ),
    "a unit address that is too large": (
        "502",
        "502\nunit = 248",
        '21: device "ph".unit: is too large (got 248), less than 248',
    ),
    "a number in quotes": (
        "502",
        '"502"',
        '20: device "ph".port: should be a whole number (got the text "502"), write it without quotes: 502',
    ),
    "a word for a number": (
        "502",
        '"modbus"',
        '20: device "ph".port: should be a whole number (got the text "modbus")',
    ),
    "a broken number for a whole one": (
        "502",
        "502.5",
        '20: device "ph".port: should be a whole number (got 502.5)',
    ),
    "a whole number for a text": (
        'line = "rs485"',
        "line = 485",
        '18: device "ph".line: should be a text (got 485), write it in quotes: "485"',
    ),
    "a text for a broken number": (
        "address = 0",
        'address = 0\nscale = "0,1"',
        '26: device "ph".channel "pH".scale: should be a number (got the text "0,1")',
    ),
    "a text for yes or no": (
        "address = 0",
        'address = 0\nloud = "yes"',
        '26: device "ph".channel "pH".loud: should be true or false, without quotes (got the text "yes")',
    ),
    "one number for two": (
        "address = 0",
        "address = 0\nrange = 14",
        '26: device "ph".channel "pH".range: should be a list (got 14), write it in brackets: [14]',
    ),
    "three numbers for two": (
        "address = 0",
        "address = 0\nrange = [0, 7, 14]",
        '26: device "ph".channel "pH".range: has too many items (got 3), at most 2',
    ),
    "one number of two": (
        "address = 0",
        "address = 0\nrange = [0]",
        '26: device "ph".channel "pH".range item 2: is missing',
    ),
    "a list with a wrong item has the item's line": (
        "address = 0",
        'address = 0\nrange = [\n  0,\n  "14",\n]',
        (
            '28: device "ph".channel "pH".range item 2: should be a number (got the text "14"), '
            "write it without quotes: 14"
        ),
    ),
    "a wrong key of an inline table has its parent's line": (
        "address = 0",
        "address = { at = 0 }",
        '25: device "ph".channel "pH".address: should be a whole number (got a table)',
    ),
    "a choice between two types is one mistake": (
        "address = 0",
        "address = 0\nregister = true",
        '26: device "ph".channel "pH".register: should be a whole number (got true)',
    ),
    "a word that is not known": (
        "address = 0",
        'address = 0\ntype = "float"',
        (
            '26: device "ph".channel "pH".type: is not one of the known words (got "float"), did you mean "float32"? '
            "(one of int16, float32, float64)"
        ),
    ),
    "a word that is like none": (
        "address = 0",
        'address = 0\ntype = "xyz"',
        (
            '26: device "ph".channel "pH".type: is not one of the known words (got "xyz"), '
            "one of int16, float32, float64"
        ),
    ),
    "a text that is too long": (
        "502",
        '502\nlabel = "far too long"',
        '21: device "ph".label: is too long (got 12), letters: at most 8',
    ),
    "an unknown unit of measure": (
        'unit = "pH"',
        'unit = "mgl"',
        '26: device "ph".channel "pH".unit: is not a known unit of measure (got "mgl"), did you mean "mg/L"?',
    ),
    "an empty unit of measure": (
        'unit = "pH"',
        'unit = ""',
        '26: device "ph".channel "pH".unit: is not a known unit of measure (got ""), did you mean "mg/L"?',
    ),
    "values that overlap only partly, as the driver finds them": (
        "address = 2",
        "address = 1",
        '30: device "ph".channel "temperature".address: overlaps another in part',
    ),
    "a channel without an address": (
        "address = 0\n",
        "",
        '23: device "ph".channel "pH".address: is missing',
    ),
    "a channel without an id is counted": (
        'id = "temperature"\n',
        "",
        '28: device "ph".channel 2.id: is missing',
    ),
    "a channel id with a space": (
        'id = "temperature"',
        'id = "water temperature"',
        (
            '29: device "ph".channel "water temperature".id: is not a valid id (got "water temperature"), '
            'use 1 to 32 of A-Z a-z 0-9 "_" "." "-", the first a letter or a digit'
        ),
    ),
    "two channels with one id": (
        'id = "temperature"',
        'id = "pH"',
        '29: device "ph".channel "pH".id: is there twice (got "pH"), the other is in line 24: rename one',
    ),
    "a period of nothing": (
        '"5s"',
        '"0s"',
        '21: device "ph".every: is too short (got "0s"), at least "100ms"',
    ),
    "an absurd period": (
        '"5s"',
        '"30d"',
        '21: device "ph".every: is too long (got "30d"), at most "1d"',
    ),
    "a period without its unit": (
        '"5s"',
        "5",
        (
            '21: device "ph".every: should be a time with its unit, in quotes (got 5), '
            'e.g. "500ms", "5s", "10min", "2h" or "90d"'
        ),
    ),
    "no period": (
        'every = "5s"\n',
        "",
        '16: device "ph".every: is missing, e.g. "5s"',
    ),
    "records kept for no time": (
        'quota = "4GB"',
        'keep = "5s"',
        '9: buffer.keep: is too short (got "5s"), at least "1h"',
    ),
    "a commit that waits too long": (
        'quota = "4GB"',
        'linger = "2s"',
        '9: buffer.linger: is too long (got "2s"), at most "1s"',
    ),
    "a quota without its unit": (
        '"4GB"',
        '"4"',
        '9: buffer.quota: should be a size with its unit, in quotes (got "4"), e.g. "500MB" or "4GB"',
    ),
    "a quota of nothing": (
        '"4GB"',
        '"4kB"',
        '9: buffer.quota: is too small (got "4kB"), at least "1MB"',
    ),
    "a quota below one day of records": (
        '"4GB"',
        '"5MB"',
        (
            "9: buffer.quota: holds less than one day of records (got 5 MB), "
            "this station writes about 6.43 MB a day"
        ),
    ),
    "a path that is a number": (
        '"keys/station.pem"',
        "5",
        '6: identity.key: should be the path of a file in quotes (got 5), e.g. "keys/station.pem"',
    ),
    "an unknown driver": (
        '"wire"',
        '"wires"',
        '19: device "ph".driver: there is no such driver (got "wires"), did you mean "wire"?',
    ),
    "a driver that cannot be loaded": (
        '"wire"',
        '"broken"',
        '19: device "ph".driver: cannot be loaded (got "broken"): No module named \'snap7\'',
    ),
    "an unknown line": (
        'line = "rs485"',
        'line = "rs458"',
        '18: device "ph".line: there is no line with this id (got "rs458"), did you mean "rs485"?',
    ),
    "a list of tables written as one table": (
        "[[destination]]",
        "[destination]",
        "33: destination: should be written [[destination]], in double brackets: there can be several",
    ),
    "a table written as a list of tables": (
        "[buffer]",
        "[[buffer]]",
        "8: buffer: is there as [[…]], write [buffer] in single brackets",
    ),
    "a date for a name": (
        '"rs485"\ndriver',
        "2026-11-22\ndriver",
        '18: device "ph".line: should be a text (got 2026-11-22), write it in quotes: "2026-11-22"',
    ),
    "receipts without a key": (
        'receipt_keys = ["keys/so-tnmt.pub"]\n',
        "",
        (
            '33: destination "so-tnmt".receipt_keys: is missing, with ack = "receipt" nothing counts as delivered '
            'without it: write receipt_keys = ["keys/centre.pub"]'
        ),
    ),
    "an unknown way to acknowledge": (
        'id = "so-tnmt"',
        'id = "so-tnmt"\nack = "reciept"',
        (
            '35: destination "so-tnmt".ack: is not one of the known words (got "reciept"), did you mean "receipt"? '
            "(one of receipt, broker)"
        ),
    ),
    "a web address for a broker": (
        "mqtts://broker.example:8883",
        "https://broker.example",
        (
            '35: destination "so-tnmt".url: is not the address of a broker (got "https://broker.example"), '
            'e.g. "mqtts://broker.example:8883"'
        ),
    ),
    "a broker's port that is none": (
        ":8883",
        ":88830",
        (
            '35: destination "so-tnmt".url: is not the address of a broker (got "mqtts://broker.example:88830"), '
            'e.g. "mqtts://broker.example:8883"'
        ),
    ),
    "a password in the address": (
        "mqtts://broker",
        "mqtts://me:secret@broker",
        (
            '35: destination "so-tnmt".url: holds a name or a password (got "mqtts://…@broker.example:8883"), '
            "write them as username = and password_file = instead"
        ),
    ),
    "a topic in the address": (
        ":8883",
        ":8883/tram/1",
        (
            '35: destination "so-tnmt".url: goes on after the port (got "mqtts://broker.example:8883/tram/1"), '
            'a topic is set with root = "tram/1"'
        ),
    ),
    "a topic with a wildcard": (
        'id = "so-tnmt"',
        'id = "so-tnmt"\nroot = "tram/#"',
        '35: destination "so-tnmt".root: is not a topic (got "tram/#"), e.g. "tram/1"; no "+", "#" or spaces',
    ),
    "a rate of nothing": (
        'id = "so-tnmt"',
        'id = "so-tnmt"\nrecords_per_s = 0',
        '35: destination "so-tnmt".records_per_s: is too small (got 0), at least 1',
    ),
}


@pure
def test_the_file_that_the_mistakes_are_put_into_has_none() -> None:
    station = read()
    assert (station.id, station.name, station.timezone) == ("NUO001", "NUO001", "Asia/Ho_Chi_Minh")
    assert station.warnings == ()
    assert station.devices[0].every_ms == 5000
    assert cast("FakeLine", station.lines[0].settings).timeout_s == 1
    assert cast("FakeSettings", station.devices[0].settings).channel[1].address == 2
    assert station.destinations[0].secure
    assert (station.buffer.keep_ms, station.buffer.linger_ms) == (90 * 86_400_000, 100)


@pure
@pytest.mark.parametrize(("old", "new", "sentence"), ONE_MISTAKE.values(), ids=ONE_MISTAKE)
def test_one_mistake_is_one_line_that_says_what_would_be_right(old: str, new: str, sentence: str) -> None:
    assert said(changed(old, new)) == [f"station.toml:{sentence}"]


@pure
def test_all_mistakes_are_said_at_once_in_the_order_of_the_file() -> None:
    text = TEXT.replace("NUO001", "NUO 001").replace("502", "70000").replace('"4GB"', '"4"')
    text = text.replace('unit = "degC"', 'unit = "C"').replace("mqtts", "http")
    assert [problem.line for problem in problems(text)] == [2, 9, 20, 31, 35]


@pure
def test_an_empty_file_is_told_what_a_station_needs() -> None:
    assert said("") == [
        "station.toml: device: is missing, a station has at least one [[device]]",
        'station.toml: station.id: is missing, e.g. "BD_VSIP_NUO001"',
    ]


@pure
def test_tables_that_are_no_tables_are_said() -> None:
    text = 'station = "NUO001"\nline = 5\ndevice = [1]\n'
    assert said(text) == [
        'station.toml:1: station: should be a table (got "NUO001"), write [station] in single brackets',
        "station.toml:2: line: should be a table (got 5), write [[line]]",
        "station.toml:3: device: should be a table (got 1), write [[device]]",
    ]


@pure
def test_a_channel_written_as_one_table_is_told_of_double_brackets() -> None:
    start, end = TEXT.index("[[device.channel]]"), TEXT.index("[[destination]]")
    text = TEXT[:start] + '[device.channel]\nid = "pH"\naddress = 0\n\n' + TEXT[end:]
    assert said(text) == [
        (
            'station.toml:23: device "ph".channel: should be a list (got a table), '
            "write its header as [[…]] or its items in brackets"
        )
    ]


@pure
def test_a_device_without_channels_has_too_few() -> None:
    start, end = TEXT.index("[[device.channel]]"), TEXT.index("[[destination]]")
    text = TEXT[:start] + "channel = []\n" + TEXT[end:]
    assert said(text) == ['station.toml:23: device "ph".channel: has too few items (got 0), at least 1']


@pure
def test_a_mistake_is_one_line_whatever_stands_in_the_file() -> None:
    assert said(changed('id = "ph"', 'id = "p\\nh"')) == [
        (
            'station.toml:17: device "p\\nh".id: is not a valid id (got "p\\nh"), '
            'use 1 to 32 of A-Z a-z 0-9 "_" "." "-", the first a letter or a digit'
        )
    ]


@pure
def test_infinity_and_dates_are_values_like_others() -> None:
    assert said(changed("502", "2026-11-22T10:00:00Z")) == [
        'station.toml:20: device "ph".port: should be a whole number (got 2026-11-22 10:00:00+00:00)'
    ]
    assert read(changed("address = 0", "address = 0\nscale = inf")).id == "NUO001"


@pure
def test_paths_are_taken_from_the_files_folder() -> None:
    station = read(changed("keys/station.pem", "/etc/tram/station.pem"))
    assert station.identity.key == Path("/etc/tram/station.pem")
    assert station.buffer.path == Path("data/ledger.db")


def test_a_file_on_disk_is_read_with_its_folder_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(TEXT, encoding="utf-8-sig")
    station = load(file, drivers=KINDS.drivers, line_settings=FakeLine, machine=FakeMachine())
    assert station.buffer.path == tmp_path / "data" / "ledger.db"
    assert station.file == file


def test_keys_are_looked_for_beside_the_file(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(TEXT, encoding="utf-8")
    with pytest.raises(StationFileError) as caught:
        load(file, drivers=KINDS.drivers, line_settings=FakeLine)
    assert str(caught.value) == (
        f"{file}:6: identity.key: the private key is missing (got {tmp_path}/keys/station.pem), "
        f"make it with: tram keys new {tmp_path}/keys/station.pem\n"
        f'{file}:36: destination "so-tnmt".receipt_keys item 1: the centre\'s public key is missing '
        f"(got {tmp_path}/keys/so-tnmt.pub), copy it from the centre: its folder holds centre.pub"
    )


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StationFileError, match=r"station\.toml: cannot be read: No such file or directory$"):
        load(tmp_path / "station.toml", drivers={}, line_settings=FakeLine)


def test_a_file_in_another_encoding_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_bytes(b'[station]\nname = "Tr\xe5m"\n')
    with pytest.raises(StationFileError, match=r"station\.toml:2: is not UTF-8 text, save it as UTF-8$"):
        load(file, drivers={}, line_settings=FakeLine)
