"""`tram status`: asks the running agent."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from agent.shown import say, shown

Table = dict[str, Any]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(file: Path, as_json: bool) -> None:
    """Ask the agent that runs FILE: lines, devices, last values, what is owed, the clock.

    Example: tram status station.toml
    """
    from agent import status as socket
    from agent.station import store_of

    try:
        answer: Table = asyncio.run(socket.ask(socket.socket_path(store_of(file))))
    except socket.NotRunning as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        say(as_text(answer))


def as_text(answer: Table) -> str:
    """The same for people, worst first within each part."""
    ledger, clock = answer["ledger"], answer["clock"]
    lines = [
        f"{answer['station']}  {answer['name']}",
        f"{answer['software']}, running for {_duration(answer['running_for_s'])}, boot {answer['boots']}",
        f"clock   {clock['state']}, within {clock['max_error_ms']} ms",
        f"ledger  {ledger['id'][:8]}… seq {ledger['newest_seq']}, {ledger['waiting']} waiting to be written",
    ]
    if ledger["trouble"]:
        lines.append(f"  ! {ledger['trouble']}")
    if ledger["entombed"]:
        lines.append(
            f"  ! {ledger['entombed']} undelivered records went into tombstones: the quota was used up"
        )
    if answer["reload_refused"]:
        lines.append(f"  ! the changed station file was refused: {answer['reload_refused']}")
    return "\n".join([*lines, *_lines(answer), *_devices(answer), *_destinations(answer)])


def _lines(answer: Table) -> list[str]:
    rows = []
    for line in answer["lines"]:
        state = "open" if line["is_open"] else "closed"
        counts = [f"{line['requests']} requests"]
        counts += [f"{line[name]} {words}" for name, words in _LINE_COUNTS.items() if line[name]]
        mark = " " if line["error"] is None else "!"
        rows.append(f"{mark} {line['line']:<12} {line['url']}  {state}, {', '.join(counts)}")
        if line["error"]:
            rows.append(f"      {line['error']}")
    return ["", "LINES", *rows]


_LINE_COUNTS = {
    "timeouts": "timeouts",
    "garbled": "garbled answers",
    "refused": "refusals",
    "late_frames": "late answers heard and thrown away",
    "stray_frames": "stray frames",
    "reconnects": "reconnects",
}


def _devices(answer: Table) -> list[str]:
    rows = []
    for device in answer["devices"]:
        mark = "!" if device["silent"] or device["trouble"] else " "
        age = "never answered" if device["age_s"] is None else f"answered {device['age_s']} s ago"
        polls = f"{device['failures']} of {device['polls']} polls failed"
        rows.append(f"{mark} {device['device']:<12} on {device['line']}, {age}, {polls}")
        if device["trouble"]:
            rows.append(f"      {device['trouble']}")
        if device.get("backfill") is not None:
            rows.append(f"      what it kept meanwhile is fetched: {device['backfill']} records so far")
        rows += [_channel(reading) for reading in device["channels"]]
    return ["", "DEVICES", *rows]


def _channel(reading: Table) -> str:
    value = shown(reading["value"])
    return f"      {reading['channel']:<14} {value:>12} {reading['unit']:<8} {', '.join(reading['flags'])}".rstrip()


def _destinations(answer: Table) -> list[str]:
    rows = []
    for destination in answer["destinations"]:
        state = "connected" if destination["connected"] else "not connected"
        mark = "!" if destination["alarm"] or destination["trouble"] else " "
        rows.append(f"{mark} {destination['destination']:<12} {state}, {destination['owed']} records owed")
        texts = dict.fromkeys(destination[name] for name in ("trouble", "alarm"))
        rows += [f"      {text}" for text in texts if text]
    return ["", "DESTINATIONS", *rows]


def _duration(seconds: int) -> str:
    for name, length_s in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds / length_s:.1f} {name}"
    return f"{seconds} s"
