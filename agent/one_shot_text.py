"""One reading of a device on paper: values, registers, bytes, orders, verdict. Pure."""

from collections.abc import Iterator, Sequence

from agent.one_shot import OneShot
from agent.shown import shown
from drivers.modbus_settings import Settings
from drivers.notation import number
from drivers.protocols.modbus import BIT_TABLES, Point
from drivers.registers import Block, InOrder, has_orders, in_orders, words_of
from drivers.trace import Bytes
from telemetry.reading import Reading, words

HEX_A_ROW = 16


def as_text(shot: OneShot, *, raw: bool, orders: bool) -> str:
    """For people. The bytes are shown too when something is wrong."""
    parts = [list(_values(shot))]
    if orders:
        parts.append(list(_orders(shot)))
    if raw or shot.errors or shot.verdict:
        parts += [list(_registers(shot)), list(_bytes(shot))]
    if shot.verdict:
        parts.append(["VERDICT", *shot.verdict])
    return "\n\n".join("\n".join(part) for part in parts if part)


def as_table(shot: OneShot, *, raw: bool, orders: bool) -> dict[str, object]:
    """For programs."""
    table: dict[str, object] = {
        "channels": [
            {"channel": reading.channel, "value": reading.value, "flags": list(words(reading.flags))}
            for reading in _readings(shot)
        ],
        "errors": [str(error) for error in shot.errors],
        "verdict": list(shot.verdict),
    }
    if orders:
        table["orders"] = {
            point.channel: {each.order: each.value for each in some} for point, some in _in_orders(shot)
        }
    if raw:
        table["blocks"] = [
            {"table": b.table, "address": b.address, "length": b.length, "words": list(b.words), "why": b.why}
            for b in shot.read
        ]
        table["bytes"] = [
            {"sent": each.sent, "hex": each.data.hex(" "), "more": each.more} for each in shot.passed
        ]
        table["check"] = None if shot.check is None else shot.check._asdict()
    return table


def _readings(shot: OneShot) -> Iterator[Reading]:
    blocks = () if shot.cycle is None else shot.cycle.blocks
    return (reading for block in blocks for reading in block.readings)


def _values(shot: OneShot) -> Iterator[str]:
    units = {channel.id: channel.unit for channel in shot.settings.channels()}
    for reading in _readings(shot):
        value, unit = shown(reading.value), units[reading.channel]
        yield f"{reading.channel:<16} {value:>12} {unit:<8} {', '.join(words(reading.flags))}".rstrip()
    for wanted in shot.device.status_from if shot.cycle is not None else ():
        says = f"what {wanted.channel} of {wanted.device} says of them"
        yield f"not asked here: {says}, see tram read FILE {wanted.device}"


def _in_orders(shot: OneShot) -> Iterator[tuple[Point, list[InOrder]]]:
    if not isinstance(shot.settings, Settings):
        return
    channels = {channel.id: channel for channel in shot.settings.channel}
    for point in shot.settings.points():
        held = words_of(point, shot.read)
        if held and has_orders(point):
            yield point, list(in_orders(channels[point.channel], point, held))


def _orders(shot: OneShot) -> Iterator[str]:
    yield "ORDERS     * the station file's, ( ) a value that cannot be"
    rows = list(_in_orders(shot))
    if not rows:
        yield "  no value here has an order: none of several registers was read"
        return
    yield f"  {'':<16}" + "".join(f"{each.order:>16}" for each in rows[0][1])
    for point, some in rows:
        yield f"  {point.channel:<16}" + "".join(f"{_in_order(each):>16}" for each in some)


def _in_order(each: InOrder) -> str:
    value = shown(each.value) if each.possible else f"({shown(each.value)})"
    return f"{value}{'*' if each.mine else ' '}"


def _registers(shot: OneShot) -> Iterator[str]:
    if not shot.read:
        return
    yield "REGISTERS"
    points = shot.settings.points() if isinstance(shot.settings, Settings) else ()
    for block in shot.read:
        last = block.address + block.length - 1
        head = f"  {block.table} {block.address}..{last} ({number(block.table, block.address)})"
        yield f"{head}: {block.why}" if not block.words else head
        yield from _words(block, points)


def _words(block: Block, points: Sequence[Point]) -> Iterator[str]:
    for place, word in enumerate(block.words, start=block.address):
        here = [
            p.channel for p in points if p.table == block.table and p.address <= place < p.address + p.count
        ]
        value = f"{word}" if block.table in BIT_TABLES else f"{word:04x}  {word:>5}"
        yield f"    {place:>5}  {value}  {', '.join(here)}".rstrip()


def _bytes(shot: OneShot) -> Iterator[str]:
    if not shot.passed:
        return
    yield "BYTES      > sent, < heard"
    for passed in shot.passed:
        yield from _hex(passed, text=shot.settings.speech() == "characters")
    if not shot.passed[-1].sent:
        if shot.check is not None:
            state = "right" if shot.check.right else f"WRONG, the bytes give {shot.check.expected}"
            yield f"  {shot.check.name} {shot.check.found}: {state}"
    else:
        yield "  < nothing"


def _hex(passed: Bytes, *, text: bool) -> Iterator[str]:
    sign = ">" if passed.sent else "<"
    for at in range(0, len(passed.data), HEX_A_ROW):
        row = passed.data[at : at + HEX_A_ROW]
        printed = "  " + "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row) if text else ""
        yield f"  {' ' if at else sign} {row.hex(' '):<{3 * HEX_A_ROW - 1 if text else 0}}{printed}"
    if passed.more:
        yield f"    … and {passed.more:,} bytes more"
