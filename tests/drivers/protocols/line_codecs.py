"""Instruments of which only their lines are known, under torture."""

from drivers.protocols import line_text
from drivers.protocols.text import take_line
from tests.drivers.protocols.torture import Codec
from tests.drivers.protocols.wordings import BALANCE, THERMO, WIND

LINES = (
    Codec("line", lambda buffer: take_line(buffer, b"\r\n"), (b"so2 12.3 ppb\r\n",), most_kept=1_026),
    Codec(
        "line text request",
        lambda buffer: line_text.take_request(buffer, THERMO),
        (line_text.encode_request(THERMO),),
        most_kept=5,
    ),
    Codec(
        "line text reply, xor",
        lambda buffer: line_text.take_reply(buffer, WIND),
        (b"$WIMWV,214.8,R,0.1,K,A*28\r\n", b"$WIMWV,,R,,M,V*37\r\n"),
        checked=True,
        most_kept=258,
    ),
    Codec(
        "line text reply, sum",
        lambda buffer: line_text.take_reply(buffer, THERMO),
        (b"so2 12.3 ppb\nsum 035A\r",),
        checked=True,
        most_kept=257,
    ),
    Codec(
        "line text reply, no check",
        lambda buffer: line_text.take_reply(buffer, BALANCE),
        (b"\x02T7;-1,250;0;0\x03", b"\x02T7;----;0;2\x03"),
        most_kept=257,
    ),
)
