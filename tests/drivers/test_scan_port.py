"""The line as a scan uses it, on pseudo-terminals and TCP ports: what is heard, and that nothing stays open."""

import asyncio
import os

import pytest
import serial

from drivers.endpoint import SerialPort, TcpHost, UdpHost
from drivers.errors import Misconfigured, Unreachable
from drivers.inquiry import ANYBODY, NAME_PLATE, Spoken
from drivers.scan_port import Heard, StreamPort, scan_port
from drivers.trials import Setting
from tests.drivers.raw_slave import RawSlave, closing, instead, late, on_pty, on_tcp, rtu, silent

pytestmark = pytest.mark.system

WAIT_S = 2.0
SHORT_S = 0.05


def at(path: str) -> SerialPort:
    return SerialPort(path, 9600, "N", 1)


def slave() -> RawSlave:
    return RawSlave(units={3, 4}, values=lambda _asked: [0x1234])


ANSWER = b"\x03\x02\x12\x34"


async def test_a_unit_that_answers_and_one_that_does_not() -> None:
    async with on_pty(slave()) as line:
        port = StreamPort(at(line.path))
        await port.open()
        assert await port.ask(3, ANYBODY, WAIT_S) == Heard(ANSWER)
        assert await port.ask(9, ANYBODY, SHORT_S) == Heard()
        port.close()
        with serial.Serial(line.path, exclusive=True):
            pass


async def test_while_it_scans_nobody_else_has_the_port_whatever_the_speed() -> None:
    async with on_pty(slave()) as line:
        port = StreamPort(at(line.path))
        await port.open()
        for setting in (Setting(19200), Setting(9600)):
            await port.tune(setting)
            with pytest.raises(serial.SerialException):
                serial.Serial(line.path, exclusive=True)
        with pytest.raises(Unreachable, match="it refuses 9600 Bd 8E1"):
            await port.tune(Setting(9600, "E"))
        await port.tune(Setting(9600))
        assert (await port.ask(3, ANYBODY, WAIT_S)).answer == ANSWER
        port.close()


async def test_an_answer_that_comes_late_is_heard_with_its_unit() -> None:
    there = slave()
    there.script.append(late(0.15))
    async with on_pty(there) as line:
        port = StreamPort(at(line.path))
        await port.open()
        assert await port.ask(3, ANYBODY, SHORT_S) == Heard()
        heard = await port.ask(9, ANYBODY, 0.5)
        port.close()
    assert heard == Heard(None, [Spoken(3, ANSWER)])


async def test_noise_is_told_from_silence_and_an_echo_is_none() -> None:
    there = slave()
    echo = rtu(3, b"\x03\x00\x00\x00\x01")
    there.script.extend([instead(b"\xff\xfe"), instead(echo), instead(echo + rtu(3, ANSWER))])
    async with on_pty(there) as line:
        port = StreamPort(at(line.path))
        await port.open()
        assert await port.ask(3, ANYBODY, SHORT_S) == Heard(noise=b"\xff\xfe")
        assert await port.ask(3, ANYBODY, SHORT_S) == Heard()
        assert await port.ask(3, ANYBODY, WAIT_S) == Heard(ANSWER)
        port.close()


async def test_what_is_said_without_being_asked_is_heard() -> None:
    async with on_pty(slave()) as line:
        port = StreamPort(at(line.path))
        await port.open()
        os.write(line.master, b"$WIMWV")
        assert await port.listen(SHORT_S) == b"$WIMWV"
        assert await port.listen(0) == b""
        os.write(line.master, b"zz")
        while not port._buffer:
            await asyncio.sleep(0)
        assert await port.ask(9, ANYBODY, SHORT_S) == Heard(noise=b"zz"), "once, not twice"
        port.close()


async def test_an_adapter_that_is_pulled_ends_it() -> None:
    there = slave()
    there.script.append(closing)
    async with on_pty(there) as line:
        port = StreamPort(at(line.path))
        await port.open()
        with pytest.raises(Unreachable, match="the adapter is gone"):
            await port.ask(3, ANYBODY, WAIT_S)
        with pytest.raises(Unreachable, match="the adapter is gone"):
            await port.ask(3, ANYBODY, WAIT_S)
        port.close()


async def test_a_host_that_hangs_up_in_place_of_an_answer_is_asked_again_on_a_new_connection() -> None:
    there = slave()
    there.script.append(closing)
    async with on_tcp(there) as number:
        port = StreamPort(TcpHost("127.0.0.1", number, rtu=False))
        await port.open()
        assert await port.ask(3, ANYBODY, WAIT_S) == Heard()
        assert await port.ask(3, ANYBODY, WAIT_S) == Heard(ANSWER)
        port.close()
    assert there.connections == 2


async def test_a_host_that_speaks_no_modbus_is_noise_and_the_stream_is_begun_anew() -> None:
    there = slave()
    there.script.append(instead(b"HTTP/1.1 400 Bad Request\r\n"))
    async with on_tcp(there) as number:
        port = StreamPort(TcpHost("127.0.0.1", number, rtu=False))
        await port.open()
        assert (await port.ask(3, ANYBODY, SHORT_S)).noise.startswith(b"HTTP")
        assert await port.ask(3, ANYBODY, WAIT_S) == Heard(ANSWER)
        port.close()


async def test_half_an_answer_over_tcp_spoils_no_later_one() -> None:
    there = slave()
    there.script.append(lambda frame: [(0, frame[:8]), (0.1, frame[8:])])
    async with on_tcp(there) as number:
        port = StreamPort(TcpHost("127.0.0.1", number, rtu=False))
        await port.open()
        assert (await port.ask(3, ANYBODY, SHORT_S)).answer is None
        assert await port.ask(3, ANYBODY, WAIT_S) == Heard(ANSWER)
        port.close()


async def test_through_a_serial_server_answers_tell_whose_they_are() -> None:
    there = slave()
    there.script.extend([silent, late(0)])
    async with on_tcp(there, rtu_frames=True) as number:
        port = StreamPort(TcpHost("127.0.0.1", number, rtu=True))
        assert port.shared
        await port.open()
        assert await port.ask(3, ANYBODY, SHORT_S) == Heard()
        assert await port.ask(4, ANYBODY, WAIT_S) == Heard(ANSWER)
        port.close()


async def test_noise_at_full_speed_fills_no_memory_and_hides_no_answer() -> None:
    there = slave()
    noise = [(0.001 * at, bytes(2000)) for at in range(50)]
    there.script.append(lambda frame: [*noise, (0.06, frame[:3]), (0.1, frame[3:])])
    there.script.append(lambda _frame: noise)
    async with on_tcp(there, rtu_frames=True) as number:
        port = StreamPort(TcpHost("127.0.0.1", number, rtu=True))
        await port.open()
        assert await port.ask(3, ANYBODY, WAIT_S) == Heard(ANSWER)
        assert 0 < len((await port.ask(3, ANYBODY, 0.2)).noise) < 10_000, "the beginning and the end of it"
        port.close()


async def test_a_port_that_is_not_there() -> None:
    port = StreamPort(at("/dev/tram-is-not-here"))
    with pytest.raises(Unreachable, match="there is no such device"):
        await port.open()
    with pytest.raises(Unreachable):
        await port.ask(1, NAME_PLATE, SHORT_S)
    await asyncio.sleep(0)


def test_what_is_not_scanned_is_said() -> None:
    for where in (
        UdpHost("h", 502),
        TcpHost("h", 4001, rtu=False, ascii=True),
        at("x")._replace(framer="ascii"),
    ):
        with pytest.raises(Misconfigured, match="is not scanned"):
            scan_port(where)
