"""What one reading of a device tells a technician: what is wrong, and what to check in which order. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from drivers.checks import Check
from drivers.endpoint import Endpoint, SerialPort
from drivers.errors import DriverError, Garbled, NoAnswer, Refused
from drivers.modbus_settings import Settings
from drivers.neighbours import Beside
from drivers.protocols.modbus import decode
from drivers.protocols.modbus_pdu import DEVICE_FAILURE, ILLEGAL_FUNCTION
from drivers.registers import Block, could_be, figure, has_orders, in_orders, scaled, words_of

BUSY = frozenset({5, 6})


class Heard(NamedTuple):
    """What there is to judge. `error`: why nothing was read. `address` of the device on its line; None: it has none."""

    where: Endpoint
    address: int | str | None
    error: DriverError | None = None
    read: Sequence[Block] = ()
    beside: Sequence[Beside] = ()
    check: Check | None = None
    modbus: bool = True


def verdict(heard: Heard, settings: object) -> tuple[str, ...]:
    """Line by line; empty: nothing is wrong as far as it can be seen from here."""
    if heard.error is not None:
        return tuple(_of_error(heard, heard.error))
    if isinstance(settings, Settings):
        return (*_refused(heard), *_impossible(settings, heard), *_zeros(heard.read))
    return tuple(_refused(heard))


def _of_error(heard: Heard, error: DriverError) -> Iterator[str]:
    if isinstance(error, NoAnswer):
        yield from _in_order(f"{_who(heard)} does not answer. Check in this order:", _silence(heard))
    elif isinstance(error, Garbled):
        yield from _garbled(heard)
    elif isinstance(error, Refused):
        yield from _refused(heard) or (f"{_who(heard)} says no: the wires are right, the question is not.",)


def _who(heard: Heard) -> str:
    return "the instrument" if heard.address is None else f"unit {heard.address}"


def _in_order(head: str, checks: Sequence[str]) -> Iterator[str]:
    yield head
    yield from (f"  {number}  {check}" for number, check in enumerate(checks, start=1))


def _silence(heard: Heard) -> list[str]:
    """Wiring, unit, speed, parity; where each can be looked at."""
    where = heard.where
    address = [] if heard.address is None else [f"is {heard.address} its address? It stands in its menu"]
    protocol = "is Modbus the protocol in its menu?" if heard.modbus else "is this the protocol in its menu?"
    slow = 'an instrument that answers slowly: timeout = "3s" in its [[line]]'
    if isinstance(where, SerialPort):
        setting = f"{where.baudrate} Bd {where.bytesize}{where.parity}{where.stopbits}"
        return [
            "is it switched on?",
            "both wires: A (D-) to A, B (D+) to B; makers name them differently, swap them once",
            *address,
            f"speed and parity: here {setting}, in its menu the same",
            protocol,
            slow,
        ]
    if where.numbered and heard.modbus:
        return [
            "the address is reached and somebody listens there: is it the instrument, or a gateway?",
            *address,
            "behind a gateway: is the instrument on, its wires, and the gateway's speed and parity",
            "a serial server that passes bytes on is written rtu+tcp://, not tcp://",
            slow,
        ]
    return [
        "the serial server is reached: is the instrument behind it switched on?",
        "both wires between them: A (D-) to A, B (D+) to B; swap them once",
        *address,
        "speed and parity in the serial server's own menu: the instrument's",
        protocol,
        slow,
    ]


def _garbled(heard: Heard) -> Iterator[str]:
    yield f"{_who(heard)}: something is heard that is no answer. The wires are connected."
    if heard.check is not None:
        found, expected = heard.check.found, heard.check.expected
        state = "is right" if heard.check.right else f"is wrong: it says {found}, the bytes give {expected}"
        yield f"  its {heard.check.name} {state}"
    if heard.check is not None and heard.check.right and not heard.modbus:
        checks = ["the message is whole: what the file says of its protocol, against the manual and its menu"]
    elif heard.check is not None and heard.check.right:
        checks = ["a second master on the line, or two instruments with this address"]
    else:
        checks = [
            "speed, parity and data bits: a wrong one makes other bytes of all",
            "two instruments with one address: leave only this one connected",
            "noise: ground, shield, terminating resistors of 120 ohm at both ends of the line",
        ]
    yield from (f"  {number}  {check}" for number, check in enumerate(checks, start=1))


def _refused(heard: Heard) -> tuple[str, ...]:
    """The blocks that were refused for good, and what stands beside them."""
    refused = [block for at, block in enumerate(heard.read) if _is_final(block, heard.read[at + 1 :])]
    rows = [f"{block.table} {_span(block)}: {_exception(int(block.why.split()[1]))}" for block in refused]
    return (*rows, *(f"  {beside}" for beside in heard.beside if beside.refused))


def _is_final(block: Block, later: Sequence[Block]) -> bool:
    """Whether it was refused and not asked for again in parts."""
    inside = range(block.address, block.address + block.length)
    parts = [each for each in later if each.table == block.table and each.address in inside]
    return block.why.startswith("exception") and not any(each.length < block.length for each in parts)


def _span(block: Block) -> str:
    last = block.address + block.length - 1
    return f"{block.address}" if last == block.address else f"{block.address}..{last}"


def _exception(code: int) -> str:
    if code == ILLEGAL_FUNCTION:
        return "exception 1, it does not know this function: input or holding, discrete or coil?"
    if code == DEVICE_FAILURE:
        return "exception 4, a fault in the instrument itself: look at its display"
    if code in BUSY:
        return f"exception {code}, it is busy: read again"
    return (
        f"exception {code}, it has no such register: is the address right, and does the manual count from 1?"
    )


def _impossible(settings: Settings, heard: Heard) -> Iterator[str]:
    """Values that cannot be, and in which order of their bytes they could."""
    channels = {channel.id: channel for channel in settings.channel}
    beside = _by_channel(heard.beside)
    for point in settings.points():
        words, channel = words_of(point, heard.read), channels[point.channel]
        if not words:
            continue
        value = scaled(channel, decode(point, words))
        if could_be(channel, point, value) or _is_none(channel.no_value, decode(point, words)):
            continue
        low, high = channel.range or (None, None)
        limits = "" if low is None else f", it should be {low:g} to {high:g} {channel.unit_of_measure}"
        yield f"{channel.id} is {figure(value)}{limits}: {_remedy(settings, point.channel, heard)}"
        yield from (f"  {each}" for each in beside.get(channel.id, ()) if each.possible)


def _is_none(no_value: Sequence[int | float], raw: object) -> bool:
    """Whether the instrument says that it has no value now."""
    return raw in no_value


def _remedy(settings: Settings, name: str, heard: Heard) -> str:
    channel = next(channel for channel in settings.channel if channel.id == name)
    point = next(point for point in settings.points() if point.channel == name)
    words = words_of(point, heard.read)
    if not has_orders(point):
        return "address, type, scale and offset against the manual"
    better = [each for each in in_orders(channel, point, words) if each.possible and not each.mine]
    if not better:
        return "possible in no order of its bytes: address and type against the manual"
    ways = " or ".join(f'order = "{each.order}" gives {figure(each.value)}' for each in better)
    return f"{ways}, compare with the display"


def _by_channel(beside: Sequence[Beside]) -> Mapping[str, list[Beside]]:
    by_channel: dict[str, list[Beside]] = {}
    for each in beside:
        by_channel.setdefault(each.channel, []).append(each)
    return by_channel


def _zeros(read: Sequence[Block]) -> Iterator[str]:
    answered = [block for block in read if block.words and block.table in {"holding", "input"}]
    if answered and not any(any(block.words) for block in answered):
        yield "every register is 0: is it measuring, and are these its registers? Compare with the display"
