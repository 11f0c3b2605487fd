"""The three characters of CRC, pinned to what two specifications print."""

import pytest

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.sdi12_crc import crc_of, without_crc

pytestmark = pytest.mark.pure

PRINTED = {
    "0+3.14": "OqZ",  # SDI-12, 4.4.12
    "0+3.14+2.718": "IWO",
    "0+3.14+2.718+1.414": "Ipz",
    "0+1.11+2.22+3.33+4.44+5.55+6.66": "I]q",
    "0+7.77+8.88+9.99": "IvW",
    "0r1": "Goe",  # WXT530 User Guide, polling with CRC
    "0r2": "Gje",
    "0r3": "Kid",
    "0r5": "Kcd",
    "0r": "BVT",
    "0r0": "Kld",
    "0xU": "CCb",
    "0tX,Use chksum Goe": "IU~",
}


@pytest.mark.parametrize(("characters", "check"), PRINTED.items())
def test_the_printed_examples(characters: str, check: str) -> None:
    assert crc_of(characters.encode()) == check.encode()
    assert without_crc(f"{characters}{check}".encode()) == characters.encode()


@pytest.mark.parametrize("line", [b"", b"Oq", b"OqZ", b"0+3.14OqY", b"0+3.15OqZ", b"0+3.14"])
def test_what_the_crc_does_not_prove_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed, match="CRC"):
        without_crc(line)
