"""Weather and water sensors under torture: NMEA 0183, Vaisala WXT, SDI-12."""

from collections.abc import Callable

from drivers.protocols import nmea0183, sdi12, vaisala_wxt
from drivers.protocols.nmea0183 import Query, Sentence
from drivers.protocols.sdi12_message import Identify, Measure, ReadContinuous, SendData
from drivers.protocols.vaisala_wxt import PLAIN, PROVEN, Dialect, Request
from tests.drivers.protocols.torture import Codec

_WIND = b"$WIMWV,214.8,R,0.1,K,A*28\r\n"
_AIR = b"$WIXDR,C,26.5,C,2,U,12.0,N,0*4B\r\n"
_WORDS = b"$WITXT,01,01,03,Unknown cmd error*1F\r\n"
_ANYTHING = nmea0183.Dialect(checksum=False)


def _said(decode: Callable[[Sentence], object]) -> Callable[[bytearray], object]:
    def take(buffer: bytearray) -> object:
        sentence = nmea0183.take_sentence(buffer)
        return None if sentence is None else decode(sentence)

    return take


NMEA = (
    Codec("nmea sentence", nmea0183.take_sentence, (_WIND, _AIR, _WORDS), checked=True, most_kept=258),
    Codec(
        "nmea sentence, its check may be left out",
        lambda buffer: nmea0183.take_sentence(buffer, _ANYTHING),
        (b"$WIMWV,214.8,R,0.1,K,A\r\n", _WIND),
        most_kept=258,
    ),
    Codec("nmea query", nmea0183.take_request, (b"$IIWIQ,MWV*2F\r\n",), checked=True, most_kept=258),
    Codec(
        "nmea reply",
        lambda buffer: nmea0183.take_reply(buffer, Query("II", "WI", "MWV")),
        (_WIND, b"$WIMWV,,R,,M,V*37\r\n"),
        (_WORDS,),
        checked=True,
        most_kept=258,
    ),
    Codec(
        "nmea wind",
        _said(nmea0183.decode_wind),
        (_WIND, b"$WIMWV,,R,,M,V*37\r\n"),
        checked=True,
        most_kept=258,
    ),
    Codec("nmea transducers", _said(nmea0183.decode_transducers), (_AIR,), checked=True, most_kept=258),
    Codec("nmea text", _said(nmea0183.decode_text), (_WORDS,), checked=True, most_kept=258),
)


def _commands(dialect: Dialect) -> Callable[[bytearray], object]:
    return lambda buffer: vaisala_wxt.take_request(buffer, dialect)


def _messages(dialect: Dialect) -> Callable[[bytearray], object]:
    return lambda buffer: vaisala_wxt.take_message(buffer, dialect)


def _replies(number: int, dialect: Dialect) -> Callable[[bytearray], object]:
    return lambda buffer: vaisala_wxt.take_reply(buffer, Request("0", number), dialect)


_PLAIN_WIND = b"0R1,Dn=160D,Dm=182D,Dx=197D,Sn=3.0M,Sm=4.1M,Sx=5.8M\r\n"
_PROVEN_WIND = b"0r1,Sn=0.1M,Sm=0.1M,Sx=0.1MGOG\r\n"
_REFUSAL = vaisala_wxt.Words("0", "Unknown cmd error")
WXT = (
    Codec("wxt command", _commands(PLAIN), (b"0R1\r\n", b"0R\r\n"), most_kept=1_026),
    Codec(
        "wxt command with CRC",
        _commands(PROVEN),
        (b"0r1Goe\r\n", b"0rBVT\r\n"),
        checked=True,
        most_kept=1_026,
    ),
    Codec("wxt message", _messages(PLAIN), (_PLAIN_WIND, b"0TX,Start-up\r\n"), most_kept=1_026),
    Codec(
        "wxt message with CRC",
        _messages(PROVEN),
        (_PROVEN_WIND, b"0r5,Th=25.0C,Vh=10.6#,Vs=10.8V,Vr=3.369VO]T\r\n"),
        checked=True,
        most_kept=1_026,
    ),
    Codec(
        "wxt reply",
        _replies(1, PLAIN),
        (_PLAIN_WIND,),
        (vaisala_wxt.encode_message(_REFUSAL),),
        most_kept=1_026,
    ),
    Codec(
        "wxt reply with CRC",
        _replies(1, PROVEN),
        (_PROVEN_WIND,),
        (vaisala_wxt.encode_message(_REFUSAL, PROVEN),),
        checked=True,
        most_kept=1_026,
    ),
)

SDI_12 = (
    Codec("sdi-12 command", sdi12.take_request, (b"0M!", b"?!", b"0CC3!", b"0RC7!"), most_kept=128),
    Codec(
        "sdi-12 service request",
        lambda buffer: sdi12.take_service_request(buffer, "0"),
        (b"0\r\n",),
        most_kept=108,
    ),
    Codec(
        "sdi-12 announcement",
        lambda buffer: sdi12.take_reply(buffer, Measure("5")),
        (b"50041\r\n",),
        (b"50000\r\n",),
        most_kept=108,
    ),
    Codec(
        "sdi-12 identity",
        lambda buffer: sdi12.take_reply(buffer, Identify("0")),
        (b"013NRSYSINC1000001.2101\r\n",),
        most_kept=108,
    ),
    Codec(
        "sdi-12 data",
        lambda buffer: sdi12.take_reply(buffer, SendData("0")),
        (b"0+3.14-2.7\r\n",),
        (b"0\r\n",),
        most_kept=108,
    ),
    Codec(
        "sdi-12 data with CRC",
        lambda buffer: sdi12.take_reply(buffer, SendData("0", crc=True)),
        (b"0+3.14OqZ\r\n", b"0+3.14+2.718+1.414Ipz\r\n"),
        (b"0\r\n",),
        checked=True,
        most_kept=108,
    ),
    Codec(
        "sdi-12 continuous data with CRC",
        lambda buffer: sdi12.take_reply(buffer, ReadContinuous("0", crc=True)),
        (b"0+7.77+8.88+9.99IvW\r\n",),
        checked=True,
        most_kept=108,
    ),
)
WEATHER = (*NMEA, *WXT, *SDI_12)
