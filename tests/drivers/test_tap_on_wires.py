"""Every wire tells what passes: on real sockets and a pseudo-terminal, the answer and what comes too late for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.bus import Bus
from drivers.errors import NoAnswer
from drivers.line import LineSettings
from drivers.protocols import modbus_ascii, modbus_rtu, modbus_tcp
from sim.face import Face
from sim.faults import Slow
from sim.hosts.pty import PtyHost
from sim.hosts.rtu_tcp import AsciiTcpHost, RtuTcpHost
from sim.hosts.tcp import TcpHost
from sim.hosts.udp import UdpHost
from sim.wire import Wire
from tests.sim.bench import ph_meter

pytestmark = pytest.mark.system

READ, PH = bytes.fromhex("03 00 00 00 02"), bytes.fromhex("03 04 40 f0 00 00")


def numbered(number: int, pdu: bytes) -> bytes:
    return modbus_tcp.encode(modbus_tcp.Adu(number, 1, pdu))


def rtu(_: int, pdu: bytes) -> bytes:
    return modbus_rtu.encode_frame(1, pdu)


def in_ascii(_: int, pdu: bytes) -> bytes:
    return modbus_ascii.encode_frame(1, pdu)


HOSTS: dict[str, tuple[Any, Callable[[int, bytes], bytes]]] = {
    "tcp": (TcpHost, numbered),
    "udp": (UdpHost, numbered),
    "rtu+tcp": (RtuTcpHost, rtu),
    "ascii+tcp": (AsciiTcpHost, in_ascii),
    "serial": (PtyHost, rtu),
}


@asynccontextmanager
async def line(scheme: str, folder: Path) -> AsyncIterator[tuple[Wire, Bus]]:
    wire = Wire("line", Face({1: ph_meter()}))
    kind, _ = HOSTS[scheme]
    options = {"link": folder / "line.tty"} if scheme == "serial" else {}
    async with kind(wire, **options) as host:
        where = f"{host.path}?baudrate=115200" if scheme == "serial" else f"{host.host}:{host.port}"
        table = {"url": f"{scheme}://{where}", "timeout": "300ms", "guard": "100ms", "retries": 0}
        async with Bus(LineSettings.model_validate(table), lambda: 0) as bus, asyncio.timeout(60):
            yield wire, bus


@pytest.mark.parametrize("scheme", HOSTS)
async def test_a_question_goes_out_an_answer_comes_in_and_one_that_is_late_comes_unasked(
    scheme: str, tmp_path: Path
) -> None:
    _, framed = HOSTS[scheme]
    told: list[tuple[str, bytes]] = []
    async with line(scheme, tmp_path) as (wire, bus):
        bus.tap.join(lambda passed: told.append((passed.kind, passed.octets)))
        await bus.exchange(1, READ)
        kinds = [kind for kind, _ in told if kind not in ("read", "opened")]
        assert kinds == ["sent", *["heard"] * (len(kinds) - 1)]
        sent, heard = (b"".join(octets for kind, octets in told if kind == k) for k in ("sent", "heard"))
        number = int.from_bytes(sent[:2], "big")
        assert (sent, heard) == (framed(number, READ), framed(number, PH))
        told.clear()
        wire.script.add(Slow(0.9), 1)
        with pytest.raises(NoAnswer):
            await bus.exchange(1, READ)
        number = int.from_bytes(told[0][1][:2], "big")
        while b"".join(octets for kind, octets in told if kind == "unasked") != framed(number, PH):
            await asyncio.sleep(0.01)
        assert [kind for kind, _ in told][:2] == ["sent", "trouble"]
