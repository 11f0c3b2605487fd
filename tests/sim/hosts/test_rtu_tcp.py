"""Slaves behind a serial device server."""

import asyncio

import pytest

from drivers.protocols import modbus_rtu
from sim.face import Face
from sim.hosts.rtu_tcp import RtuTcpHost
from sim.wire import Wire
from tests.sim.bench import ph_meter

pytestmark = pytest.mark.system

READ_PH = modbus_rtu.encode_frame(3, bytes.fromhex("03 00 00 00 02"))
PH = modbus_rtu.encode_frame(3, bytes.fromhex("03 04 40 f0 00 00"))


async def test_two_slaves_share_a_device_server_and_a_stranger_is_silent() -> None:
    wire = Wire("moxa", Face({3: ph_meter("a"), 4: ph_meter("b", ph=6.5)}))
    async with RtuTcpHost(wire) as host:
        reader, writer = await asyncio.open_connection(host.host, host.port)
        async with asyncio.timeout(5):
            for unit in (9, 3, 4):
                writer.write(modbus_rtu.encode_frame(unit, bytes.fromhex("03 00 00 00 02")))
            assert await reader.readexactly(9) == PH
            second = await reader.readexactly(9)
        assert second == modbus_rtu.encode_frame(4, bytes.fromhex("03 04 40 d0 00 00"))
        assert [served.device for served in wire.served.kept] == ["a", "b"]
        writer.close()


async def test_a_master_that_hangs_up_leaves_the_loop_free() -> None:
    """A reader that loops on the end of its stream starves every other task; this one does not read at all."""
    async with RtuTcpHost(Wire("moxa", Face({3: ph_meter()}))) as host:
        _reader, writer = await asyncio.open_connection(host.host, host.port)
        writer.write(READ_PH[:5])
        writer.close()
        turns = 0
        async with asyncio.timeout(5):
            while host.connections or not turns:
                turns += 1
                await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(host.host, host.port)
        writer.write(READ_PH)
        async with asyncio.timeout(5):
            assert await reader.readexactly(9) == PH
        writer.close()
