"""The wire face of instruments: a request in, an answer out. No framing, no loop, no time of its own.

Refusals as in section 7 of the application protocol specification: 1 function, 2 address, 3 value, 4 device
failure; a unit behind a TCP port that nobody has is 11, as a gateway says it; on a serial line it is silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from drivers.protocols import modbus_device_id
from drivers.protocols.modbus import Table, Value
from drivers.protocols.modbus_pdu import (
    DEVICE_FAILURE,
    ILLEGAL_ADDRESS,
    MAX_COUNT,
    WRITE_COIL,
    DeviceIdRequest,
    ExceptionReply,
    Malformed,
    ReadRequest,
    Request,
    WriteMany,
    WriteSingle,
    decode_request,
    encode_exception,
    encode_reply,
)
from sim.instrument import Instrument, Refusal
from sim.moment import Moment

BROADCAST = 0
GATEWAY_TARGET_FAILED = 11
READ_TABLES: dict[int, Table] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
WRITE_TABLES: dict[int, Table] = {5: "coil", 6: "holding", 15: "coil", 16: "holding"}


class Answer(NamedTuple):
    """The reply's PDU and what it says. `exception` 0: none. Refusals and writes have no words and values."""

    pdu: bytes
    function: int
    address: int
    exception: int = 0
    words: tuple[int, ...] = ()
    values: Mapping[str, Value] | Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Face:
    """The instruments behind one line or port, by unit.

    `gateway`: an unknown unit is refused with exception 11 (TCP); otherwise nobody answers (a serial line).
    """

    instruments: Mapping[int, Instrument]
    gateway: bool = False

    def answer(self, unit: int, pdu: bytes, now: Moment) -> Answer | None:
        """None: silence (nobody has this unit, it reboots, or it was a broadcast)."""
        if unit == BROADCAST and not self.gateway:
            for listener in self.instruments.values():
                _answer(listener, pdu, now)
            return None
        instrument = self.instruments.get(unit)
        if instrument is None:
            return _refused(pdu, GATEWAY_TARGET_FAILED) if self.gateway else None
        return None if instrument.is_silent(now) else _answer(instrument, pdu, now)


def _answer(instrument: Instrument, pdu: bytes, now: Moment) -> Answer:
    try:
        instrument.speaks(pdu[0])
        return _carry_out(instrument, decode_request(pdu), now)
    except Refusal as refusal:
        return _refused(pdu, refusal.code)
    except Malformed as malformed:
        return _refused(pdu, malformed.code)


def _carry_out(instrument: Instrument, request: Request, now: Moment) -> Answer:
    if isinstance(request, DeviceIdRequest):
        return _identify(instrument, request)
    count = _count(request)
    if request.address + count > 0x10000:
        raise Refusal(ILLEGAL_ADDRESS)
    if isinstance(request, ReadRequest):
        shown = instrument.read(READ_TABLES[request.function], request.address, count, now)
        pdu = encode_reply(request, shown.words)
        return Answer(pdu, request.function, request.address, 0, shown.words, shown.values)
    values = request.values if isinstance(request, WriteMany) else (request.value,)
    instrument.write(WRITE_TABLES[request.function], request.address, values)
    return Answer(encode_reply(request), request.function, request.address)


def _count(request: ReadRequest | WriteSingle | WriteMany) -> int:
    match request:
        case ReadRequest():
            return request.count
        case WriteMany():
            return len(request.values)
        case WriteSingle():
            return 1


def _identify(instrument: Instrument, request: DeviceIdRequest) -> Answer:
    if instrument.broken:
        raise Refusal(DEVICE_FAILURE)
    try:
        return Answer(modbus_device_id.encode(request, instrument.plate), request.function, request.object_id)
    except KeyError:
        raise Refusal(ILLEGAL_ADDRESS) from None


def _refused(pdu: bytes, code: int) -> Answer:
    function = pdu[0] & 0x7F
    address = int.from_bytes(pdu[1:3], "big") if function in MAX_COUNT or function >= WRITE_COIL else 0
    return Answer(encode_exception(ExceptionReply(function, code)), function, address, code)
