"""Modbus function 43/14, read device identification: the objects of a slave, both directions.

Source: MODBUS Application Protocol Specification V1.1b3, section 6.21. Objects 0 vendor, 1 product code,
2 revision are basic; 3..127 regular; 128..255 extended.
"""

from collections.abc import Mapping

from drivers.protocols.modbus_pdu import (
    ENCAPSULATED,
    MAX_PDU_BYTES,
    READ_DEVICE_ID,
    DeviceIdRequest,
    ExceptionReply,
    Malformed,
)

_LAST_OBJECT = {1: 0x02, 2: 0x7F, 3: 0xFF}


def encode(request: DeviceIdRequest, objects: Mapping[int, bytes]) -> bytes:
    """The answer of function 43/14 (section 6.21). KeyError: access 4 to an object that is not there.

    A stream that does not fit goes on from the object named in its header; an unknown start begins at 0.
    """
    if request.access == 4:
        value = objects[request.object_id]
        return bytes((ENCAPSULATED, READ_DEVICE_ID, 4, 0x83, 0, 0, 1, request.object_id, len(value))) + value
    top = _LAST_OBJECT[request.access]
    start = request.object_id if request.object_id in objects else 0
    body, count, following = b"", 0, 0
    for key in sorted(key for key in objects if start <= key <= top):
        if 7 + len(body) + 2 + len(objects[key]) > MAX_PDU_BYTES:
            following = key
            break
        body += bytes((key, len(objects[key]))) + objects[key]
        count += 1
    more = 0xFF if following else 0
    return bytes((ENCAPSULATED, READ_DEVICE_ID, request.access, 0x83, more, following, count)) + body


def decode(pdu: bytes) -> tuple[dict[int, bytes], int | None] | ExceptionReply:
    """The objects of one answer and the object to ask for next (None: that was all), or the refusal."""
    if len(pdu) == 2 and pdu[0] == ENCAPSULATED | 0x80:
        return ExceptionReply(ENCAPSULATED, pdu[1])
    if pdu[:2] != bytes((ENCAPSULATED, READ_DEVICE_ID)) or len(pdu) < 7:
        raise Malformed("not a device identification", pdu)
    objects, place = {}, 7
    for _ in range(pdu[6]):
        if place + 2 > len(pdu) or place + 2 + pdu[place + 1] > len(pdu):
            raise Malformed("a device identification that ends inside an object", pdu)
        objects[pdu[place]] = bytes(pdu[place + 2 : place + 2 + pdu[place + 1]])
        place += 2 + pdu[place + 1]
    if place != len(pdu):
        raise Malformed("bytes after a device identification", pdu)
    return objects, (pdu[5] if pdu[4] == 0xFF else None)
