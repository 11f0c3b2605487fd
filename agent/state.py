"""The state of a running agent as plain values: what `tram status --json` prints."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING

from agent.clock import Clock, moment
from agent.read import Device, Line
from agent.tables import settings_of, wire_of
from agent.version import SOFTWARE
from telemetry.reading import words
from telemetry.record import ClockState

if TYPE_CHECKING:
    from agent.run import Agent

State = dict[str, object]


def status_of(agent: "Agent") -> State:
    """Lines, devices with their last values, ledger, destinations and clock. Ages in s, instants in ms UTC.

    `tasks`: of the event loop, that of the answer included; a number that grows for days is a leak.
    """
    now = moment(agent.clock)
    ledger = agent.ledger.recorder.ledger
    units = {
        table.id: {c.id: c.unit for c in settings_of(table).channels()} for table in agent.station.devices
    }
    return {
        "station": agent.station.id,
        "name": agent.station.name,
        "software": SOFTWARE,
        "running_for_s": (now.mono_ms - agent.started_mono_ms) // 1_000,
        "boots": agent.ledger.boots,
        "tasks": len(asyncio.all_tasks()),
        "clock": {
            "wall_ms": now.wall_ms,
            "state": ClockState(now.clock).name.lower(),
            "max_error_ms": now.max_error_ms,
        },
        "ledger": {
            "id": ledger.ledger.hex(),
            "newest_seq": ledger.next_seq - 1,
            "waiting": agent.ledger.keeper.waiting,
            "trouble": agent.ledger.trouble,
            "entombed": agent.ledger.entombed,
        },
        "lines": [_line(agent, line) for line in agent.field.lines],
        "devices": [
            _device(device, line, agent.clock, units.get(device.plan.device, {}))
            for line in agent.field.lines
            for device in line.devices
        ],
        "destinations": [_destination(delivery.status()) for delivery in agent.deliveries],
        "reload_refused": agent.reload_refused,
    }


def _line(agent: "Agent", line: Line) -> State:
    tables = {table.id: table for table in agent.station.lines}
    stats = agent.field.buses[line.line].stats
    return {"line": line.line, "url": wire_of(tables[line.line]).url, **_plain(stats)}


def _device(device: Device, line: Line, clock: Clock, units: Mapping[str, str]) -> State:
    answered = device.answered_mono_ms
    return {
        "device": device.plan.device,
        "line": line.line,
        "every_ms": device.due.every_ms,
        "age_s": None if answered is None else round((clock.mono_ms() - answered) / 1_000, 1),
        "silent": device.silent_since_mono_ms is not None,
        "polls": device.polls,
        "failures": device.failures,
        "partial": device.partial,
        "trouble": device.trouble,
        "backfill": device.backfill.fetched if device.backfill is not None else None,
        "channels": [
            {
                "channel": reading.channel,
                "value": reading.value,
                "unit": units.get(reading.channel, ""),
                "flags": list(words(reading.flags)),
            }
            for block in device.last_blocks
            for reading in block.readings
        ],
    }


def _destination(status: object) -> State:
    return _plain(status)


def _plain(value: object) -> State:
    assert is_dataclass(value)
    assert not isinstance(value, type)
    return asdict(value)
