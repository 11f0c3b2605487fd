"""Bayern-Hessen (Gesytec) network protocol of air analyzers, both directions; the frames are in bayern_hessen_frame.

The query `DA` is answered with `MDcc` and cc values; `ST`, which sets measuring, zero or span, is never answered,
and an instrument ignores what is not for it. A value is `kkk ±nnnn±ee ss ff` (identification, number, operating
status, failure status) and a tail that differs per maker: a Dialect. The words' bits are in bayern_hessen_status.

Sources: Ecotech Serinus 40 p.141-144, Serinus 44 p.168-170; Acoem Serinus 10 p.217-218, Serinus 30 p.218-221;
Thermo 49i D-6, 42i Trace Level D-3, D-6, 5030i D-4; Teledyne T101 p.157, T300 p.150-154.
Not confirmed, therefore fields of the Dialect: that a reply is framed as its request; both Teledyne types (the
manuals show the status word and how replies are framed, but no reply); everything of Horiba.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum
from functools import lru_cache
from typing import Final

from drivers.protocols.bayern_hessen_frame import Framing, encode_frame, take_frame
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import MAX_LINE_BYTES, number, text

MAX_REQUEST_BYTES: Final = 160
MEASURE, ZERO, SPAN = "M", "N", "K"

_ADDRESS: Final = r"\d{3}| \d\d|  \d|\?{3}|"
_REQUEST: Final = re.compile(
    rf"DA(?P<da>{_ADDRESS})|ST(?P<st>{_ADDRESS})(?P<space> ?)(?P<mode>[MNK])", re.ASCII
)
_REPLY: Final = re.compile(r"MD(\d\d)(?: |$)", re.ASCII)


class Addressing(Enum):
    """How the identifications in a reply belong to the address that was asked."""

    RISING = "the first is the address, each next one is higher by one"
    SAME = "each is the address"
    FIRST = "the first is the address"
    LISTED = "one of them is the address"
    FREE = "nothing is known: on a line with several instruments their replies could be mistaken"


def _check_address(address: str, framing: Framing) -> None:
    if re.fullmatch(_ADDRESS, address, re.ASCII) is None:
        raise ValueError(f"an address is three digits, spaced digits, ??? or nothing, got {address!r}")
    if framing is Framing.TEXT:
        raise ValueError("requests begin with STX")


@dataclass(frozen=True, slots=True)
class DataQuery:
    """`DA`: `address` as it is sent: "014", " 14" (Thermo), and for any instrument "", "000" or "???"."""

    address: str = ""
    framing: Framing = Framing.BCC

    def __post_init__(self) -> None:
        _check_address(self.address, self.framing)

    @property
    def number(self) -> int | None:
        """The address; None: any instrument is asked."""
        return int(self.address) or None if self.address.strip().isdigit() else None


@dataclass(frozen=True, slots=True)
class SetMode:
    """`ST`: `mode` MEASURE, ZERO or SPAN. It has no reply."""

    mode: str
    address: str = ""
    framing: Framing = Framing.BCC
    spaced: bool = True

    def __post_init__(self) -> None:
        _check_address(self.address, self.framing)
        if self.mode not in (MEASURE, ZERO, SPAN):
            raise ValueError(f"mode must be M, N or K, got {self.mode!r}")


Request = DataQuery | SetMode


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one maker words a reply.

    integer_mantissa   False: nnnn is n.nnn (value = nnnn/1000 × 10^ee); True: value = nnnn × 10^ee
    joined_status      both status bytes are one word of four digits
    omits_address      a query without an address is answered without identifications
    tails              characters of the fields behind the status; each form is read, the first is written.
                       A field of 0 characters is one that is left empty
    framing            of replies; None: as the request
    """

    addressing: Addressing
    tails: tuple[tuple[int, ...], ...]
    integer_mantissa: bool = False
    joined_status: bool = False
    omits_address: bool = False
    framing: Framing | None = None


THERMO: Final = Dialect(Addressing.RISING, ((10,), (0,)))
ECOTECH_OLD: Final = Dialect(Addressing.FIRST, ((3, 8), (8,)), omits_address=True)
ECOTECH_NEW: Final = Dialect(Addressing.SAME, ((3, 6),))
TELEDYNE_TYPE_1: Final = Dialect(Addressing.SAME, ((3, 6), ()))
TELEDYNE_TYPE_2: Final = Dialect(Addressing.LISTED, ((3, 6), ()))
HORIBA: Final = Dialect(Addressing.LISTED, ((3, 6), (10,), (0,)), integer_mantissa=True)
DIALECTS: Final = {
    "thermo": THERMO,
    "ecotech-old": ECOTECH_OLD,
    "ecotech-new": ECOTECH_NEW,
    "teledyne-type-1": TELEDYNE_TYPE_1,
    "teledyne-type-2": TELEDYNE_TYPE_2,
    "horiba": HORIBA,
}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a reply: `status` and `failure` are bytes, `tail` the maker's fields (Acoem: gas, serial)."""

    address: int | None
    value: Decimal
    status: int = 0
    failure: int = 0
    tail: tuple[str, ...] = ()

    @property
    def word(self) -> int:
        """Both bytes as one word of 16 bits, as Teledyne's tables have it: the operating status is high."""
        return self.status << 8 | self.failure


def encode_request(request: Request) -> bytes:
    """The bytes a logger sends."""
    if isinstance(request, DataQuery):
        return encode_frame(f"DA{request.address}", request.framing)
    return encode_frame(f"ST{request.address}{' ' if request.spaced else ''}{request.mode}", request.framing)


def take_request(buffer: bytearray) -> Request | None:
    """Remove one request. None: more bytes may make one.

    Malformed: noise, a wrong check, or a command that is not spoken here; an instrument keeps silent then.
    """
    taken = take_frame(buffer, (Framing.BCC, Framing.CR), MAX_REQUEST_BYTES)
    if taken is None:
        return None
    framing, line = taken
    match = _REQUEST.fullmatch(text(line))
    if match is None:
        raise Malformed("neither DA nor ST", line)
    if match["mode"] is None:
        return DataQuery(match["da"], framing)
    return SetMode(match["mode"], match["st"], framing, spaced=bool(match["space"]))


def encode_reply(request: DataQuery, values: Sequence[Value], dialect: Dialect) -> bytes:
    """The bytes of an answer. Numbers are rounded to the four digits that the protocol has.

    ValueError: more than 99 values, or a number beyond 1e±99.
    """
    if len(values) > 99:
        raise ValueError(f"at most 99 values, got {len(values)}")
    groups = "".join(_group(value, dialect) for value in values)
    return encode_frame(f"MD{len(values):02d} {groups}", dialect.framing or request.framing)


def take_reply(
    buffer: bytearray, request: DataQuery, dialect: Dialect, *, of: int | None = None
) -> tuple[Value, ...] | None:
    """Remove the answer to `request`: its values, perhaps none. None: more bytes may complete it.

    `of`: the instrument that has to answer though the request names none.
    Malformed: noise, a wrong check, another wording than the dialect's, or an answer to another address.
    """
    taken = take_frame(buffer, (dialect.framing or request.framing,), MAX_LINE_BYTES)
    if taken is None:
        return None
    line = taken[1]
    values = _values(" ".join(text(line).split()), request, dialect)
    if values is None:
        raise Malformed("not worded as this dialect has it", line)
    wanted = request.number or of
    if not _belong([value.address for value in values], wanted, dialect.addressing):
        raise Malformed(f"not an answer of {wanted or 'any instrument'}", line)
    return values


@lru_cache(maxsize=32)
def _pattern(dialect: Dialect, omitted: bool) -> re.Pattern[str]:
    """One value and the space behind it. A manual glues the tail to the status (Serinus 44 p.170): both are read."""
    tails = ("".join(rf"{' ?' if width else ''}(\w{{{width}}})" for width in tail) for tail in dialect.tails)
    status = r"([\dA-Fa-f]{2})" + ("" if dialect.joined_status else " ") + r"([\dA-Fa-f]{2})"
    address = r"(?:(\d{3}) )?" if omitted else r"(\d{3}) "
    return re.compile(rf"{address}([+-]\d{{4}})([+-]\d\d) {status}(?:{'|'.join(tails)})(?: |$)", re.ASCII)


def _values(body: str, request: DataQuery, dialect: Dialect) -> tuple[Value, ...] | None:
    """What a text says, single spaces between its fields; None: it is not a reply in this dialect."""
    head = _REPLY.match(body)
    if head is None:
        return None
    pattern = _pattern(dialect, dialect.omits_address and not request.address)
    values, place = [], head.end()
    for _ in range(int(head[1])):
        match = pattern.match(body, place)
        if match is None:
            return None
        address, mantissa, exponent, status, failure, *tail = match.groups()
        values.append(
            Value(
                int(address) if address else None,
                number(f"{mantissa}E{int(exponent) - (0 if dialect.integer_mantissa else 3)}"),
                int(status, 16),
                int(failure, 16),
                tuple(part for part in tail if part is not None),
            )
        )
        place = match.end()
    return tuple(values) if place == len(body) else None


def _belong(addresses: list[int | None], wanted: int | None, addressing: Addressing) -> bool:
    """Whether a reply with these identifications answers a query for `wanted`; None: any instrument was asked."""
    given = [address for address in addresses if address is not None]
    if (
        addressing is Addressing.FREE or not given
    ):  # no gas is reported, or nobody was addressed and none named
        return True
    first = given[0] if wanted is None else wanted
    return (
        len(given) == len(addresses)
        and {
            Addressing.RISING: given == list(range(first, first + len(given))),
            Addressing.SAME: set(given) == {first},
            Addressing.FIRST: given[0] == first,
            Addressing.LISTED: first in given,
        }[addressing]
    )


def _group(value: Value, dialect: Dialect) -> str:
    address = () if value.address is None else (f"{value.address:03d}",)
    status = f"{value.status:02X}{'' if dialect.joined_status else ' '}{value.failure:02X}"
    tail = value.tail or tuple("0" * width for width in dialect.tails[0])
    return " ".join((*address, _number_field(value.value, dialect), status, *tail)) + " "


def _number_field(value: Decimal, dialect: Dialect) -> str:
    """±nnnn±ee, rounded half to even."""
    exponent = value.adjusted() if value else 0
    digits = int(value.scaleb(3 - exponent).to_integral_value(ROUND_HALF_EVEN))
    if abs(digits) == 10_000:
        digits, exponent = digits // 10, exponent + 1
    exponent -= 3 if dialect.integer_mantissa and value else 0
    if abs(exponent) > 99:
        raise ValueError(f"{value} has no two-digit exponent")
    return f"{digits:+05d}{exponent:+03d}"
