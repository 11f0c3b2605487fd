"""A recording on real ports: on TCP, in datagrams and on a pseudo-terminal."""

import asyncio
import socket

import pytest
import serial

from drivers.protocols import modbus_rtu, modbus_tcp
from drivers.protocols.modbus_tcp import Adu
from drivers.protocols.recording import Header, Recorded, Recording
from sim.face import Face
from sim.hosts.replay import ReplayPtyHost, ReplayTcpHost, ReplayUdpHost
from sim.replay import Replay, replay
from sim.wire import Wire

pytestmark = pytest.mark.system

READ, ONE = bytes.fromhex("03 00 00 00 01"), bytes.fromhex("03 02 00 01")


def tcp(number: int, pdu: bytes) -> bytes:
    return modbus_tcp.encode(Adu(number, 1, pdu))


def made(framing: str, asked: bytes, answered: bytes) -> Replay:
    header = Header("BD_1", "meter", "x://y", framing, False, "tram 0", "2026-11-29T10:00:00.000Z")
    return replay(Recording(header, (Recorded(0, ">", asked), Recorded(5, "<", answered))))


def nobody() -> Wire:
    return Wire("meter", Face({}))


async def test_two_masters_on_tcp_get_the_answers_each_under_its_number() -> None:
    async with ReplayTcpHost(made("tcp", tcp(1, READ), tcp(1, ONE)), nobody()) as host, asyncio.timeout(10):
        for number in (17, 18):
            reader, writer = await asyncio.open_connection(host.host, host.port)
            writer.write(tcp(number, READ))
            assert await reader.readexactly(len(tcp(number, ONE))) == tcp(number, ONE)
            writer.close()


async def test_a_datagram_is_answered_to_who_sent_it_and_noise_to_nobody() -> None:
    replayed = made("udp", tcp(1, READ), tcp(1, ONE))
    async with ReplayUdpHost(replayed, nobody()) as host:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as master:
            master.setblocking(False)
            master.connect((host.host, host.port))
            async with asyncio.timeout(10):
                for datagram in (b"?", tcp(3, READ)):
                    await loop.sock_sendall(master, datagram)
                assert await loop.sock_recv(master, 300) == tcp(3, ONE)
    assert not replayed.unrecorded


async def test_a_serial_line_is_a_pseudo_terminal() -> None:
    replayed = made("rtu", modbus_rtu.encode_frame(1, READ), modbus_rtu.encode_frame(1, ONE))
    async with ReplayPtyHost(replayed, nobody()) as host:
        with serial.Serial(host.path, timeout=5) as port:
            port.write(modbus_rtu.encode_frame(1, READ))
            assert await asyncio.to_thread(port.read, 7) == modbus_rtu.encode_frame(1, ONE)
