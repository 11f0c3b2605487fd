"""The MBAP header."""

import pytest

from drivers.protocols import modbus_tcp as tcp
from drivers.protocols.modbus_pdu import Malformed
from tests.drivers.protocols.feeding import feed_every_way

pytestmark = pytest.mark.pure

ADAM_6017 = bytes.fromhex("00 01 00 00 00 06 01 03 00 00 00 08")


def test_the_request_of_a_manual_goes_both_ways() -> None:
    adu = tcp.Adu(1, 1, bytes.fromhex("03 00 00 00 08"))
    assert tcp.encode(adu) == ADAM_6017
    feed_every_way(ADAM_6017, adu, tcp.take)


def test_the_example_of_the_implementation_guide() -> None:
    """Section 3.1.3 of the guide and 6.4 of the specification: input register 5 of unit 255."""
    wire = bytes.fromhex("15 01 00 00 00 06 ff 04 00 04 00 01")
    assert tcp.take(bytearray(wire)) == tcp.Adu(0x1501, 255, bytes.fromhex("04 00 04 00 01"))


@pytest.mark.parametrize(
    "wire", ["00 01 00 01", "00 01 01", "00 01 00 00 00 01 01", "00 01 00 00 00 ff 01", "00 01 00 00 ff ff"]
)
def test_another_protocol_is_told_at_once_and_the_bytes_are_kept(wire: str) -> None:
    buffer = bytearray(bytes.fromhex(wire))
    with pytest.raises(Malformed) as caught:
        tcp.take(buffer)
    assert caught.value.evidence == buffer == bytes.fromhex(wire)


@pytest.mark.parametrize("size", [0, 254])
def test_a_pdu_that_does_not_fit_is_not_sent(size: int) -> None:
    with pytest.raises(ValueError, match="253"):
        tcp.encode(tcp.Adu(1, 1, bytes(size)))
