"""What a frame says, for the technician: whose it is, what is in it, whether its check is right. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from drivers.cutting import CUTTERS, Framing
from drivers.driver import DriverSettings
from drivers.frames import Asked, Frame
from drivers.inbox import EXCEPTION_BIT, RTU_SHORTEST, question
from drivers.protocols.frame_words import (
    answer_words,
    ascii_message,
    crc_words,
    lrc_words,
    registers,
    request_words,
    text,
)
from drivers.protocols.modbus import Point, decode
from drivers.scaling import Scaling, scaling

SHOWN_CHANNELS = 12


class Channel(NamedTuple):
    """Where a channel lies, and what its number is multiplied with."""

    point: Point
    scaling: Scaling | None
    unit: str


class Named(NamedTuple):
    """A device by the name that the station file gives it. `channels` empty: it does not speak Modbus."""

    id: str
    channels: tuple[Channel, ...] = ()


def named(device: str, settings: DriverSettings) -> Named:
    """From the device's table."""
    if settings.speech() != "modbus":
        return Named(device)
    points = cast("Any", settings).points()
    rows = cast("list[list[Any]]", settings.rows())
    return Named(
        device,
        tuple(
            Channel(point, scaling(row[5], row[6]), row[7]) for point, row in zip(points, rows, strict=True)
        ),
    )


def describe(framing: Framing, frame: Frame, devices: Mapping[int, Named]) -> tuple[str, ...]:
    """Lines of words; `devices` by unit. What the mark of a frame says is left to who shows it."""
    if frame.way in "=!":
        return (frame.words,)
    if framing == "characters":
        return (text(frame.octets),)
    parsed = CUTTERS[framing]().parsed(frame.octets)
    if parsed is None:
        return (_damage(framing, frame),)
    number, unit, pdu = parsed
    who, proof = _who(unit, devices), _proof(framing, number, frame.octets)
    if frame.way == ">" or frame.mark == "echo":
        return (f"{who}: {request_words(pdu)} · {proof}",)
    asked = frame.asked.pdu if frame.asked and frame.mark != "foreign" else None
    values = ", ".join(_values(asked, pdu, devices.get(unit)))
    return (f"{who}: {answer_words(asked, pdu)} · {proof}", *([values] if values else []))


def _who(unit: int, devices: Mapping[int, Named]) -> str:
    device = devices.get(unit)
    return f"unit {unit} ({device.id})" if device else f"unit {unit}"


def _proof(framing: Framing, number: int, octets: bytes) -> str:
    if framing == "rtu":
        return crc_words(octets)
    return lrc_words(ascii_message(octets)) if framing == "ascii" else f"no. {number}"


def _values(asked: bytes | None, pdu: bytes, device: Named | None) -> Iterator[str]:
    """Every channel that lies wholly in what was answered, scaled and with its unit."""
    found = registers(asked, pdu)
    if found is None or device is None:
        return
    table, first, words = found
    inside = [
        c
        for c in device.channels
        if c.point.table == table and first <= c.point.address <= first + len(words) - c.point.count
    ]
    for channel in inside[:SHOWN_CHANNELS]:
        at = channel.point.address - first
        raw = decode(channel.point, words[at : at + channel.point.count])
        value = (
            raw if channel.scaling is None or raw is None or isinstance(raw, str) else channel.scaling(raw)
        )
        unit = "" if channel.unit in ("", "1", channel.point.channel) else f" {channel.unit}"
        yield f"{channel.point.channel} {_number(value)}{unit}"
    if len(inside) > SHOWN_CHANNELS:
        yield f"… {len(inside)} channels"


def _number(value: object) -> str:
    """Seven significant digits, which is what a 32-bit float has."""
    if value is None:
        return "no number"
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _damage(framing: Framing, frame: Frame) -> str:
    """Why bytes are no frame."""
    octets, asked = frame.octets, frame.asked
    if framing in ("tcp", "udp"):
        return f"NOISE, no Modbus TCP: {text(octets[:40])}"
    if framing == "ascii":
        message = ascii_message(octets)
        return f"DAMAGED: {lrc_words(message)}" if len(message) > 2 else f"NOISE, no frame: {text(octets)}"
    return _rtu_damage(octets, asked)


def _rtu_damage(octets: bytes, asked: Asked | None) -> str:
    """What it was meant to be, as far as length and beginning tell."""
    whole = _whole_bytes(asked, octets)
    if asked is not None and whole:
        begins_well = octets[0] == asked.unit and octets[1] & 0x7F == asked.pdu[0]
        if len(octets) == whole:
            return f"DAMAGED: as long as the answer of unit {asked.unit}; {crc_words(octets)}"
        if begins_well and len(octets) < whole:
            return f"CUT SHORT: {len(octets)} of the {whole} bytes that unit {asked.unit} should answer"
        if begins_well:
            return f"TOO LONG: the {whole} bytes of unit {asked.unit} and more; {crc_words(octets[:whole])}"
    return "NOISE: no frame; a wrong speed or parity, or two that spoke at once"


def _whole_bytes(asked: Asked | None, octets: bytes) -> int:
    """How long the RTU answer or refusal should be; 0: there is no telling."""
    if asked is None or not asked.pdu or len(octets) < 3:
        return 0
    if octets[1] == asked.pdu[0] | EXCEPTION_BIT:
        return RTU_SHORTEST
    try:
        return question(asked.unit, asked.pdu).length + 3
    except ValueError:  # a function whose answer has no known length
        return 0
