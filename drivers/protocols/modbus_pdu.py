"""The Modbus PDU, both directions: what a master asks and what a slave answers, without any framing.

Source: MODBUS Application Protocol Specification V1.1b3, section 6 (functions), section 7 (exceptions).
Addresses are the numbers in the request, from 0. Requests check themselves when they are built; a reply is
decoded with its request in hand, so that a damaged length byte never decides anything.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT = 1, 2, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16
ENCAPSULATED, READ_DEVICE_ID = 0x2B, 0x0E

MAX_PDU_BYTES = 253
MAX_COUNT = {READ_COILS: 2000, READ_DISCRETE: 2000, READ_HOLDING: 125, READ_INPUT: 125}
MAX_WRITE = {WRITE_COILS: 0x7B0, WRITE_REGISTERS: 0x7B}
BIT_FUNCTIONS = frozenset({READ_COILS, READ_DISCRETE, WRITE_COIL, WRITE_COILS})

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge, still working",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}

_COIL_WORD = {0: 0x0000, 1: 0xFF00}
_COIL_BIT = {word: bit for bit, word in _COIL_WORD.items()}


class Malformed(ValueError):
    """A PDU that breaks the specification. `evidence` are its bytes.

    `code` is the exception with which a slave answers such a request: 1 for a function that nobody here
    speaks, else 3.
    """

    def __init__(self, what: str, evidence: bytes, code: int = ILLEGAL_VALUE) -> None:
        super().__init__(f"{what}: {evidence.hex(' ') or 'nothing'}")
        self.evidence = bytes(evidence)
        self.code = code


def _word(name: str, value: int) -> None:
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"{name} must be 0..65535, got {value}")


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Functions 1..4: `count` bits (1, 2) or registers (3, 4) from `address` on."""

    function: int
    address: int
    count: int

    def __post_init__(self) -> None:
        if self.function not in MAX_COUNT:
            raise ValueError(f"function {self.function} does not read")
        _word("address", self.address)
        if not 1 <= self.count <= MAX_COUNT[self.function]:
            raise ValueError(f"count must be 1..{MAX_COUNT[self.function]}, got {self.count}")


@dataclass(frozen=True, slots=True)
class WriteSingle:
    """Function 5 (`value` 0 or 1) or 6 (`value` 0..65535)."""

    function: int
    address: int
    value: int

    def __post_init__(self) -> None:
        if self.function not in (WRITE_COIL, WRITE_REGISTER):
            raise ValueError(f"function {self.function} does not write one value")
        _word("address", self.address)
        _word("value", self.value)
        if self.function == WRITE_COIL and self.value > 1:
            raise ValueError(f"a coil is 0 or 1, got {self.value}")


@dataclass(frozen=True, slots=True)
class WriteMany:
    """Function 15 (bits) or 16 (registers)."""

    function: int
    address: int
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.function not in MAX_WRITE:
            raise ValueError(f"function {self.function} does not write many values")
        _word("address", self.address)
        if not 1 <= len(self.values) <= MAX_WRITE[self.function]:
            raise ValueError(f"1..{MAX_WRITE[self.function]} values, got {len(self.values)}")
        top = 1 if self.function == WRITE_COILS else 0xFFFF
        if not all(0 <= value <= top for value in self.values):
            raise ValueError(f"every value must be 0..{top}")


@dataclass(frozen=True, slots=True)
class DeviceIdRequest:
    """Function 43/14: `access` 1 basic, 2 regular, 3 extended stream from `object_id` on, 4 one object."""

    access: int
    object_id: int = 0

    def __post_init__(self) -> None:
        if self.access not in (1, 2, 3, 4) or not 0 <= self.object_id <= 0xFF:
            raise ValueError(f"access must be 1..4 and object 0..255, got {self.access}, {self.object_id}")

    @property
    def function(self) -> int:
        """Always 43."""
        return ENCAPSULATED


@dataclass(frozen=True, slots=True)
class ExceptionReply:
    """The slave refused `function` (without its high bit) with `code`; EXCEPTIONS has the words."""

    function: int
    code: int


Request = ReadRequest | WriteSingle | WriteMany | DeviceIdRequest


def pack_bits(bits: Sequence[int]) -> bytes:
    """Bits to bytes, the first bit lowest in the first byte (section 6.1)."""
    packed = bytearray((len(bits) + 7) // 8)
    for place, bit in enumerate(bits):
        packed[place >> 3] |= (bit & 1) << (place & 7)
    return bytes(packed)


def unpack_bits(packed: bytes, count: int) -> tuple[int, ...]:
    """The first `count` bits of `packed`; the padding is ignored."""
    return tuple(packed[place >> 3] >> (place & 7) & 1 for place in range(count))


def _pack(function: int, values: Sequence[int]) -> bytes:
    return pack_bits(values) if function in BIT_FUNCTIONS else struct.pack(f">{len(values)}H", *values)


def _packed_size(function: int, count: int) -> int:
    return (count + 7) // 8 if function in BIT_FUNCTIONS else 2 * count


def _unpack(function: int, packed: bytes, count: int) -> tuple[int, ...]:
    return unpack_bits(packed, count) if function in BIT_FUNCTIONS else struct.unpack(f">{count}H", packed)


def encode_request(request: Request) -> bytes:
    """The bytes a master sends."""
    match request:
        case ReadRequest():
            return struct.pack(">BHH", request.function, request.address, request.count)
        case WriteSingle():
            value = _COIL_WORD[request.value] if request.function == WRITE_COIL else request.value
            return struct.pack(">BHH", request.function, request.address, value)
        case WriteMany():
            packed = _pack(request.function, request.values)
            head = struct.pack(">BHHB", request.function, request.address, len(request.values), len(packed))
            return head + packed
        case DeviceIdRequest():
            return bytes((ENCAPSULATED, READ_DEVICE_ID, request.access, request.object_id))


def decode_request(pdu: bytes) -> Request:
    """What the master asked. Malformed carries the exception code of the right refusal."""
    if not pdu:
        raise Malformed("an empty request", pdu)
    function = pdu[0]
    try:
        if function in MAX_COUNT:
            return ReadRequest(function, *struct.unpack(">HH", pdu[1:]))
        if function in (WRITE_COIL, WRITE_REGISTER):
            return _decode_write_single(pdu)
        if function in MAX_WRITE:
            return _decode_write_many(pdu)
        if function == ENCAPSULATED and pdu[1:2] == bytes([READ_DEVICE_ID]):
            return DeviceIdRequest(*struct.unpack(">BB", pdu[2:]))
    except Malformed:
        raise
    except (struct.error, ValueError) as wrong:
        raise Malformed(
            f"a request of function {function} that breaks the specification ({wrong})", pdu
        ) from wrong
    raise Malformed(f"function {function} is not spoken here", pdu, ILLEGAL_FUNCTION)


def _decode_write_single(pdu: bytes) -> WriteSingle:
    address, word = struct.unpack(">HH", pdu[1:])
    if pdu[0] == WRITE_REGISTER:
        return WriteSingle(WRITE_REGISTER, address, word)
    if word not in _COIL_BIT:
        raise Malformed("a coil is written with ff 00 or 00 00", pdu)
    return WriteSingle(WRITE_COIL, address, _COIL_BIT[word])


def _decode_write_many(pdu: bytes) -> WriteMany:
    address, count, size = struct.unpack(">HHB", pdu[1:6])
    packed = pdu[6:]
    if size != len(packed) or size != _packed_size(pdu[0], count):
        raise Malformed("the byte count does not fit the values", pdu)
    return WriteMany(pdu[0], address, _unpack(pdu[0], packed, count))


def encode_reply(request: Request, values: Sequence[int] = ()) -> bytes:
    """The bytes of a good answer: `values` are the bits or registers read; writes are confirmed."""
    match request:
        case ReadRequest():
            if len(values) != request.count:
                raise ValueError(f"asked for {request.count} values, given {len(values)}")
            packed = _pack(request.function, values)
            return bytes((request.function, len(packed))) + packed
        case WriteSingle():
            return encode_request(request)
        case WriteMany():
            return struct.pack(">BHH", request.function, request.address, len(request.values))
        case DeviceIdRequest():
            raise ValueError("a device identification is answered by modbus_device_id.encode")


def decode_reply(request: Request, pdu: bytes) -> tuple[int, ...] | ExceptionReply:
    """The bits or registers that answer `request` (for a write: the values written), or the refusal.

    Malformed: another function, another length, another echo. It is never an answer to this request.
    """
    if len(pdu) == 2 and pdu[0] == request.function | 0x80:
        return ExceptionReply(request.function, pdu[1])
    if isinstance(request, ReadRequest):
        size = _packed_size(request.function, request.count)
        if pdu[:2] != bytes((request.function, size)) or len(pdu) != 2 + size:
            raise Malformed(f"not an answer to function {request.function} for {request.count} values", pdu)
        return _unpack(request.function, pdu[2:], request.count)
    if isinstance(request, DeviceIdRequest):
        raise TypeError("a device identification is read by modbus_device_id.decode")
    if pdu != encode_reply(request):
        raise Malformed(f"not the confirmation of function {request.function}", pdu)
    return (request.value,) if isinstance(request, WriteSingle) else request.values


def reply_bytes(request: ReadRequest | WriteSingle | WriteMany) -> int:
    """Length of the good answer's PDU; the exception's is 2."""
    return 2 + _packed_size(request.function, request.count) if isinstance(request, ReadRequest) else 5


def encode_exception(reply: ExceptionReply) -> bytes:
    """The bytes of a refusal."""
    return bytes((reply.function | 0x80, reply.code))
