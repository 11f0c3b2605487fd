"""Records: the minutes that an analyzer kept while nobody could ask it."""

import random
from decimal import Decimal

import pytest

from drivers.protocols import clink, clink_record
from drivers.protocols.clink import Command, Wire
from drivers.protocols.clink_record import Record
from drivers.protocols.modbus_pdu import Malformed

pytestmark = pytest.mark.pure

PLAIN = Wire()

OZONE = (
    "05:26 07-19-22 flags 0C100400 o3 30.781 hio3 0.000 cellai 50927 cellbi 51732 bncht 29.9 lmpt 53.1 "
    "o3lt 0.0 flowa 0.435 flowb 0.000 pres 493.7"
)
HCL = (
    "{} 08-15-07 flags 8c060000 hcl 7349E+000 hihcl 5994E+000 intt 33.689 cht 44.484 pres 758.886 smplfl 1.085 "
    "speed 100.000 biasv -115.883 intensity 199940.000"
)
NITROGEN = (
    "10:11 04-06-05 flags DD008000 no 0.000 nox 0.000 no2 0.000 1 lono 147.500 lonox 0.000 lono2 0.000 1 "
    "pmtv 805.491 tempal 1 pres 172.278 pcal 150.000 smplf 0.000 ozonf 0.050"
)
NITROGEN_LR01 = (
    "12:31 02-22-03 flags 54089100 no -8413E-1 nox -8485E-1 lono -6471E-1 lonox -6527E-1 pres 130.9 pmtt 53.2 "
    "intt 80.0 rctt 80.0 convt 61 smplf 0.500 ozonf 0.000 pmtv -115"
)
PARTISOL = (
    "12:30,2010Mar01,flags,20130000,flow,0.00,p-amb,778,p-flt,777,p-pmp,0.0,t-amb,24.6,t-flt,-99.9,t-fcmp,26.5,"
    "tdelt,-124.53,rh,9.5,wspd,1548.0,wdir,3096.0,wvel,242.5,elap-tm,1,statcode,00000402"
)


def _answer(words: str, *lines: str, wire: Wire = PLAIN) -> clink.Answer:
    command = Command(words, 49)
    buffer = bytearray(clink.encode_reply(command, records=lines, wire=wire))
    answer = clink.take_reply(buffer, command, wire)
    assert answer is not None
    assert not buffer
    return answer


def test_a_record_of_an_ozone_analyzer() -> None:
    (record,) = clink_record.records(_answer("lr01", OZONE))
    assert record[:6] == (2022, 7, 19, 5, 26, 0x0C100400)
    assert record.number("o3") == Decimal("30.781")
    assert record.number("pres") == Decimal("493.7")
    assert len(record.fields) == 10


def test_five_records_of_the_15i_manual() -> None:
    times = ("15:05", "15:10", "15:15", "15:20", "15:25")
    answer = _answer(clink_record.lrec(100, 5), *(HCL.format(time) for time in times))
    found = clink_record.records(answer)
    assert [(record.hour, record.minute) for record in found] == [
        (15, 5),
        (15, 10),
        (15, 15),
        (15, 20),
        (15, 25),
    ]
    assert {record.number("hcl") for record in found} == {Decimal(7349)}
    assert {str(record.number("biasv")) for record in found} == {"-115.883"}


@pytest.mark.parametrize("between", ["\n", "\r\n", " ", "\n\n"])
def test_whatever_stands_between_records(between: str) -> None:
    wire = Wire(end=b"\x00")
    reply = "lrec 2 2\n" + between.join((HCL.format("15:05"), HCL.format("15:10"))) + "*\x00"
    answer = clink.take_reply(bytearray(reply.encode()), Command("lrec 2 2"), wire)
    assert answer is not None
    assert [record.minute for record in clink_record.records(answer)] == [5, 10]


def test_the_42i_puts_lone_digits_between_its_fields() -> None:
    (record,) = clink_record.records(_answer("erec", NITROGEN))
    assert record.number("lono") == Decimal("147.500")
    assert record.number("tempal") == 1
    assert record.number("pmtv") == Decimal("805.491")


def test_the_42i_with_exponents() -> None:
    (record,) = clink_record.records(_answer("lr01", NITROGEN_LR01))
    assert str(record.number("no")) == "-841.3"
    assert record.number("pmtv") == -115


def test_the_partisol_separates_with_commas() -> None:
    (record,) = clink_record.records(_answer("lrec 5 1", PARTISOL))
    assert record[:6] == (2010, 3, 1, 12, 30, 0x20130000)
    assert record.number("tdelt") == Decimal("-124.53")
    assert dict(record.fields)["statcode"] == "00000402"


def test_records_without_names_take_those_of_the_layout() -> None:
    layout = _answer("lrec layout", "%s %s %lx %f %f %f %f", "t D L ffff", "s/r pres intensity motor")
    names = clink_record.layout_names(layout)
    assert names == ("s/r", "pres", "intensity", "motor")
    answer = _answer("lr00", "05:26 07-19-22 0C100400 1.1611 753.4 199940 100.0")
    (record,) = clink_record.records(answer, names)
    assert record.flags == 0x0C100400
    assert record.number("s/r") == Decimal("1.1611")
    assert clink_record.encode_record(record, names=False) == answer.words


LAYOUTS = {
    "43i B-19": ("%s %s %lx %f %f %f %f %f %f", "t D L ffffff", "so2 pmtv lmpv ain4 ain5 lmpi", 6),
    "42i Low Source B-20": (
        "%s %s %lx %f %f %f %f %f %f %f %f %f %f %f %f",
        "t D L ffffffffffff",
        "flags no nox hino hinox pres pmtt intt rctt convt smplf ozonf pmtv",
        12,
    ),
    "5030i B-31": (
        "%s %s %lx %f %f %f %f %f %f %f %f %f %lx %lx",
        "t D L fffffffff A A",
        "flags pm baro vac pflow ambrh srh ambtemp stemp fvol dflg aflg",
        11,
    ),
}


@pytest.mark.parametrize(("formats", "letters", "names", "count"), LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_of_the_manuals(formats: str, letters: str, names: str, count: int) -> None:
    assert len(clink_record.layout_names(_answer("lrec layout", formats, letters, names))) == count


@pytest.mark.parametrize(
    "layout",
    ["", "%s %s %lx %f t D L f", "%s %s %lx %f t D L f so2 pres", "%s %s %lx %f t D L ffff so2", "so2"],
)
def test_a_layout_that_does_not_fit_names_nothing(layout: str) -> None:
    with pytest.raises(Malformed, match="layout"):
        clink_record.layout_names(_answer("lrec layout", layout))


def test_commands() -> None:
    assert clink_record.lrec(100, 5) == "lrec 100 5"
    assert clink_record.lr(100, 10, checksum=True) == "lr11 100 10"
    assert clink_record.lr(1, 1, checksum=False, names=False) == "lr00 1 1"
    for back, count in ((0, 1), (1, 0), (1, 11)):
        with pytest.raises(ValueError, match=r"count 1\.\.10"):
            clink_record.lrec(back, count)


def test_no_records_is_no_error() -> None:
    assert clink_record.records(_answer("lrec 100 5")) == ()


def test_more_records_than_asked_for_are_not_the_answer() -> None:
    two = (HCL.format("15:05"), HCL.format("15:10"))
    for words in ("lrec 100 1", "lrec", "lr01"):
        with pytest.raises(Malformed, match="more records"):
            clink_record.records(_answer(words, *two))
    assert len(clink_record.records(_answer("lrec 15:05 08-15-07 2", *two))) == 2


WRONG = {
    "something in front": "x " + OZONE,
    "no flags": OZONE.replace("flags 0C100400 ", ""),
    "flags of seven digits": OZONE.replace("0C100400", "0C10040"),
    "a month 13": OZONE.replace("07-19-22", "13-19-22"),
    "a day 0": OZONE.replace("07-19-22", "07-00-22"),
    "an hour 24": OZONE.replace("05:26", "24:26"),
    "a minute 60": OZONE.replace("05:26", "05:60"),
    "a 30th of February": OZONE.replace("07-19-22", "02-30-22"),
    "a year 0": PARTISOL.replace("2010", "0000"),
    "a month that has no name": PARTISOL.replace("Mar", "Mxr"),
    "a name without a word": OZONE + " ain1",
    "a word without a name": OZONE.replace("hio3 ", ""),
    "a word that is none": OZONE.replace("30.781", "3?.781"),
    "a name that is none": OZONE.replace("hio3", "%io3"),
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
def test_a_damaged_record_is_no_record(line: str) -> None:
    with pytest.raises(Malformed):
        clink_record.records(_answer("lr01", line))


def test_names_that_do_not_fit_the_words() -> None:
    for names in (("o3",), ("o3", "pres", "flow")):
        with pytest.raises(Malformed, match="do not fit"):
            clink_record.decode_record("05:26 07-19-22 0C100400 30.781 493.7", names)


def test_a_field_that_is_missing_or_no_number() -> None:
    record = clink_record.decode_record("05:26 07-19-22 flags 0C100400 o3 30.781 dflg 0000000A")
    for name in ("so2", "dflg"):
        with pytest.raises(Malformed):
            record.number(name)


def test_a_record_is_written_as_it_is_read() -> None:
    record = Record(2025, 12, 4, 7, 9, 0xC100400, (("o3", "30.781"), ("pres", "-9.4E+01")))
    line = clink_record.encode_record(record)
    assert line == "07:09 12-04-25 flags 0C100400 o3 30.781 pres -9.4E+01"
    assert clink_record.decode_record(line) == record


def test_a_changed_byte_in_a_summed_record_is_seen() -> None:
    command, wire = Command("lr11 1 1"), Wire(checksum=True)
    frame = clink.encode_reply(command, records=[OZONE], wire=wire)
    for place in range(len(frame) - len("sum 0000\r")):
        buffer = bytearray(frame)
        buffer[place] ^= 1 << place % 8
        assert not _taken(buffer, command, wire)


def _taken(buffer: bytearray, command: Command, wire: Wire) -> list[clink.Answer]:
    found: list[clink.Answer] = []
    while True:
        try:
            answer = clink.take_reply(buffer, command, wire)
        except Malformed:
            continue
        if answer is None:
            return found
        found.append(answer)


def test_a_changed_byte_without_a_sum_raises_nothing_but_malformed() -> None:
    rng = random.Random(20251205)
    frame = clink.encode_reply(Command("lrec 2 2"), records=[OZONE, NITROGEN], wire=Wire())
    for place in range(len(frame)):
        for changed in (0, 10, 13, 32, 42, 45, 58, 255, *rng.choices(range(256), k=8)):
            buffer = bytearray(frame)
            buffer[place] = changed
            try:
                answer = clink.take_reply(buffer, Command("lrec 2 2"), Wire())
                if answer is not None:
                    clink_record.records(answer)
            except Malformed:
                continue
