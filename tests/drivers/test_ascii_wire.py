"""Modbus ASCII through a serial server whose every character is written out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from drivers.bus import Bus
from drivers.errors import DriverError, Garbled, NoAnswer
from drivers.line import LineSettings
from drivers.protocols.modbus_ascii import encode_frame

pytestmark = pytest.mark.system

ASK = bytes.fromhex("03 00 6b 00 03")
"""Modbus Application Protocol V1.1b3, section 6.3: registers 108 to 110."""
RIGHT = bytes.fromhex("03 06 02 2b 00 00 00 64")
REQUEST = b":1103006B00037E\r\n"
ANSWER = encode_frame(0x11, RIGHT)


class Slave:
    """Says `script`'s next characters for each request; the right answer when there are none left."""

    def __init__(self) -> None:
        self.script: list[bytes] = []
        self.heard = bytearray()
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        try:
            while request := await reader.readline():
                self.heard += request
                writer.write(self.script.pop(0) if self.script else ANSWER)
        finally:
            writer.close()


@asynccontextmanager
async def slave_and_bus(**more: object) -> AsyncIterator[tuple[Slave, Bus]]:
    slave = Slave()
    server = await asyncio.start_server(slave.serve, "127.0.0.1", 0)
    url = f"ascii+tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    table = {"url": url, "timeout": "60ms", "guard": "60ms", "retries": 0, **more}
    async with server:
        async with Bus(LineSettings.model_validate(table), lambda: 4_711) as bus:
            yield slave, bus
        if slave.writer is not None:
            slave.writer.close()
            await slave.writer.wait_closed()


async def read(bus: Bus) -> bytes:
    answer = await bus.exchange(0x11, ASK)
    assert answer.at_mono_ms == 4_711
    return answer.pdu


async def failure(bus: Bus) -> DriverError:
    with pytest.raises(DriverError) as error:
        await read(bus)
    return error.value


async def test_the_example_of_the_specification() -> None:
    """Unit 17: its LRC is 7E."""
    async with slave_and_bus() as (slave, bus):
        assert await read(bus) == RIGHT
        assert slave.heard == REQUEST
        slave.script = [encode_frame(0x11, b"\x83\x02")]
        assert await read(bus) == b"\x83\x02"


@pytest.mark.parametrize("before", [b"\0\xff", b":11030", b":1103FF\r\n", REQUEST, b"noise" + REQUEST])
async def test_noise_and_our_own_echo_are_passed_over(before: bytes) -> None:
    async with slave_and_bus() as (slave, bus):
        slave.script = [before + ANSWER]
        assert await read(bus) == RIGHT


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (encode_frame(0x12, RIGHT), "unit 18 answered the question for unit 17"),
        (encode_frame(0x11, b"\4" + RIGHT[1:]), "answered function 4 to a question of function 3"),
        (encode_frame(0x11, b"\3\4\0\1\0\2"), "answered 6 bytes where 8 were asked for"),
        (encode_frame(0x11, b"\3\7" + RIGHT[2:]), "answered 8 bytes where 8 were asked for"),
        (REQUEST + REQUEST, "answered 5 bytes where 8 were asked for"),
        (ANSWER.replace(b"022B", b"022C"), "cannot be read"),
        (ANSWER[:-4], "cannot be read"),
    ],
)
async def test_what_is_not_the_answer_is_never_a_value(said: bytes, words: str) -> None:
    async with slave_and_bus() as (slave, bus):
        slave.script = [said]
        error = await failure(bus)
        assert isinstance(error, Garbled)
        assert words in str(error)
        assert await read(bus) == RIGHT


async def test_a_frame_of_another_question_ends_this_one_though_a_right_one_follows() -> None:
    """Who hears somebody else's answer cannot know whose the next one is."""
    async with slave_and_bus() as (slave, bus):
        slave.script = [encode_frame(0x12, RIGHT) + ANSWER]
        assert isinstance(await failure(bus), Garbled)


async def test_a_late_answer_is_not_given_to_the_next_question() -> None:
    old = encode_frame(0x11, b"\3\6" + bytes(6))
    async with slave_and_bus() as (slave, bus):
        slave.script = [b""]
        silence = await failure(bus)
        assert isinstance(silence, NoAnswer)
        assert "no answer to unit 17, function 3; check power, wiring" in str(silence)
        assert slave.writer is not None
        slave.writer.write(old)
        assert await read(bus) == RIGHT
        assert bus.stats.late_frames == 1


async def test_a_garbled_answer_is_asked_for_again() -> None:
    async with slave_and_bus(retries=1) as (slave, bus):
        slave.script = [ANSWER.replace(b"022B", b"022C")]
        assert await read(bus) == RIGHT
        assert slave.heard == REQUEST * 2
