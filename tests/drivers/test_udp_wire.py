"""Modbus in datagrams against a slave whose every answer is written out."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from drivers.bus import Bus
from drivers.errors import DriverError, Garbled, NoAnswer, Unreachable
from drivers.line import LineSettings
from drivers.udp_wire import UdpWire
from tests.drivers.raw_slave import mbap

pytestmark = pytest.mark.system

Script = Callable[[bytes, int, bytes], list[bytes]]
"""From transaction, unit and PDU to the datagrams that are sent back."""


class Slave(asyncio.DatagramProtocol):
    """Answers reads with 7, or as the script says."""

    def __init__(self) -> None:
        self.script: list[Script] = []
        self.asked: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        say = self.script.pop(0) if self.script else right
        for datagram in say(data[:2], data[6], data[7:]):
            self.transport.sendto(datagram, addr)


def right(transaction: bytes, unit: int, pdu: bytes) -> list[bytes]:
    count = struct.unpack(">H", pdu[3:5])[0]
    return [mbap(transaction, unit, bytes([pdu[0], 2 * count]) + b"\0\7" * count)]


def silent(_transaction: bytes, _unit: int, _pdu: bytes) -> list[bytes]:
    return []


@asynccontextmanager
async def slave_and_bus() -> AsyncIterator[tuple[Slave, Bus]]:
    loop = asyncio.get_running_loop()
    transport, slave = await loop.create_datagram_endpoint(Slave, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    settings = LineSettings.model_validate(
        {"url": f"udp://127.0.0.1:{port}", "timeout": "80ms", "retries": 0}
    )
    async with Bus(settings, lambda: 4_711) as bus:
        yield slave, bus
    transport.close()
    await asyncio.sleep(0)


async def read(bus: Bus, count: int = 1) -> bytes:
    answer = await bus.exchange(1, struct.pack(">BHH", 3, 0, count))
    assert answer.at_mono_ms == 4_711
    return answer.pdu


async def failure(bus: Bus) -> DriverError:
    with pytest.raises(DriverError) as error:
        await read(bus)
    return error.value


async def test_a_question_and_its_answer_are_a_datagram_each() -> None:
    async with slave_and_bus() as (slave, bus):
        assert await read(bus, 2) == b"\3\4\0\7\0\7"
        assert slave.asked == [bytes.fromhex("00 01 00 00 00 06 01 03 00 00 00 02")]
        refusal = bytes([0x83, 2])
        slave.script = [lambda transaction, unit, _pdu: [mbap(transaction, unit, refusal)]]
        assert await read(bus) == refusal
        assert bus.stats.refused == 1


async def test_a_lost_datagram_is_one_timeout_and_costs_no_silence() -> None:
    async with slave_and_bus() as (slave, bus):
        slave.script = [silent]
        assert isinstance(await failure(bus), NoAnswer)
        assert await read(bus) == b"\3\2\0\7"
        assert len(slave.asked) == 2


async def test_an_answer_to_an_older_question_is_nobodys() -> None:
    async with slave_and_bus() as (slave, bus):

        def old_and_right(transaction: bytes, unit: int, pdu: bytes) -> list[bytes]:
            old = struct.pack(">H", int.from_bytes(transaction, "big") - 1)
            return [
                mbap(old, unit, b"\3\2\0\1"),
                *right(transaction, unit, pdu),
                *right(transaction, unit, pdu),
            ]

        slave.script = [silent, old_and_right]
        await failure(bus)
        assert await read(bus) == b"\3\2\0\7"
        assert await read(bus) == b"\3\2\0\7"
        assert bus.stats.late_frames == 2


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (lambda t, u, _: [mbap(t, u + 1, b"\3\2\0\1")], "unit 2 answered the question for unit 1"),
        (lambda t, u, _: [mbap(t, u, b"\4\2\0\1")], "answered function 4 to a question of function 3"),
        (lambda t, u, _: [mbap(t, u, b"\3\4\0\1\0\1")], "answered 6 bytes where 4 were asked for"),
        (lambda t, u, _: [mbap(t, u, b"\3\2\0\1")[:-1]], "no Modbus in a datagram"),
        (lambda t, u, _: [mbap(t, u, b"\3\2\0\1") + b"\0"], "no Modbus in a datagram"),
        (lambda t, u, _: [mbap(t, u, b"\3\2\0\1").replace(t + b"\0\0", t + b"\0\1", 1)], "no Modbus in a"),
        (lambda _t, _u, _: [b"hello"], "no Modbus in a datagram"),
        (lambda _t, _u, _: [b""], "no Modbus in a datagram"),
    ],
)
async def test_what_is_not_the_answer_is_never_a_value(say: Script, words: str) -> None:
    async with slave_and_bus() as (slave, bus):
        slave.script = [say]
        error = await failure(bus)
        assert isinstance(error, Garbled | NoAnswer)
        assert words in str(error) or error.evidence == b""
        assert await read(bus) == b"\3\2\0\7"


async def test_a_port_where_nobody_listens_is_said_at_once() -> None:
    async with slave_and_bus() as (slave, bus):
        slave.transport.close()
        await asyncio.sleep(0)
        error = await failure(bus)
        assert isinstance(error, Unreachable)
        assert "is Modbus over UDP in the instrument switched on" in error.hint


@pytest.mark.parametrize("host", ["no.such.host.invalid", "10.0.0..5"])
async def test_a_name_that_nobody_knows_and_a_line_that_is_not_open(host: str) -> None:
    settings = LineSettings.model_validate({"url": f"udp://{host}"})
    wire = UdpWire(settings, lambda: 0)
    with pytest.raises(Unreachable, match="not open"):
        await wire.ask(1, b"\3\0\0\0\1")
    with pytest.raises(Unreachable, match=r"is not known|cannot be reached"):
        await wire.open()
    assert not wire.is_open
