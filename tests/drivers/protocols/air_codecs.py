"""Air analyzers under torture: Bayern-Hessen, C-Link, Teledyne's words, BAM-1020."""

from dataclasses import replace

from drivers.protocols import bam1020, bayern_hessen, clink, clink_record, teledyne
from drivers.protocols.bam1020_record import Dialect, decode_header
from drivers.protocols.bayern_hessen import ECOTECH_OLD, TELEDYNE_TYPE_2, THERMO, DataQuery
from drivers.protocols.bayern_hessen_frame import Framing, encode_frame, take_frame
from drivers.protocols.clink import Command, Wire
from drivers.protocols.teledyne import COMPUTER, TERMINAL, Request
from tests.drivers.protocols.torture import Codec

_ONE_VALUE = b"\x02MD01 001 +2578+01 03 04  \x0336"
_THREE_VALUES = b"\x02MD03 001 +2578+01 03 04  002 +5681+00 03 04  003 +1175+01 03 04  \x033C"
_TEXT = replace(TELEDYNE_TYPE_2, joined_status=True, framing=Framing.TEXT, tails=((),))

BAYERN_HESSEN = (
    Codec(
        "bayern-hessen frame",
        lambda buffer: take_frame(buffer, (Framing.BCC,), 1024),
        (b"\x02DA\x0304", _ONE_VALUE),
        checked=True,
        most_kept=1_026,
    ),
    Codec(
        "bayern-hessen request",
        bayern_hessen.take_request,
        (b"\x02DA097\x033A", b"\x02ST843 K\x0352", b"\x02DA\r"),
        most_kept=163,
    ),
    Codec(
        "bayern-hessen reply, thermo",
        lambda buffer: bayern_hessen.take_reply(buffer, DataQuery(), THERMO),
        (_ONE_VALUE, _THREE_VALUES),
        checked=True,
        most_kept=1_027,
    ),
    Codec(
        "bayern-hessen reply, ecotech",
        lambda buffer: bayern_hessen.take_reply(buffer, DataQuery("097"), ECOTECH_OLD),
        (b"\x02MD01 097 +1532+02 40 00 000 00000000 \x0324",),
        checked=True,
        most_kept=1_027,
    ),
    Codec(
        "bayern-hessen reply, no check",
        lambda buffer: bayern_hessen.take_reply(buffer, DataQuery(framing=Framing.CR), THERMO),
        (encode_frame("MD01 001 +2578+01 03 04 0000000000 ", Framing.CR),),
        most_kept=1_026,
    ),
    Codec(
        "bayern-hessen reply, TEXT",
        lambda buffer: bayern_hessen.take_reply(buffer, DataQuery("311"), _TEXT),
        (encode_frame("MD02 310 +1250+01 6000 311 +4100+02 6000 ", Framing.TEXT),),
        most_kept=1_026,
    ),
)


def _kept(buffer: bytearray) -> object:
    answer = clink.take_reply(buffer, Command(clink_record.lr(2, 2, checksum=True)), Wire(checksum=True))
    return None if answer is None else clink_record.records(answer)


def _measured(buffer: bytearray) -> object:
    answer = clink.take_reply(buffer, Command("o3"), Wire())
    return None if answer is None else clink.measured(answer)


def _flags(buffer: bytearray) -> object:
    answer = clink.take_reply(buffer, Command(clink.FLAGS), Wire(checksum=True))
    return None if answer is None else clink.flags(answer)


def _accepted(buffer: bytearray) -> object:
    answer = clink.take_reply(buffer, Command("set sample"), Wire(checksum=True))
    if answer is None:
        return None
    clink.check_accepted(answer)
    return answer


def _layout(buffer: bytearray) -> object:
    answer = clink.take_reply(buffer, Command(clink_record.LAYOUT), Wire())
    return None if answer is None else clink_record.layout_names(answer)


_RECORD = "05:26 07-19-22 flags 0C100400 o3 30.781 pres 493.7"
_NEXT_RECORD = "05:27 07-19-22 flags 0C100400 o3 31.002 pres 493.6"
C_LINK = (
    Codec("c-link command", clink.take_request, (b"\xb0time\r", b"set gas unit ppm\r"), most_kept=257),
    Codec(
        "c-link reply",
        lambda buffer: clink.take_reply(buffer, Command("o3"), Wire()),
        (b"o3 30.781 ppb\r", b"o3 1.405E+01 \xb5g/m3*\r"),
        (b"o3 bad cmd\r", b"data not valid\r"),
        most_kept=clink.MAX_REPLY_BYTES + 1,
    ),
    Codec(
        "c-link value",
        _measured,
        (b"o3 30.781 ppb\r", b"o3 1.405E+01 \xb5g/m3*\r"),
        (b"o3 bad cmd\r",),
        most_kept=clink.MAX_REPLY_BYTES + 1,
    ),
    Codec(
        "c-link flags",
        _flags,
        (b"flags 00000000\nsum 03ad\r",),
        checked=True,
        most_kept=clink.MAX_REPLY_BYTES + 1,
    ),
    Codec(
        "c-link word of acceptance",
        _accepted,
        (clink.encode_reply(Command("set sample"), "ok", wire=Wire(checksum=True)),),
        checked=True,
        most_kept=clink.MAX_REPLY_BYTES + 1,
    ),
    Codec(
        "c-link reply with its sum",
        lambda buffer: clink.take_reply(buffer, Command("so2"), Wire(checksum=True)),
        (b"so2 12.3 ppb\nsum 035a\r",),
        (clink.encode_reply(Command("so2"), "data not valid", wire=Wire(checksum=True)),),
        checked=True,
        most_kept=clink.MAX_REPLY_BYTES + 1,
    ),
    Codec(
        "c-link records with their sum",
        _kept,
        (
            clink.encode_reply(
                Command(clink_record.lr(2, 2, checksum=True)),
                records=(_RECORD, _NEXT_RECORD),
                wire=Wire(checksum=True),
            ),
        ),
        checked=True,
        most_kept=clink.MAX_REPLY_BYTES + 1,
    ),
    Codec(
        "c-link layout",
        _layout,
        (b"lrec layout %s %s %lx %f %f t D L ff flags o3 pres\r",),
        most_kept=clink.MAX_REPLY_BYTES + 1,
    ),
)

_POWER = b"T 194:11:29 0000 DCPS= 2500 MV\r\n"
TELEDYNE = (
    Codec(
        "teledyne command",
        lambda buffer: teledyne.take_request(buffer, TERMINAL),
        (b"T 400 O3\r", b"W LIST\r"),
        most_kept=257,
    ),
    Codec(
        "teledyne command, computer mode",
        lambda buffer: teledyne.take_request(buffer, COMPUTER),
        (b"T 400 O3\n", b"W LIST\n"),
        most_kept=257,
    ),
    Codec(
        "teledyne message",
        teledyne.take_message,
        (_POWER, b"W 194:11:29 0000 SAMPLE FLOW WARN\r\n", b"C 366:23:59 0300 FINISH ZERO\n"),
        most_kept=385,
    ),
    Codec(
        "teledyne reply",
        lambda buffer: teledyne.take_reply(buffer, Request("T", "DCPS")),
        (_POWER, b"T 001:00:00 DCPS=-0.5 MV\n"),
        (b"T 194:11:29 0000 DCPS= XXXX MV\r\n",),
        most_kept=385,
    ),
)

_HEADER = "Time,Conc(mg/m3),Qtot(m3),WS(MPS),WD(DEG),BP(mm),RH(%),Delta(C),AT(C),E,U,M,I,L,R,N,F,P,D,C,T"
_HOUR = b"01/30/08 16:00, 0.084, 0.834, 0.0,0,0,30,57.0,27.1,1,0,0,0,0,0,0,0,0,0,0,1,\r\n"
_COLUMNS = decode_header(_HEADER)
BAM = (
    Codec(
        "bam-1020 escape command",
        bam1020.take_request,
        (b"\x1bQ\r", b"\x1bQCH\r", b"\x1b3 24\r"),
        most_kept=16,
    ),
    # One letter behind a lone ESC is part of its command, which may have 16 characters.
    Codec("bam-1020 key", bam1020.take_request, (b"6", b"\r\r\r"), most_kept=16, copies=20),
    Codec(
        "bam-1020 escape command behind STX",
        lambda buffer: bam1020.take_request(buffer, Dialect(lead=b"\x02", blank=True)),
        (b"\x02 QC \r",),
        most_kept=16,
    ),
    Codec(
        "bam-1020 header",
        lambda buffer: bam1020.take_header(buffer, bam1020.Query(header=True)),
        (_HEADER.encode() + b"\r\n",),
        most_kept=1_024,
    ),
    Codec(
        "bam-1020 record",
        lambda buffer: bam1020.take_record(buffer, bam1020.Query(), _COLUMNS),
        (_HOUR,),
        most_kept=1_024,
    ),
    Codec(
        "bam-1020 report",
        lambda buffer: bam1020.take_report_line(buffer, _COLUMNS),
        (b"Station, 5\r\n", _HEADER.encode() + b"\r\n", _HOUR),
        most_kept=1_024,
    ),
    Codec(
        "bam-1020 prompt",
        lambda buffer: bam1020.take_prompt(buffer, bam1020.PROMPT),
        (b"*",),
        most_kept=1_024,
    ),
)
AIR = (*BAYERN_HESSEN, *C_LINK, *TELEDYNE, *BAM)
