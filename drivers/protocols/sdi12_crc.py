"""The CRC that SDI-12 defines, written as three characters; Vaisala's ASCII protocol has the same.

Sources: SDI-12 version 1.4, section 4.4.12 (polynomial A001, seed 0, reflected; six bits to a character);
WXT530 Series User Guide M211840EN, appendix D. Both sides were checked against their printed examples.
The third character may be DEL (7F), so the check comes before any test for printable characters.
"""

from drivers.protocols.modbus_pdu import Malformed

CRC_CHARACTERS = 3


def crc_of(characters: bytes) -> bytes:
    """The three characters that follow `characters`; `0+3.14` has `OqZ`."""
    crc = 0
    for byte in characters:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return bytes((0x40 | crc >> 12, 0x40 | crc >> 6 & 0x3F, 0x40 | crc & 0x3F))


def without_crc(line: bytes) -> bytes:
    """What stands before the CRC. Malformed: it does not prove the line."""
    proven, check = line[:-CRC_CHARACTERS], line[-CRC_CHARACTERS:]
    if check != crc_of(proven):
        shown = crc_of(proven).decode("ascii")
        raise Malformed(f"the CRC is {check.decode('latin-1')!r}, the characters give {shown!r}", line)
    return proven
