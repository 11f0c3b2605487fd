"""Modbus TCP: the MBAP header in front of a PDU. Both directions.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.
A stream cannot be resynchronised: after Malformed the connection has to be closed.
"""

import struct
from typing import NamedTuple

from drivers.protocols.modbus_pdu import MAX_PDU_BYTES, Malformed

_HEADER = struct.Struct(">HHHB")


class Adu(NamedTuple):
    """One message: `transaction` is echoed by the slave, `unit` is its address behind a gateway."""

    transaction: int
    unit: int
    pdu: bytes


def encode(adu: Adu) -> bytes:
    """The bytes of one message."""
    if not 1 <= len(adu.pdu) <= MAX_PDU_BYTES:
        raise ValueError(f"a PDU has 1..{MAX_PDU_BYTES} bytes, got {len(adu.pdu)}")
    return _HEADER.pack(adu.transaction, 0, len(adu.pdu) + 1, adu.unit) + adu.pdu


def take(buffer: bytearray) -> Adu | None:
    """Remove one message from the front of `buffer`. None: more bytes are needed, nothing was touched.

    Malformed (buffer untouched): another protocol or an impossible length; close the connection.
    """
    if any(buffer[2:4]):
        raise Malformed("protocol identifier is not 0, this is not Modbus TCP", bytes(buffer))
    if len(buffer) < 6:
        return None
    length = int.from_bytes(buffer[4:6], "big")
    if not 2 <= length <= MAX_PDU_BYTES + 1:
        raise Malformed(
            f"length {length} is not 2..{MAX_PDU_BYTES + 1}, this is not Modbus TCP", bytes(buffer)
        )
    if len(buffer) < 6 + length:
        return None
    transaction, _protocol, _length, unit = _HEADER.unpack_from(buffer)
    pdu = bytes(buffer[7 : 6 + length])
    del buffer[: 6 + length]
    return Adu(transaction, unit, pdu)
