"""A line of characters on real pseudo-terminals and TCP: unplugged, returned, held by another, in pieces."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import serial

from drivers.ascii import AsciiDriver, Settings
from drivers.character_bus import CharacterBus
from drivers.endpoint import TcpHost
from drivers.errors import DriverError, Garbled, NoAnswer, Unreachable
from drivers.line import LineSettings
from drivers.network_stream import NetworkStream
from sim.faults import Closed, Flipped, Noisy, Silent, Slow, Truncated
from sim.hosts.pty import PtyHost
from sim.hosts.talk import TalkTcpHost
from sim.script import Script
from sim.signals import Constant
from sim.speaker import Figure, Speaker
from sim.talk import TalkFace
from sim.talkers.lines import LinesTalker
from sim.wire import Wire
from telemetry.reading import Reading

pytestmark = pytest.mark.system

READINGS = (Reading("pH", 7.85), Reading("T", 28.4))


def settings(**more: Any) -> Settings:
    """A meter that is asked with D, its answer under a check."""
    channels = ({"id": "pH", "unit": "pH"}, {"id": "T", "unit": "degC"})
    check = {"algorithm": "xor", "mark": "*"}
    wording = {"request": r"D\r", "pattern": r"pH={pH};T={T}", "check": check, "channel": channels}
    return Settings.model_validate({**wording, **more})


def wire(device: Settings) -> Wire:
    figures = [Figure("pH", "pH", Constant(7.85)), Figure("T", "T", Constant(28.4))]
    return Wire("line", TalkFace(LinesTalker({1: Speaker("meter", figures)}, {1: device.lines})))


class Meter:
    """The meter's driver on its line; `wire` is where faults are dealt out."""

    def __init__(self, url: str, behind: Wire, device: Settings, **line: Any) -> None:
        line = {"timeout": "300ms", "guard": "50ms", "reconnect": "50ms", "retries": 0, **line}
        self.wire = behind
        self.bus = CharacterBus(
            LineSettings.model_validate({"url": url, **line}),
            lambda: round(1000 * asyncio.get_running_loop().time()),
            streams=device.streams(),
            jitter=lambda: 1.0,
        )
        self._driver = AsciiDriver(device, self.bus)

    async def read(self) -> tuple[Reading, ...]:
        async with asyncio.timeout(20):
            ((_, readings),) = (await self._driver.read()).blocks
        return readings

    async def failure(self) -> DriverError:
        with pytest.raises(DriverError) as error:
            await self.read()
        return error.value


@asynccontextmanager
async def on_pty(device: Settings, link: Path) -> AsyncIterator[tuple[PtyHost, Meter]]:
    async with PtyHost(wire(device), link=link / "meter.tty") as port:
        meter = Meter(f"serial://{port.path}?baudrate=9600", port.wire, device)
        async with meter.bus:
            yield port, meter


@asynccontextmanager
async def on_tcp(device: Settings) -> AsyncIterator[tuple[TalkTcpHost, Meter]]:
    async with TalkTcpHost(wire(device)) as host:
        meter = Meter(f"tcp://{host.host}:{host.port}", host.wire, device)
        async with meter.bus:
            yield host, meter


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0)


@pytest.mark.parametrize("wording", [{}, {"request": ""}], ids=["asked", "streamed"])
async def test_an_adapter_is_pulled_and_comes_back_by_itself(tmp_path: Path, wording: dict[str, str]) -> None:
    async with on_pty(settings(**wording, silence="5s"), tmp_path) as (port, meter):
        assert await meter.read() == READINGS
        port.unplug()
        await until(lambda: not meter.bus.stats.is_open)
        assert "there is no such device" in str(await meter.failure())
        assert isinstance(await meter.failure(), Unreachable)
        port.plug_in()
        while True:
            try:
                assert await meter.read() == READINGS
                break
            except Unreachable:
                await asyncio.sleep(0)
        assert meter.bus.stats.reconnects == 1


@pytest.mark.parametrize("wording", [{}, {"request": ""}], ids=["asked", "streamed"])
async def test_a_serial_server_goes_away_and_comes_back(wording: dict[str, str]) -> None:
    async with on_tcp(settings(**wording, silence="5s")) as (host, meter):
        assert await meter.read() == READINGS
        await host.unplug()
        await until(lambda: not meter.bus.stats.is_open)
        said = str(await meter.failure())
        assert "it refuses the connection; is the serial server or the instrument switched on" in said
        await host.plug_in()
        while True:
            try:
                assert await meter.read() == READINGS
                break
            except Unreachable:
                await asyncio.sleep(0)


async def test_a_host_that_is_no_name_at_all_is_unreachable() -> None:
    for host in ("10.0.0..5", 70 * "a"):
        meter = Meter(f"tcp://{host}:4001", wire(settings()), settings())
        async with meter.bus:
            assert "is not known; check its spelling" in str(await meter.failure())


async def test_a_connection_whose_opening_is_cancelled_is_lost_to_nobody() -> None:
    async with on_tcp(settings()) as (host, _):
        lost: list[Unreachable] = []
        stream = NetworkStream(TcpHost(host.host, host.port, rtu=False), lambda _: None, lost.append)
        opening = asyncio.create_task(stream.open(5))
        await until(lambda: stream._transport is not None)
        opening.cancel()
        await asyncio.wait([opening])
        assert opening.cancelled()
        for _ in range(10):
            await asyncio.sleep(0)
        assert lost == []


async def test_a_cable_that_is_pulled_in_the_middle_of_a_question_is_no_silent_instrument(
    tmp_path: Path,
) -> None:
    async with on_pty(settings(), tmp_path) as (port, meter):
        port.wire.script.add(Silent(), 1)
        asking = asyncio.create_task(meter.failure())
        await until(lambda: port.wire.served.count == 1)
        port.unplug()
        error = await asking
    assert isinstance(error, Unreachable)
    assert "the adapter is gone" in str(error)


async def test_a_connection_that_is_closed_in_place_of_an_answer_is_said_and_made_again() -> None:
    async with on_tcp(settings()) as (host, meter):
        host.wire.script.add(Closed(), 1)
        error = await meter.failure()
        assert isinstance(error, Unreachable)
        assert "it closed the connection; some instruments serve one master at a time" in str(error)
        assert await meter.read() == READINGS


async def test_a_write_that_fails_says_that_the_adapter_is_gone_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_pty(settings(), tmp_path) as (_, meter):
        assert await meter.read() == READINGS

        def broken(_descriptor: int, _data: bytes) -> int:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", broken)
            assert isinstance(await meter.failure(), Unreachable)
        assert await meter.read() == READINGS


async def test_a_port_that_another_program_holds_is_said_and_taken_when_it_is_free(tmp_path: Path) -> None:
    async with on_pty(settings(), tmp_path) as (port, meter):
        with serial.Serial(port.path, 9600, exclusive=True):
            assert "another program holds it; stop that program (fuser -v" in str(await meter.failure())
        while True:
            try:
                assert await meter.read() == READINGS
                break
            except Unreachable:
                await asyncio.sleep(0)
        with pytest.raises(serial.SerialException, match="exclusively lock"):
            serial.Serial(port.path, 9600, exclusive=True)


async def test_a_request_that_the_port_takes_byte_by_byte_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    async with on_pty(settings(request=r"MEASURE\r"), tmp_path) as (_, meter):
        monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:1])))
        error = await meter.failure()  # the simulator's answer is cut to its first byte as well
        assert isinstance(error, Garbled)
        assert error.evidence == b"p"


async def test_the_faults_of_a_line_cost_a_reading_and_never_change_one(tmp_path: Path) -> None:
    faults = (Silent(), Slow(0.32), Truncated(0.5), Flipped(), Noisy(b"\xff\r\n"), Noisy(b"7"))
    for place in (on_pty(settings(), tmp_path), on_tcp(settings())):
        async with place as (_, meter):
            for fault in faults:
                meter.wire.script.add(fault, 1)
                with suppress(NoAnswer, Garbled):
                    assert await meter.read() == READINGS
                assert await meter.read() == READINGS, fault
            assert meter.bus.stats.late_frames == 1


async def test_a_stream_that_is_cut_short_now_and_then_gives_whole_messages_only(tmp_path: Path) -> None:
    device = settings(request="", silence="5s")
    for place in (on_pty(device, tmp_path), on_tcp(device)):
        async with place as (_, meter):
            talker = meter.wire.face.talker  # type: ignore[union-attr]
            talker.every_s = 0.01
            meter.wire.script = Script([], seed=7)
            for fault in (Truncated(0.6), Flipped(), Truncated(0.9)):
                meter.wire.script.add(fault, 1, requests=2)
                for _ in range(3):
                    assert await meter.read() == READINGS
