"""What a station will do, as figures."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.forecast import Forecast, forecast
from agent.station import check_station
from config.volume import bytes_on_disk, record_bytes
from telemetry.envelope import RECORD, Sealer
from telemetry.keys import SigningKey
from telemetry.ledger import Ledger
from telemetry.pack import PackEncoder
from telemetry.reading import Reading
from telemetry.record import Boot, Kind, Moment
from tests.agent.commands.test_check import STATION


def told(*exchanged: tuple[str, str]) -> Forecast:
    """The forecast of the station with some texts exchanged."""
    text = STATION
    for old, new in exchanged:
        assert old in text
        text = text.replace(old, new)
    return forecast(check_station(text, Path("station.toml")))


def test_a_poll_takes_its_bytes_its_silences_and_the_instruments_thinking() -> None:
    (ph,) = told().lines[0].devices
    character_s = 10 / 9600
    one = 2 * 38.5 / 9600 + 8 * character_s + 0.02 + (5 + 4) * character_s
    assert ph.requests == 2
    assert ph.wire_s == pytest.approx(2 * one)


def test_parity_is_a_bit_on_the_wire() -> None:
    (ph,) = told(("parity=N", "parity=E")).lines[0].devices
    (plain,) = told().lines[0].devices
    assert ph.wire_s is not None
    assert plain.wire_s is not None
    assert ph.wire_s - plain.wire_s == pytest.approx(2 * 17 / 9600)


def test_in_ascii_a_byte_is_two_characters_of_seven_bits() -> None:
    """Request: colon, 7 bytes (unit, function, address, count, LRC), end. Answer: 8 bytes for two registers."""
    (ph,) = told(("parity=N", "parity=E&bytesize=7&framer=ascii")).lines[0].devices
    character_s = 10 / 9600
    one = 2 * 38.5 / 9600 + (3 + 2 * 7) * character_s + 0.02 + (3 + 2 * 8) * character_s
    assert ph.wire_s == pytest.approx(2 * one)


def test_an_input_module_is_asked_for_its_inputs_its_statuses_and_its_modes() -> None:
    text = (
        STATION[: STATION.index("[[device]]")]
        + """
[[device]]
id = "io"
line = "rs485"
driver = "analog"
module = "ioLogik E1240"
unit = 3
every = "5s"
channel = [ { id = "COD", input = 0, span = [0, 500], unit = "mg/L" } ]
"""
    )
    lan = text.index("[[line]]", text.index("[[line]]") + 1)
    text = text[:lan] + text[text.index("[[device]]") :]
    (module,) = forecast(check_station(text, Path("station.toml"))).lines[0].devices
    assert module.requests == 3


def test_near_values_are_one_request() -> None:
    (ph,) = told(("address = 500", "address = 4")).lines[0].devices
    assert ph.requests == 1


def test_of_a_network_line_no_time_on_the_wire_is_said() -> None:
    lan = told().lines[1]
    assert lan.busy is None
    assert lan.devices[0].wire_s is None


def test_a_busy_line_is_busy_by_all_its_devices() -> None:
    line = told(('every = "5s"', 'every = "100ms"')).lines[0]
    assert line.devices[0].wire_s is not None
    assert line.busy == pytest.approx(line.devices[0].wire_s / 0.1)


def test_an_answer_longer_than_the_timeout_is_a_warning() -> None:
    warnings = told(
        ("9600", "300"), ("address = 500", "address = 10"), ('parity=N"', 'parity=N"\ntimeout = "500ms"')
    ).warnings
    assert warnings == (
        (
            'device "ph": its longest answer takes 0.99 s at this speed, the timeout is 0.5 s: '
            "raise timeout or set block_max"
        ),
    )


def test_coils_come_eight_in_a_byte() -> None:
    channels = '{ id = "a", table = "coil", address = 0, type = "bit" }, '
    channels += '{ id = "b", table = "coil", address = 15, type = "bit" }'
    _, coils = (
        told(
            ('{ id = "Q", register = 30001, type = "uint16", unit = "m3/h" }', channels),
            ('line = "lan"', 'line = "rs485"'),
            ('[[line]]\nid = "lan"\nurl = "tcp://10.0.0.5:502"\n', ""),
        )
        .lines[0]
        .devices
    )
    character_s = 10 / 9600
    assert coils.wire_s == pytest.approx(2 * 38.5 / 9600 + 8 * character_s + 0.02 + (5 + 2) * character_s)


@pytest.mark.parametrize(("bits", "value"), [(64, 7.13), (32, 7.125)])
@pytest.mark.parametrize("count", [1, 2, 5, 20, 60, 100, 300])
def test_the_estimate_of_a_record_is_that_of_a_real_one(count: int, bits: int, value: float) -> None:
    channels = [(f"c{index:05}", "mg/L" if index % 3 else "degC") for index in range(count)]
    estimate = record_bytes("BD_VSIP_NUO001", "dev1", [(name, unit, bits) for name, unit in channels])
    assert estimate == pytest.approx(len(_envelope(channels, value)), rel=0.05)


@pytest.mark.parametrize("size", [300, 320, 400, 660, 1000, 2200, 3900, 6000, 20_000])
def test_the_estimate_of_the_disk_is_that_of_a_real_table(size: int) -> None:
    with closing(sqlite3.connect(":memory:")) as database, database:
        database.execute(
            "CREATE TABLE entry (key INTEGER PRIMARY KEY, kind INTEGER, device TEXT, wall_ms INTEGER,"
            " mono_ms INTEGER, first INTEGER, envelope BLOB) STRICT"
        )
        rows = [
            (1 << 40 | n, 1, "dev1", 1_795_000_000_000, 5_000_000_000, 0, bytes(size)) for n in range(500)
        ]
        database.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.close()
    assert bytes_on_disk(size) == pytest.approx(pages * 4096 / len(rows), rel=0.2)


def _envelope(channels: list[tuple[str, str]], value: float) -> bytes:
    readings = [Reading(name, value + index) for index, (name, _) in enumerate(channels)]
    body = PackEncoder("BD_VSIP_NUO001", "dev1", channels).encode([(1_795_000_000_000, readings)])
    ledger = Ledger("BD_VSIP_NUO001", bytes(16), next_seq=100_000)
    moment = Moment(1_795_000_000_000, 5_000_000_000, 2, 15)
    sealer = Sealer(SigningKey.from_seed(bytes(32)), RECORD)
    return ledger.seal(Kind.READINGS, body, moment, Boot(12, bytes(8)), bytes(8), sealer).envelope
