"""What a station will do, told before it does it: requests, time on the wire, records, days until the quota.

Pure, from the station file alone. Estimates: an instrument is taken to think for 20 ms, and every poll to be on
time. A line through a serial server has a speed that is not known here: nothing is said of its wire.
"""

from typing import NamedTuple

from agent.tables import settings_of, wire_of
from config.quantity import in_days
from config.station import Device, Line, Station
from config.volume import Volume, total, volume_of
from drivers.analog_settings import Settings as AnalogSettings
from drivers.blocks import BlockRead, plan
from drivers.endpoint import SerialPort
from drivers.line import LineSettings
from drivers.modbus_settings import Settings as ModbusSettings
from drivers.protocols.modbus import BIT_TABLES

THINKING_S = 0.02
REQUEST_BYTES = 8
"""Unit, function, address, count, CRC: Modbus over Serial Line V1.02, 2.5.1."""
ANSWER_BYTES = 5
"""Unit, function, length, CRC; the registers come on top."""
BUSY = 0.8
"""A line that is busier than this has no room for a retry."""


class DeviceForecast(NamedTuple):
    """One device. `requests` per poll, None: this driver's are not known; `wire_s` per poll, None: likewise.

    `streams`: it talks by itself, and `patience_s` is how long it may be silent.
    """

    device: Device
    unit: int | str | None
    channels: int
    requests: int | None
    wire_s: float | None
    longest_answer_s: float | None
    volume: Volume
    streams: bool
    patience_s: float


class LineForecast(NamedTuple):
    """One line. `busy`: the share of the time that it talks, 1 is always; None: its speed is not known."""

    line: Line
    settings: LineSettings
    devices: tuple[DeviceForecast, ...]
    busy: float | None


class Forecast(NamedTuple):
    """The whole station."""

    station: Station
    lines: tuple[LineForecast, ...]
    volume: Volume
    warnings: tuple[str, ...]

    @property
    def days_until_full(self) -> float:
        """Days until the quota is full."""
        return self.volume.days_until(self.station.buffer.quota_bytes)

    @property
    def keep_days(self) -> float:
        """Days that delivered records are to stay."""
        return in_days(self.station.buffer.keep_ms)


def forecast(station: Station) -> Forecast:
    """What this station will do. `warnings` are the file's and those of the wire."""
    lines = tuple(_line(station, line) for line in station.lines)
    said = [str(warning) for warning in station.warnings]
    for line in lines:
        said += _warnings(line)
    volume = total(device.volume for line in lines for device in line.devices)
    return Forecast(station, lines, volume, tuple(said))


def _line(station: Station, line: Line) -> LineForecast:
    settings = wire_of(line)
    devices = tuple(
        _device(station.id, device, settings) for device in station.devices if device.line == line.id
    )
    shares = [
        device.wire_s / (device.device.every_ms / 1000) for device in devices if device.wire_s is not None
    ]
    return LineForecast(line, settings, devices, sum(shares) if len(shares) == len(devices) else None)


def _device(station: str, device: Device, line: LineSettings) -> DeviceForecast:
    settings = settings_of(device)
    blocks: tuple[BlockRead, ...] | None = None
    registers = settings.registers if isinstance(settings, AnalogSettings) else settings
    if isinstance(registers, ModbusSettings):
        blocks = plan(registers.points(), gap=registers.block_gap, most=registers.block_max)
    answers = None if blocks is None else [_answer_s(block, line) for block in blocks]
    known = [answer for answer in answers or () if answer is not None]
    complete = answers is not None and len(known) == len(answers)
    return DeviceForecast(
        device=device,
        unit=settings.address(),
        channels=len(settings.channels()),
        requests=None if blocks is None else len(blocks),
        wire_s=sum(_exchange_s(answer, line) for answer in known) if complete else None,
        longest_answer_s=max(known) if known else None,
        volume=volume_of(station, device),
        streams=settings.streams(),
        patience_s=settings.patience_s(),
    )


def _answer_s(block: BlockRead, line: LineSettings) -> float | None:
    """From the end of the request to the end of the answer; None when the speed is not known."""
    if not isinstance(line.endpoint, SerialPort):
        return None
    values = -(-block.length // 8) if block.table in BIT_TABLES else 2 * block.length
    return THINKING_S + _frame_s(ANSWER_BYTES + values, line.endpoint)


def _exchange_s(answer_s: float, line: LineSettings) -> float:
    """A request, its answer, and the silence around them."""
    port = line.endpoint
    assert isinstance(port, SerialPort)
    return 2 * line.silence_s() + _frame_s(REQUEST_BYTES, port) + answer_s


def _frame_s(rtu_bytes: int, port: SerialPort) -> float:
    """A frame of so many bytes in RTU. In ASCII an LRC of one byte takes the place of the CRC, and a byte is two
    characters between a colon and an end of two.
    """
    characters = rtu_bytes if port.framer == "rtu" else 3 + 2 * (rtu_bytes - 1)
    return characters * _character_s(port)


def _character_s(port: SerialPort) -> float:
    """Start bit, data bits, parity if any, stop bits."""
    return (1 + port.bytesize + (port.parity != "N") + port.stopbits) / port.baudrate


def _warnings(line: LineForecast) -> list[str]:
    said = []
    if line.busy is not None and line.busy > BUSY:
        said.append(
            f'line "{line.line.id}": is busy {line.busy:.0%} of the time, its periods will not be kept: '
            "poll less often, raise the baudrate or use a second line"
        )
    for device in line.devices:
        longest = device.longest_answer_s
        if longest is not None and longest > line.settings.timeout_s:
            said.append(
                f'device "{device.device.id}": its longest answer takes {longest:.2f} s at this speed, the timeout '
                f"is {line.settings.timeout_s:g} s: raise timeout or set block_max"
            )
    return said
