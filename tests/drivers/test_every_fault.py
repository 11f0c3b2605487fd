"""Every driver x every fault of the simulators: a reading with a flag, no hang, no value of another device or question.

What happens in each cell is pinned in CELLS. Serial ports and TLS are not here: above the port, which
test_serial_stream and test_pymodbus_line have, a serial line is a serial server's, and tls:// has the frames of tcp://.
"""

import inspect

import pytest

from agent import read
from drivers import catalogue
from drivers.protocols import modbus_ascii
from sim import faults
from sim.script import FAULT_HELP, parse
from tests.drivers.every_fault import (
    END_S,
    FAULTY_S,
    PERIOD_S,
    SOUND_AGAIN_S,
    Poll,
    Row,
    Told,
    station_of,
    story,
)
from tests.drivers.memory_network import run

LONGEST_POLL_S = 8.0
"""Whatever goes wrong: less than a period, so that the neighbour loses none."""
LONGEST_PROBE_S = 60.0
"""A silent device is asked that often (agent.schedule); so long it may take until it is back."""

MODBUS = """\
driver = "modbus"
unit = {unit}
channel = [
  {{ id = "pH", table = "holding", address = 0, type = "float32", unit = "pH", range = [0, 14] }},
  {{ id = "COD", table = "holding", address = 2, type = "uint16", scale = 0.1, unit = "mg/L" }},
]
"""
ANALOG = """\
driver = "analog"
unit = {unit}
module = "ADAM-6017"
channel = [ {{ id = "COD", input = 0, span = [0, 500], unit = "mg/L" }} ]
"""
BAYERN_HESSEN = """\
driver = "bayern_hessen"
dialect = "thermo"
unit = {unit}
values = 2
channel = [ {{ id = "NO", field = "1", unit = "ppb" }}, {{ id = "NO2", field = "2", unit = "ppb" }} ]
"""
C_LINK = """\
driver = "clink"
unit = {unit}
checksum = {checksum}
channel = [ {{ id = "O3", field = "o3", unit = "ppb" }}, {{ id = "pres", unit = "mmHg" }} ]
"""
TELEDYNE = """\
driver = "teledyne"
unit = {unit}
list_wait = "100ms"
channel = [
  {{ id = "O3", unit = "ppb" }},
  {{ id = "flow", field = "SAMPFLOW", label = "SAMP FL", unit = "L/min", instrument_unit = "CC/M" }},
]
"""
SDI_12 = """\
driver = "sdi12"
unit = "{unit}"
measurement = "{measurement}"
longest_wait = "2s"
channel = [ {{ id = "level", field = "1", unit = "m" }}, {{ id = "T", field = "2", unit = "degC" }} ]
"""
WXT = """\
driver = "vaisala_wxt"
unit = "{unit}"
mode = "{mode}"
crc = {crc}
silence = "5s"
channel = [ {{ id = "speed", field = "Sm", unit = "m/s" }}, {{ id = "T", field = "Ta", unit = "degC" }} ]
"""
NMEA = """\
driver = "nmea0183"
silence = "5s"
channel = [
  { id = "speed", field = "wind_speed", unit = "m/s" },
  { id = "direction", field = "wind_direction", unit = "deg" },
]
"""
BAM = """\
driver = "bam1020"
channel = [ { id = "PM10", field = "Conc", unit = "ug/m3" }, { id = "p", field = "BP", unit = "hPa" } ]
"""
LINES = r"""
driver = "ascii"
REQUEST
pattern = 'pH={pH};T={T}'
channel = [ { id = "pH", unit = "pH" }, { id = "T", unit = "degC" } ]
"""
ASKED = LINES.replace("REQUEST", r"request = 'D\r\n'")
STREAMED = LINES.replace("REQUEST", 'silence = "5s"')
SUM = 'check = { algorithm = "sum", digits = 4, mark = "*" }\n'


def both(table: str, **words: object) -> tuple[str, str]:
    """Of two devices on one line."""
    return table.format(unit=1, **words), table.format(unit=2, **words)


ROWS = {
    "modbus, TCP": Row("tcp", both(MODBUS), checked=False),
    "modbus, UDP": Row("udp", both(MODBUS), checked=False),
    "modbus, RTU": Row("rtu+tcp", both(MODBUS)),
    "modbus, ASCII": Row("ascii+tcp", both(MODBUS)),
    "analog, TCP": Row("tcp", both(ANALOG), checked=False),
    "analog, UDP": Row("udp", both(ANALOG), checked=False),
    "analog, RTU": Row("rtu+tcp", both(ANALOG)),
    "analog, ASCII": Row("ascii+tcp", both(ANALOG)),
    "bayern_hessen": Row("tcp", both(BAYERN_HESSEN)),
    "clink": Row("tcp", both(C_LINK, checksum="false"), checked=False),
    "clink, sum": Row("tcp", both(C_LINK, checksum="true")),
    "teledyne": Row("tcp", both(TELEDYNE), checked=False),
    "sdi12": Row("tcp", both(SDI_12, measurement="M"), checked=False),
    "sdi12, CRC": Row("tcp", both(SDI_12, measurement="MC")),
    "vaisala_wxt": Row("tcp", both(WXT, mode="polled", crc="false"), checked=False),
    "vaisala_wxt, CRC": Row("tcp", both(WXT, mode="polled", crc="true")),
    "vaisala_wxt, stream": Row("tcp", both(WXT, mode="automatic", crc="false")[:1], checked=False),
    "vaisala_wxt, stream, CRC": Row("tcp", both(WXT, mode="automatic", crc="true")[:1]),
    "nmea0183": Row("tcp", (NMEA,)),
    "bam1020": Row("tcp", (BAM,), checked=False),
    "ascii": Row("tcp", (ASKED,), checked=False),
    "ascii, sum": Row("tcp", (ASKED + SUM,)),
    "ascii, stream": Row("tcp", (STREAMED,), checked=False),
    "ascii, stream, sum": Row("tcp", (STREAMED + SUM,)),
}
NO_WIRE = {"system": "this machine itself: no wire, no fault of one; test_system has what it cannot read"}
FAULTS = (
    "silent",
    "slow=0.3",
    "late=1.5",
    "truncated",
    "flip",
    "noise",
    "unit",
    "function",
    "short",
    "exception",
    "close",
    "reboot=15",
)
# A unit and a register are Modbus's own: on lines of characters `unit` and `short` leave the message as it is.
# On a stream what was said just before the fault still counts, so its cells are rarely all flagged.
DEAD = frozenset({"silent", "late=1.5", "reboot=15"})
"""After these a device is asked behind its neighbour, which then keeps its period to the millisecond."""
OUTCOMES = {
    "R": {"right"},
    "F": {"flagged"},
    "e": {"right", "flagged"},
    "w": {"flagged", "wrong"},
    "v": {"right", "wrong"},
    "W": {"right", "flagged", "wrong"},
}
"""Of the faulty device's polls. Those with "wrong" are not promised: their rows have no check."""
CELLS = {
    #                            silent slow late truncated flip noise unit function short exception close reboot
    "modbus, TCP": "F R F F W F F F F F F F",  # TCP has a sum of its own; no network flips a bit unseen
    "modbus, UDP": "F R F F W F F F F F F F",
    "modbus, RTU": "F R F F F R F F F F F F",
    "modbus, ASCII": "F R F F F R F F F F F F",
    "analog, TCP": "F R F F F F F F F F F F",
    "analog, UDP": "F R F F F F F F F F F F",
    "analog, RTU": "F R F F F R F F F F F F",
    "analog, ASCII": "F R F F F R F F F F F F",
    "bayern_hessen": "F R F F F R R F R F F F",
    "clink": "F R F F F F R F R F F F",
    "clink, sum": "F R F F F F R F R F F F",
    "teledyne": "F R F F w F R F R F F F",
    "sdi12": "F R F F F e R F R F F F",
    "sdi12, CRC": "F R F F F e R F R F F F",
    "vaisala_wxt": "F R F F w R R F R F F F",
    "vaisala_wxt, CRC": "F R F F F R R F R F F F",
    "vaisala_wxt, stream": "e R R e v R R e R e F e",
    "vaisala_wxt, stream, CRC": "e R R e R R R e R e F e",
    "nmea0183": "e R R e e R R e R e F e",
    "bam1020": "F R F F F F R F R F F F",  # it is asked for each record twice
    "ascii": "F R F F W F R F R F F F",
    "ascii, sum": "F R F F F F R F R F F F",
    "ascii, stream": "e R R e W e R e R e F e",
    "ascii, stream, sum": "e R R e e e R e R e F e",
}


def test_the_table_has_a_row_for_every_driver_and_a_column_for_every_fault() -> None:
    drivers = {device.driver for row in ROWS.values() for device in station_of(row).devices}
    assert drivers | set(NO_WIRE) == set(catalogue.DRIVERS)
    assert not drivers & set(NO_WIRE)
    struck = [parse(fault, {}).fault for fault in FAULTS]
    assert {fault.name for fault in struck} == set(FAULT_HELP)
    assert {type(fault) for fault in struck} == {
        kind
        for _, kind in inspect.getmembers(faults, inspect.isclass)
        if kind.__module__ == faults.__name__ and hasattr(kind, "bend") and kind is not faults.Fault
    }
    assert set(CELLS) == set(ROWS)


def test_wrong_values_are_in_no_cell_of_a_row_whose_protocol_has_a_check() -> None:
    for name, row in ROWS.items():
        assert not row.checked or not set("wvW") & set(CELLS[name])


@pytest.mark.parametrize("name", ROWS)
def test_a_device_under_every_fault_and_its_neighbour(name: str) -> None:
    seen = []
    for fault in FAULTS:
        told = run(story(ROWS[name], fault))
        outcomes = told.outcomes(told.of("a", FAULTY_S, SOUND_AGAIN_S - 1))
        seen.append(next(letter for letter, known in OUTCOMES.items() if known == outcomes))
        assert_the_rest_is_well(told, fault)
        if fault in DEAD:
            beside = told.of("b", FAULTY_S + PERIOD_S / 2, SOUND_AGAIN_S - PERIOD_S / 2)
            assert all(abs((poll.began_s + 5) % PERIOD_S - 5) < 0.001 for poll in beside), fault
    assert " ".join(seen) == CELLS[name]


@pytest.mark.parametrize("name", ROWS)
def test_a_device_that_goes_wrong_now_and_then_and_its_neighbour(name: str) -> None:
    """An answer that is late or torn meets the next question here, of the same device and of its neighbour."""
    for fault in FAULTS:
        told = run(story(ROWS[name], f"{fault}%50"))
        outcomes = told.outcomes(told.of("a", FAULTY_S, SOUND_AGAIN_S - 1))
        assert "wrong" not in outcomes or (not ROWS[name].checked and fault == "flip"), fault
        assert_the_rest_is_well(told, fault)


def assert_the_rest_is_well(told: Told, fault: str) -> None:
    """Before and after the fault, beside it, and in what the recorder is given."""
    assert told.outcomes(told.of("a", 0, FAULTY_S - 1)) == {"right"}, fault
    assert told.outcomes(told.of("a", SOUND_AGAIN_S + LONGEST_PROBE_S + PERIOD_S)) == {"right"}, fault
    assert max(poll.ended_s - poll.began_s for poll in told.polls) <= LONGEST_POLL_S, fault
    neighbour = told.of("b")
    assert told.outcomes(neighbour) <= {"right"}, fault
    assert not neighbour or _periods(neighbour) == list(range(int(END_S / PERIOD_S))), fault
    for kept in told.kept.values():
        for _, blocks in kept:
            readings = [reading for block in blocks for reading in block.readings]
            channels = [reading.channel for reading in readings]
            assert len(channels) == len(set(channels)) > 0, fault
            assert all(reading.value is not None or reading.flags for reading in readings), fault


def _periods(polls: list[Poll]) -> list[int]:
    """In which period each poll began."""
    return [int((poll.began_s + 0.01) / PERIOD_S) for poll in polls]


def test_a_codec_without_its_check_is_found_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modbus_ascii, "lrc", lambda _message: 0)
    told = run(story(ROWS["modbus, ASCII"], "flip"))
    assert "wrong" in told.outcomes(told.polls)


def test_a_neighbour_that_loses_a_period_is_found_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe's announcement has no check: 1 s may become 9 s, and the line waits as long as the file allows."""
    monkeypatch.setattr(read, "SILENT_LAST_MS", 0)
    patient = tuple(table.replace('"2s"', '"30s"') for table in ROWS["sdi12"].tables)
    told = run(story(Row("tcp", patient), "flip"))
    with pytest.raises(AssertionError):
        assert_the_rest_is_well(told, "flip")
    assert len(_periods(told.of("b"))) < END_S / PERIOD_S
