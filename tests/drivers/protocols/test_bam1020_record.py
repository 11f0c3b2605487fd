"""A BAM-1020's header and record: units as written, the hour's own time, error letters."""

import pytest

from drivers.protocols.bam1020_record import (
    ERRORS,
    Column,
    Dialect,
    Field,
    Header,
    Record,
    decode_header,
    decode_record,
    header_line,
    record_line,
    starts_with_time,
)
from drivers.protocols.local_time import LocalTime
from drivers.protocols.modbus_pdu import Malformed

pytestmark = pytest.mark.pure

# a report that a real instrument printed in 2008; no manual shows a whole one
HEADER = "Time,Conc(mg/m3),Qtot(m3),WS(MPS),WD(DEG),BP(mm),RH(%),Delta(C),AT(C),E,U,M,I,L,R,N,F,P,D,C,T"
RECORD = "01/30/08 16:00, 0.084, 0.834, 0.0,0,0,30,57.0,27.1,1,0,0,0,0,0,0,0,0,0,0,1,"
SHORT = Header((Column("Time"), Column("Conc", "mg/m3"), Column("M")))
STANDARD = Dialect()


def test_the_header_tells_names_units_and_error_letters() -> None:
    header = decode_header(HEADER)
    assert header.columns[:3] == (Column("Time"), Column("Conc", "mg/m3"), Column("Qtot", "m3"))
    assert "".join(column.name for column in header.columns if column.is_error) == "EUMILRNFPDCT"
    assert header_line(header) == HEADER


def test_the_record_has_its_hour_its_values_and_its_errors() -> None:
    header = decode_header(HEADER)
    record = decode_record(RECORD, header, STANDARD)
    assert record.time == LocalTime(2008, 1, 30, 16, 0)
    assert record.time_written == "01/30/08 16:00"
    assert record.errors == ("E", "T")
    assert [(field.name, str(field.value), field.unit) for field in record.fields] == [
        ("Conc", "0.084", "mg/m3"),
        ("Qtot", "0.834", "m3"),
        ("WS", "0.0", "MPS"),
        ("WD", "0", "DEG"),
        ("BP", "0", "mm"),
        ("RH", "30", "%"),
        ("Delta", "57.0", "C"),
        ("AT", "27.1", "C"),
    ]
    assert record_line(record, header, STANDARD) == RECORD


@pytest.mark.parametrize(
    ("written", "reason"), [("", "empty"), ("   ", "empty"), ("-----", "no number"), ("nan", "no number")]
)
def test_a_field_without_a_number_has_a_reason(written: str, reason: str) -> None:
    (field,) = decode_record(f"01/30/08 16:00,{written},0", SHORT, STANDARD).fields
    assert field.value is None
    assert reason in field.reason


TIMES = {
    ("MDY", "03/28/07 03:00:00"): LocalTime(2007, 3, 28, 3, 0, 0),  # Rev W, page 90
    ("MDY", "03/28/07 02:55:00"): LocalTime(2007, 3, 28, 2, 55, 0),  # EARLY cycle mode
    ("MDY", "02/29/2024 00:00"): LocalTime(2024, 2, 29, 0, 0),
    ("DMY", "28/03/07 03:00"): LocalTime(2007, 3, 28, 3, 0),
    ("YMD", "2019-11-06 23:00"): LocalTime(2019, 11, 6, 23, 0),
    ("YMD", "2019/11/06 23:00"): LocalTime(2019, 11, 6, 23, 0),
}


@pytest.mark.parametrize(("dialect_time", "time"), TIMES.items())
def test_a_time_is_the_instruments_wall_clock(dialect_time: tuple[str, str], time: LocalTime) -> None:
    order, written = dialect_time
    dialect = Dialect(date=order)  # type: ignore[arg-type]  # a literal of the table above
    assert decode_record(f"{written},0.084,0", SHORT, dialect).time == time
    assert starts_with_time(f" {written},0.084", dialect)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "28/03/07 03:00",
        "02/29/07 03:00",
        "02/29/2100 03:00",
        "04/31/07 03:00",
        "00/01/07 03:00",
        "01/00/07 03:00",
        "01/01/0000 03:00",
        "01/01/07 24:00",
        "01/01/07 03:60",
        "01/01/07 03:00:60",
        "1/1/07 03:00",
        "01/01/07",
        "٠١/٠١/٠٧ ٠٣:٠٠",
        "01/01/07 03:00 PM",
    ],
)
def test_a_record_whose_time_does_not_exist_is_no_record(written: str) -> None:
    with pytest.raises(Malformed):
        decode_record(f"{written},0.084,0", SHORT, STANDARD)


@pytest.mark.parametrize(
    "line",
    [
        "01/30/08 16:00,0.084",
        "01/30/08 16:00,0.084,0,0",
        "01/30/08 16:00,0.084,0,,",
        "01/30/08 16:00,0.084,",
        "01/30/08 16:00,0.084,2",
        "01/30/08 16:00,0.084,M",
    ],
)
def test_a_record_that_does_not_fit_its_header_is_no_record(line: str) -> None:
    with pytest.raises(Malformed):
        decode_record(line, SHORT, STANDARD)


def test_a_custom_query_may_leave_the_time_out() -> None:
    record = decode_record("  0.084,      1", Header((Column("Conc", "mg/m3"), Column("M"))), STANDARD)
    assert (record.time, record.errors) == (None, ("M",))
    assert record.fields == (Field("Conc", "  0.084", "mg/m3"),)


@pytest.mark.parametrize(
    "line", ["", "Time", "Station, 5", RECORD, "Time,Conc(mg/m3", "Time,,Conc", "Time,M,M", "Time,(C)"]
)
def test_what_is_no_header_is_refused(line: str) -> None:
    with pytest.raises(Malformed):
        decode_header(line)


def test_a_record_is_not_said_without_its_fields() -> None:
    record = decode_record("01/30/08 16:00,0.084,1", SHORT, STANDARD)
    assert record_line(record, SHORT, Dialect(comma=False)) == "01/30/08 16:00,0.084,1"
    other = Header((*SHORT.columns, Column("AT", "C")))
    with pytest.raises(ValueError, match="does not fit"):
        record_line(record, other, STANDARD)
    with pytest.raises(ValueError, match="does not fit"):
        record_line(Record(record.time, "01/30/08", record.fields, ()), SHORT, STANDARD)
    with pytest.raises(ValueError, match="twice"):
        Header((Column("M"), Column("M")))


def test_error_letters_that_invalidate_are_those_of_the_relay() -> None:
    assert {letter for letter, row in ERRORS.items() if row.invalid} == set("CPNRLIMU")  # Rev W, page 78
    assert ERRORS["M"].flag == "maintenance"
    assert set("EUMILRNFPDCT") - set(ERRORS) == {"E", "D"}
