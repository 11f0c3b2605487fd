"""Instruments on real TCP ports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from drivers.protocols import modbus_tcp
from drivers.protocols.modbus_tcp import Adu
from sim.face import Face
from sim.faults import Closed, Flipped, Slow, WrongUnit
from sim.hosts.tcp import TcpHost
from sim.wire import Wire
from tests.sim.bench import ph_meter

pytestmark = pytest.mark.system

READ_PH = bytes.fromhex("03 00 00 00 02")
PH = bytes.fromhex("03 04 40 f0 00 00")


def make_wire() -> Wire:
    return Wire("tcp", Face({3: ph_meter()}, gateway=True))


class Master:
    """A connection that speaks MBAP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.buffer = bytearray()

    def ask(self, *requests: Adu) -> None:
        self.writer.write(b"".join(modbus_tcp.encode(adu) for adu in requests))

    async def answer(self) -> Adu | None:
        """None: the connection was closed."""
        async with asyncio.timeout(5):
            while (adu := modbus_tcp.take(self.buffer)) is None:
                try:
                    received = await self.reader.read(4096)
                except ConnectionResetError:
                    return None
                if not received:
                    return None
                self.buffer += received
            return adu


@asynccontextmanager
async def connected(host: TcpHost) -> AsyncIterator[Master]:
    reader, writer = await asyncio.open_connection(host.host, host.port)
    try:
        yield Master(reader, writer)
    finally:
        writer.close()


async def test_a_request_is_answered_with_its_transaction_and_unit() -> None:
    async with TcpHost(make_wire()) as host, connected(host) as master:
        master.ask(Adu(0xBEEF, 3, READ_PH))
        assert await master.answer() == Adu(0xBEEF, 3, PH)
        assert host.wire.served.kept[0].values == {"pH": 7.5}


async def test_two_requests_in_one_segment_get_two_answers() -> None:
    async with TcpHost(make_wire()) as host, connected(host) as master:
        master.ask(*(Adu(number, 3, READ_PH) for number in range(40)))
        assert [await master.answer() for _ in range(40)] == [Adu(number, 3, PH) for number in range(40)]


async def test_a_request_that_comes_byte_by_byte_is_answered_once() -> None:
    async with TcpHost(make_wire()) as host, connected(host) as master:
        for byte in modbus_tcp.encode(Adu(1, 3, READ_PH)):
            master.writer.write(bytes((byte,)))
            await master.writer.drain()
        assert await master.answer() == Adu(1, 3, PH)
        assert host.wire.served.count == 1


async def test_many_masters_are_served_at_once() -> None:
    async with TcpHost(make_wire()) as host, connected(host) as first, connected(host) as second:
        first.ask(Adu(1, 3, READ_PH))
        second.ask(Adu(2, 3, READ_PH))
        assert await second.answer() == Adu(2, 3, PH)
        assert await first.answer() == Adu(1, 3, PH)
        assert host.connections == 2


async def test_a_slow_answer_holds_up_no_other() -> None:
    wire = make_wire()
    wire.script.add(Slow(0.05), 3)
    async with TcpHost(wire) as host, connected(host) as master:
        master.ask(Adu(1, 3, READ_PH), Adu(2, 3, READ_PH))
        assert [await master.answer(), await master.answer()] == [Adu(2, 3, PH), Adu(1, 3, PH)]
        assert [served.faults for served in wire.served.kept] == [(), ("slow",)]


async def test_a_unit_behind_the_gateway_that_does_not_exist_is_exception_11() -> None:
    async with TcpHost(make_wire()) as host, connected(host) as master:
        master.ask(Adu(1, 77, READ_PH))
        assert await master.answer() == Adu(1, 77, b"\x83\x0b")


async def test_faults_of_message_and_bytes_reach_the_master() -> None:
    wire = make_wire()
    wire.script.add(WrongUnit(), 3)
    async with TcpHost(wire) as host, connected(host) as master:
        master.ask(Adu(1, 3, READ_PH))
        assert await master.answer() == Adu(1, 4, PH)
        wire.script.add(Flipped(), 3)
        master.ask(Adu(2, 3, READ_PH))
        async with asyncio.timeout(5):
            damaged = await master.reader.readexactly(13)
        right = modbus_tcp.encode(Adu(2, 3, PH))
        assert sum((a ^ b).bit_count() for a, b in zip(damaged, right, strict=True)) == 1


async def test_a_connection_may_be_closed_in_place_of_an_answer_and_made_again() -> None:
    wire = make_wire()
    wire.script.add(Closed(), 3)
    async with TcpHost(wire) as host:
        async with connected(host) as master:
            master.ask(Adu(1, 3, READ_PH))
            assert await master.answer() is None
        async with connected(host) as master:
            master.ask(Adu(2, 3, READ_PH))
            assert await master.answer() == Adu(2, 3, PH)


async def test_what_is_not_modbus_is_hung_up_on() -> None:
    async with TcpHost(make_wire()) as host, connected(host) as master:
        master.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await master.answer() is None


async def test_a_pulled_cable_refuses_and_comes_back_on_the_same_port() -> None:
    async with TcpHost(make_wire()) as host:
        port = host.port
        async with connected(host) as master:
            master.ask(Adu(1, 3, READ_PH))
            assert await master.answer() == Adu(1, 3, PH)
            await host.unplug()
            await host.unplug()
            assert await master.answer() is None
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host.host, port)
        await host.plug_in()
        assert host.port == port
        async with connected(host) as master:
            master.ask(Adu(2, 3, READ_PH))
            assert await master.answer() == Adu(2, 3, PH)


async def test_an_answer_under_way_to_a_master_that_left_lands_nowhere() -> None:
    wire = make_wire()
    wire.script.add(Slow(0.05), 3)
    async with TcpHost(wire) as host:
        async with connected(host) as master:
            master.ask(Adu(1, 3, READ_PH), Adu(2, 3, READ_PH))
            assert await master.answer() == Adu(2, 3, PH)
        async with connected(host) as master:
            master.ask(*(Adu(number, 3, READ_PH) for number in range(3, 6)))
            assert [await master.answer() for _ in range(3)] == [Adu(n, 3, PH) for n in range(3, 6)]
        assert wire.served.count == 4
