"""`tram watch`: the frames of a line as they pass, from the running agent."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from agent.shown import say
from config.errors import one_line

if TYPE_CHECKING:
    from agent.watching import About, Missed, Recorder, Watch
    from config.station import Station
    from drivers.described import Named
    from drivers.frames import Frame

SHOWN_OCTETS = 32
_MARKS = {
    "late": "LATE, thrown away: it answers the question of {asked}",
    "stray": "STRAY, thrown away: nobody waited for it",
    "foreign": "NOT THE ANSWER, thrown away: the question was that of {asked}",
    "echo": "ECHO of the question: the adapter hears itself",
}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("line")
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    help="Keep the frames in this new file, for `tram sim FILE --replay` and for whoever is asked for help.",
)
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each frame, for programs.")
def watch(file: Path, line: str, *, record: Path | None, as_json: bool) -> None:
    """Show what passes on LINE of FILE while its agent runs, until Ctrl-C. The agent polls on undisturbed.

    Example: tram watch station.toml rs485

    To take it home: tram watch station.toml rs485 --record rs485.jsonl, and there
    tram sim station.toml --replay rs485.jsonl
    """
    from agent.station import load_station
    from agent.watched import socket_path

    station = load_station(file, elsewhere=True)
    _refuse_unknown(station, line)
    if record is not None and record.exists():
        raise click.ClickException(f"{record} is there already: choose another name for --record")
    try:
        asyncio.run(_watch(socket_path(station.buffer.path), station, line, record, as_json=as_json))
    except BrokenPipeError:
        # Whoever read this has seen enough, as in `| head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse_unknown(station: "Station", line: str) -> None:
    """The file is looked at first: the agent may have been started with an older one, and says so itself."""
    names = [table.id for table in station.lines]
    if line not in names:
        raise click.ClickException(f'{station.file} has no line "{line}"; it has: {", ".join(names)}')


async def _watch(socket: Path, station: "Station", line: str, record: Path | None, *, as_json: bool) -> None:
    from agent.watching import Recorder, watching

    async with watching(socket, line) as watch:
        recorder = Recorder(record) if record else None
        if recorder:
            recorder.open(watch.about)
        screen = Screen(watch.about, ZoneInfo(station.timezone), devices_on(station, line), as_json=as_json)
        showing = asyncio.create_task(_show(watch, screen, recorder), name="showing")
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, showing.cancel)
        try:
            await asyncio.wait([showing])
        finally:
            if recorder:
                recorder.close()
        if not showing.cancelled():
            showing.result()
        if not as_json:
            say(screen.end(record))


async def _show(watch: "Watch", screen: "Screen", recorder: "Recorder | None") -> None:
    screen.begin()
    async with aclosing(watch.frames()) as frames:
        async for shown in frames:
            if recorder:
                recorder.add(shown)
            screen.show(shown)


def devices_on(station: "Station", line: str) -> "dict[int, Named]":
    """The devices of a line by unit, for their names; those without a number have none to be known by."""
    from agent.tables import settings_of
    from drivers.described import named

    settings = {device.id: settings_of(device) for device in station.devices if device.line == line}
    addresses = {id_: table.address() for id_, table in settings.items()}
    return {unit: named(id_, settings[id_]) for id_, unit in addresses.items() if isinstance(unit, int)}


class Screen:
    """Says it to people, or to programs."""

    def __init__(
        self, about: "About", zone: ZoneInfo, devices: "Mapping[int, Named]", *, as_json: bool
    ) -> None:
        self._about = about
        self._zone = zone
        self._devices = devices
        self._as_json = as_json
        self._frames = 0
        self._missed = 0

    def begin(self) -> None:
        """What is watched."""
        if self._as_json:
            return
        about = self._about
        say(
            f"{about.station}, line {about.line}, {about.url} ({_FRAMINGS[about.framing]}); times of {self._zone}\n"
            "> sent, < heard, = as the driver reads it, ! what happened. Ctrl-C ends it, the agent polls on."
        )

    def show(self, shown: "Frame | Missed") -> None:
        """One frame, at once."""
        from agent.watching import Missed

        if isinstance(shown, Missed):
            self._missed += shown.pieces
        else:
            self._frames += shown.way in "<>"
        if self._as_json:
            click.echo(self._json(shown))
        else:
            say("\n".join(map(one_line, self.rows(shown))))

    def end(self, record: Path | None) -> str:
        """The last line."""
        kept = f", kept in {record}" if record else ""
        missed = f"; {self._missed} pieces not shown" if self._missed else ""
        return f"\n{self._frames} frame{'s' * (self._frames != 1)}{kept}{missed}"

    def rows(self, shown: "Frame | Missed") -> list[str]:
        """A frame as lines for eyes: the time, the bytes, what they say."""
        from agent.watching import Missed
        from drivers.described import describe
        from drivers.protocols.frame_words import text

        time = self._time(shown.at_s)
        if isinstance(shown, Missed):
            return [f"{time} ! {shown.pieces} pieces of frames not shown: whoever reads this is too slow"]
        words = describe(self._about.framing, shown, self._devices)
        if shown.way in "=!":
            return [f"{time} {shown.way} {words[0]}"]
        octets = _octets(shown.octets) if self._about.framing != "ascii" else text(shown.octets)
        first, *others = [words[0], octets] if self._about.framing == "characters" else [octets, *words]
        mark = [self._mark(shown)] if shown.mark in _MARKS else []
        after = _after(shown) if shown.way == "<" and shown.mark in ("", "late") else ""
        rows = [f"{time} {shown.way} {first}"]
        for number, row in enumerate([*mark, *others]):
            rows.append(f"{after if number == 0 else '':>12}   {row}")
        return rows

    def _json(self, shown: "Frame | Missed") -> str:
        from agent.watching import Missed
        from drivers.described import describe

        row: dict[str, object] = {"time": self._about.moment(shown.at_s).isoformat(timespec="microseconds")}
        if isinstance(shown, Missed):
            return json.dumps({**row, "missed": shown.pieces})
        row |= {"dir": shown.way, "hex": shown.octets.hex(" ").upper(), "mark": shown.mark}
        row["words"] = list(describe(self._about.framing, shown, self._devices))
        if shown.asked and shown.way == "<":
            row["after_ms"] = round(1000 * (shown.at_s - shown.asked.at_s), 3)
        return json.dumps(row, ensure_ascii=False)

    def _mark(self, frame: "Frame") -> str:
        asked = self._time(frame.asked.at_s) if frame.asked else "before"
        return _MARKS[frame.mark].format(asked=asked)

    def _time(self, at_s: float) -> str:
        return self._about.moment(at_s).astimezone(self._zone).strftime("%H:%M:%S.%f")[:-3]


_FRAMINGS = {
    "tcp": "Modbus TCP",
    "udp": "Modbus UDP",
    "rtu": "Modbus RTU",
    "ascii": "Modbus ASCII",
    "characters": "characters",
}


def _after(frame: "Frame") -> str:
    """How long after its question, as `+12 ms`."""
    return f"+{1000 * (frame.at_s - frame.asked.at_s):.0f} ms" if frame.asked else ""


def _octets(octets: bytes) -> str:
    more = f" … {len(octets)} bytes" if len(octets) > SHOWN_OCTETS else ""
    return octets[:SHOWN_OCTETS].hex(" ").upper() + more
