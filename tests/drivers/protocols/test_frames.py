"""The reference's frames go both ways, and nothing in them can change unseen."""

import pytest

from drivers.protocols.modbus_pdu import Malformed
from tests.drivers.protocols.feeding import feed_every_way
from tests.drivers.protocols.frames import CHECKED, FRAMES, Frame
from tests.drivers.protocols.torture import one_bit_wrong

pytestmark = pytest.mark.pure


def _name(frame: Frame) -> str:
    return f"{frame.whose}-{frame.wire!r}"


@pytest.mark.parametrize("frame", FRAMES, ids=_name)
def test_a_frame_is_read_as_it_came_and_written_as_it_stands(frame: Frame) -> None:
    feed_every_way(frame.wire, frame.message, frame.take)
    assert frame.encode() == frame.wire


@pytest.mark.parametrize("frame", CHECKED, ids=_name)
def test_a_frame_with_one_wrong_bit_says_nothing_else(frame: Frame) -> None:
    for damaged in one_bit_wrong(frame.wire):
        assert _said(frame, damaged) <= {repr(frame.message)}


def _said(frame: Frame, wire: bytes) -> set[str]:
    buffer, said = bytearray(wire), set[str]()
    while True:
        try:
            message = frame.take(buffer)
        except Malformed:
            continue
        if message is None:
            return said
        said.add(repr(message))
