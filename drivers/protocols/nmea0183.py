"""NMEA 0183 as weather instruments speak it: sentences, their checksum, and what MWV, XDR and TXT say.

Sources: Vaisala WMT700 User's Guide M211095EN, appendix E.3 (MWV; missing readings are empty fields and V);
WXT530 User Guide M211840EN, sections 7.3.9 to 7.3.11 (XDR, TXT, queries); Gill WindObserver 65, appendix H.
The standard itself was not read. A sentence is `$`, address, fields, `*`, exclusive or of all between as two
hex digits, CR LF. `$` never stands inside one, so a sentence that was cut off costs only itself.

A field without a number, and a whole reading that its instrument calls invalid, is value None with a reason.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal, malformed, number, text, xor_of

MAX_SENTENCE_BYTES: Final = 256
"""The standard says 82; Vaisala's XDR of eight transducers has 94 [WXT530 User Guide, 7.3.10]."""
SPEED_UNITS: Final = {"K": "km/h", "M": "m/s", "N": "kn", "S": "mph"}
"""The unit letters of MWV [WMT700 User's Guide, E.3; S from Simrad SU90, MWV]."""
XDR_UNITS: Final = {
    ("A", "D"): "deg",
    ("C", "C"): "degC",
    ("C", "F"): "degF",
    ("H", "P"): "%",
    ("P", "B"): "bar",
    ("P", "P"): "Pa",
    ("P", "H"): "hPa",
    ("P", "I"): "inHg",
    ("P", "M"): "mmHg",
    ("S", "K"): "km/h",
    ("S", "M"): "m/s",
    ("S", "N"): "kn",
    ("S", "S"): "mph",
    ("U", "V"): "V",
}
"""(transducer type, unit letter) to unit, where one meaning is certain [WXT510 User's Guide, table 7].

Left out, because the letter alone does not tell: V and R (rain, or hits of hail), U with N F W (heating), G.
"""

_END: Final = b"\r\n"
_ADDRESS: Final = re.compile(r"[A-Za-z0-9]{4,8}", re.ASCII)
_CHECKSUM: Final = re.compile(r"[0-9A-Fa-f]{2}", re.ASCII)
_RESERVED: Final = frozenset("$*,")


@dataclass(frozen=True, slots=True)
class Dialect:
    """`checksum`: False also accepts sentences that have none (Lufft MWD); one that is there is checked."""

    checksum: bool = True


STANDARD: Final = Dialect()


@dataclass(frozen=True, slots=True)
class Sentence:
    """Any sentence. `address` is talker and kind together: `WIMWV`, or a maker's own `PLUFT`."""

    address: str
    fields: tuple[str, ...]

    def __post_init__(self) -> None:
        if _ADDRESS.fullmatch(self.address) is None:
            raise ValueError(f"an address is 4 to 8 letters and digits, got {self.address!r}")
        for field in self.fields:
            if _RESERVED & set(field) or not all(" " <= letter <= "~" for letter in field):
                raise ValueError(f"{field!r} cannot stand in a field")

    @property
    def talker(self) -> str:
        """Who speaks: `WI`."""
        return self.address[:-3]

    @property
    def kind(self) -> str:
        """What is said: `MWV`. In capitals: Vaisala sends `WItXT` (its checksum 6D counts the small letter)."""
        return self.address[-3:].upper()


@dataclass(frozen=True, slots=True)
class Query:
    """`requester` (`II`) asks `talker` (`WI`, in Vaisala's polled profiles `P` and the id) for `kind`."""

    requester: str
    talker: str
    kind: str


class Quantity(NamedTuple):
    """A number exactly as written, or None and the reason. `unit` is the letter on the wire."""

    value: Decimal | None
    unit: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wind:
    """MWV. `angle` in degrees (unit "D"), `reference` R relative to the instrument or T true."""

    angle: Quantity
    reference: str
    speed: Quantity


@dataclass(frozen=True, slots=True)
class Transducer:
    """One quarter of an XDR sentence. `written` is the value field, which may be words (type G)."""

    kind: str
    written: str
    unit: str
    name: str

    @property
    def quantity(self) -> Quantity:
        """What was measured. A unit `#`, Vaisala's mark of an invalid value in ASCII: not confirmed for XDR."""
        return _quantity(self.written, self.unit, valid=self.unit != "#")


class Text(NamedTuple):
    """TXT: message `number` of `total`, the maker's `identifier` and words. All as written."""

    total: str
    number: str
    identifier: str
    words: str


def encode_sentence(sentence: Sentence) -> bytes:
    """The bytes of one sentence, with its checksum."""
    body = ",".join((sentence.address, *sentence.fields)).encode("ascii")
    return b"$%b*%02X\r\n" % (body, xor_of(body))


def take_sentence(buffer: bytearray, dialect: Dialect = STANDARD) -> Sentence | None:
    """Remove one sentence. None: its end has not come, nothing was touched.

    Malformed: noise in front of a sentence (the next call returns that), a wrong checksum, or no sentence.
    """
    end = buffer.find(_END, 0, MAX_SENTENCE_BYTES + len(_END))
    start = buffer.rfind(b"$", 0, end if end >= 0 else MAX_SENTENCE_BYTES)
    if start > 0:
        raise malformed("noise before a sentence", buffer, start)
    if end < 0 and len(buffer) < MAX_SENTENCE_BYTES + len(_END):
        return None
    if end < 0:
        following = buffer.find(b"$", 1)
        raise malformed("no end of a sentence", buffer, following if following > 0 else len(buffer))
    if start < 0:
        raise malformed("a line that is no sentence", buffer, end + len(_END))
    line = bytes(buffer[:end])
    del buffer[: end + len(_END)]
    return _sentence(line, dialect)


def _sentence(line: bytes, dialect: Dialect) -> Sentence:
    body, star, check = text(line[1:]).rpartition("*")
    if not star and not dialect.checksum:
        body = check
    elif _CHECKSUM.fullmatch(check) is None or not star:
        raise Malformed("a sentence without a checksum", line)
    elif int(check, 16) != xor_of(body.encode()):
        raise Malformed(f"the checksum is {check}, the characters give {xor_of(body.encode()):02X}", line)
    address, *fields = body.split(",")
    try:
        return Sentence(address, tuple(fields))
    except ValueError as wrong:
        raise Malformed(str(wrong), line) from wrong


def encode_request(query: Query) -> bytes:
    """`$IIWIQ,MWV*2F`: the bytes that ask for one sentence."""
    return encode_sentence(Sentence(f"{query.requester}{query.talker}Q", (query.kind,)))


def take_request(buffer: bytearray, dialect: Dialect = STANDARD) -> Query | None:
    """Remove one query. Malformed: also a sentence that asks nothing."""
    sentence = take_sentence(buffer, dialect)
    if sentence is None:
        return None
    address = sentence.address
    if len(address) != 5 or address[-1] != "Q" or len(sentence.fields) != 1:
        raise Malformed("a sentence that asks nothing", encode_sentence(sentence))
    return Query(address[:2], address[2:4], sentence.fields[0])


def encode_reply(sentence: Sentence) -> bytes:
    """The bytes of an answer; an instrument may answer one query with several sentences (WXT530: XDR)."""
    return encode_sentence(sentence)


def take_reply(buffer: bytearray, query: Query, dialect: Dialect = STANDARD) -> Sentence | None:
    """Remove one sentence of the kind that was asked for.

    Refusal: the talker answered with TXT (`Unknown cmd error`). Malformed: any other sentence.
    """
    sentence = take_sentence(buffer, dialect)
    if sentence is None or sentence.address == query.talker + query.kind:
        return sentence
    evidence = encode_sentence(sentence)
    if sentence.talker == query.talker and sentence.kind == "TXT":
        raise Refusal(f"the instrument says {' '.join(sentence.fields[-1:])!r}", evidence)
    raise Malformed(f"{sentence.address} does not answer the query for {query.talker}{query.kind}", evidence)


def encode_wind(talker: str, wind: Wind) -> Sentence:
    """MWV. Without a speed the status is V and both fields are empty, as Vaisala sends it."""
    valid = wind.angle.value is not None and wind.speed.value is not None
    angle = f"{wind.angle.value:f}" if valid else ""
    speed = f"{wind.speed.value:f}" if valid else ""
    status = "A" if valid else "V"
    return Sentence(f"{talker}MWV", (angle, wind.reference, speed, wind.speed.unit, status))


def decode_wind(sentence: Sentence) -> Wind:
    """What an MWV sentence says. Malformed: another kind, or fields that MWV does not have."""
    if sentence.kind != "MWV" or len(sentence.fields) != 5:
        raise Malformed("not an MWV sentence of five fields", encode_sentence(sentence))
    angle, reference, speed, unit, status = sentence.fields
    known_unit = unit in SPEED_UNITS or (unit == "" and status == "V")
    if reference not in {"R", "T"} or status not in {"A", "V"} or not known_unit:
        raise Malformed("an MWV with an unknown reference, unit or status", encode_sentence(sentence))
    valid = status == "A"
    return Wind(_quantity(angle, "D", valid=valid), reference, _quantity(speed, unit, valid=valid))


def encode_transducers(talker: str, transducers: tuple[Transducer, ...]) -> Sentence:
    """XDR."""
    quarters = ((one.kind, one.written, one.unit, one.name) for one in transducers)
    return Sentence(f"{talker}XDR", tuple(field for quarter in quarters for field in quarter))


def decode_transducers(sentence: Sentence) -> tuple[Transducer, ...]:
    """What an XDR sentence says, in its order. Malformed: another kind, a part missing, one said twice."""
    fields = sentence.fields
    if sentence.kind != "XDR" or not fields or len(fields) % 4:
        raise Malformed("not an XDR sentence of whole quarters", encode_sentence(sentence))
    found = tuple(Transducer(*fields[at : at + 4]) for at in range(0, len(fields), 4))
    if len({(one.kind, one.name) for one in found}) != len(found):
        raise Malformed("an XDR sentence that says one transducer twice", encode_sentence(sentence))
    return found


def decode_text(sentence: Sentence) -> Text:
    """What a TXT sentence says. Malformed: another kind, or fields that TXT does not have."""
    if sentence.kind != "TXT" or len(sentence.fields) != 4:
        raise Malformed("not a TXT sentence of four fields", encode_sentence(sentence))
    return Text(*sentence.fields)


def _quantity(written: str, unit: str, *, valid: bool) -> Quantity:
    if not valid:
        return Quantity(None, unit, "the instrument says it is invalid")
    if not written:
        return Quantity(None, unit, "an empty field")
    try:
        return Quantity(number(written), unit)
    except Malformed:
        return Quantity(None, unit, f"{written!r} is not a number")
