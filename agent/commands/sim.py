"""`tram sim`: the twin of a station file."""

import asyncio
import json
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from config.station import Station
    from sim.hosts.tls import Certificate
    from sim.replay import Replay
    from sim.served import ServedLog
    from sim.twin import Place, Wishes

NO_PORT = {
    "serial": "a serial line, which is served on a terminal of its own",
    "local": "this machine itself, which is not simulated",
}
"""Kinds of lines that --port cannot mean."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One line for programs.")
@click.option("--seed", default=1, show_default=True, help="Another seed is another day.")
@click.option(
    "--faults",
    multiple=True,
    metavar="NAME[=N][@FIRST[-LAST]][%PERCENT][/DEVICE]",
    help="What goes wrong, may be repeated: silent slow late truncated flip noise unit function short "
    "exception close reboot.",
)
@click.option(
    "--port", "ports", multiple=True, metavar="LINE=PORT", help="Serve a line over the network on this port."
)
@click.option(
    "--write",
    type=click.Path(path_type=Path),
    help="Write a copy of FILE that polls the twin, with a key and a database of its own and no destinations.",
)
@click.option("--keep-destinations", is_flag=True, help="Leave them in the copy: simulated values go there.")
@click.option(
    "--log", type=click.Path(path_type=Path), help="Add every answer to this file, a line of JSON each."
)
@click.option(
    "--replay",
    "recordings",
    multiple=True,
    metavar="RECORDING",
    type=click.Path(path_type=Path),
    help="Let a line answer as `tram watch --record` wrote it down, may be repeated.",
)
def sim(
    file: Path,
    *,
    as_json: bool,
    seed: int,
    faults: tuple[str, ...],
    ports: tuple[str, ...],
    write: Path | None,
    keep_destinations: bool,
    log: Path | None,
    recordings: tuple[Path, ...],
) -> None:
    """Serve every device of FILE on this machine until Ctrl-C, and say where.

    Example: tram sim station.toml --write rehearsal.toml, and in a second window: tram run rehearsal.toml

    With trouble: tram sim station.toml --faults late=1.5%5/ph --faults silent@20-40

    What was on the line at the station: tram sim station.toml --replay rs485.jsonl
    """
    from agent.station import load_station
    from sim import replay
    from sim.twin import Wishes

    station = load_station(file, elsewhere=True)
    if write is not None:
        _refuse_to_overwrite(file, write)
    own = _own_folder(write) if write else None
    try:
        replays = replay.read_all(recordings, station)
        tls = _certificate(own, station) if own else None
        wishes = Wishes(seed, faults, _ports(ports, station), own, tls, replays)
        with _account(log) as served:
            asyncio.run(_serve(station, wishes, served, write, keep=keep_destinations, as_json=as_json))
    except ValueError as error:
        raise click.ClickException(str(error)) from error


async def _serve(
    station: "Station",
    wishes: "Wishes",
    served: "ServedLog",
    write: Path | None,
    *,
    keep: bool,
    as_json: bool,
) -> None:
    from sim import twin

    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    for replay in wishes.replays.values():
        replay.missed = partial(_say_missed, replay)
    async with twin.serve(station, wishes, served) as (urls, places):
        if write is not None:
            _write_copy(station.file, write, urls, keep=keep)
        click.echo(
            _as_json(station, urls, places, write)
            if as_json
            else _as_text(urls, places, write, wishes.replays)
        )
        await stop.wait()
    for replay in wishes.replays.values():
        if replay.unrecorded:
            total = sum(replay.unrecorded.values())
            click.echo(
                f"line {replay.line}: {total} question{'s' * (total != 1)} not in the recording, without an answer",
                err=True,
            )


def _say_missed(replay: "Replay", asked: bytes) -> None:
    """Each kind of question once, when it is first asked; the end counts them."""
    from drivers.protocols.frame_words import question_words

    words = question_words(replay.framing, asked)
    click.echo(f"line {replay.line}: not in the recording, no answer: {words}", err=True)


def _ports(wished: Sequence[str], station: "Station") -> dict[str, int]:
    from sim.on_the_air import scheme_of

    schemes = {line.id: scheme_of(line) for line in station.lines}
    networked = sorted(line for line, scheme in schemes.items() if scheme not in NO_PORT)
    choices = f"lines with a port: {', '.join(networked)}" if networked else "no line of the file has a port"
    ports = {}
    for wish in wished:
        line, _, port = wish.rpartition("=")
        why_none = NO_PORT.get(schemes.get(line, ""))
        if why_none is not None:
            raise click.ClickException(f"--port {wish}: line {line} is {why_none}; {choices}")
        if line not in schemes or not port.isdecimal() or int(port) > 0xFFFF:
            raise click.ClickException(f"--port {wish}: write LINE=PORT; {choices}")
        ports[line] = int(port)
    return ports


def _refuse_to_overwrite(file: Path, write: Path) -> None:
    from sim.rehearsal import is_rehearsal

    # What is no text at all is somebody's too.
    if write.exists() and (
        write.samefile(file) or not is_rehearsal(write.read_text(encoding="utf-8", errors="replace"))
    ):
        raise click.ClickException(
            f"{write} is there and is not a rehearsal, choose another name for --write"
        )


def _own_folder(write: Path) -> Path:
    """What the copy needs beside it: key, database, stable names of serial lines."""
    folder = write.resolve().with_suffix(".files")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _certificate(folder: Path, station: "Station") -> "Certificate | None":
    """What the twin shows on lines with TLS; None: there is no such line."""
    from agent.tables import wire_of
    from sim.hosts.tls import certificate

    secured = any(wire_of(line).url.startswith("tls:") for line in station.lines)
    return certificate(folder) if secured else None


def _write_copy(file: Path, write: Path, urls: Mapping[str, str], *, keep: bool) -> None:
    from sim.hosts.tls import CERTIFICATE
    from sim.rehearsal import Rehearsal, rewrite
    from telemetry import keyfile

    folder = _own_folder(write)
    key = folder / "station.pem"
    if not key.exists():
        keyfile.create(key)
    own = folder.name
    rehearsal = Rehearsal(
        urls, f"{own}/{key.name}", f"{own}/ledger.db", f"{own}/{CERTIFICATE}", keeps_destinations=keep
    )
    write.write_text(rewrite(file.read_text(encoding="utf-8-sig"), file.name, rehearsal), encoding="utf-8")


@contextmanager
def _account(log: Path | None) -> "Iterator[ServedLog]":
    from sim.served import ServedLog, log_to

    if log is None:
        yield ServedLog(keep=0)
    else:
        with log_to(log) as served:
            yield served


def _as_json(
    station: "Station", urls: Mapping[str, str], places: Sequence["Place"], write: Path | None
) -> str:
    devices = [place._asdict() for place in places]
    copy = str(write) if write else None
    return json.dumps({"station": station.id, "lines": dict(urls), "devices": devices, "written": copy})


def _as_text(
    urls: Mapping[str, str], places: Sequence["Place"], write: Path | None, replayed: Collection[str]
) -> str:
    served = dict.fromkeys(place.line for place in places)
    rows = [
        f"{line}  {url}  (this machine, not simulated)" for line, url in urls.items() if line not in served
    ]
    for line in served:
        rows.append(f"{line}  {urls[line]}{'  (a recording)' if line in replayed else ''}")
        rows += [
            f"  {place.device:<16} unit {_shown(place.unit):<3} {place.channels} channel{'s' * (place.channels != 1)}"
            for place in places
            if place.line == line
        ]
    if write is None and any(url.startswith("tls:") for url in urls.values()):
        rows.append("Lines with TLS are only for the copy that --write makes: it trusts their certificate.")
    if write is not None:
        rows.append(f"\nwritten: {write}. In a second window: tram run {write}")
    return "\n".join([*rows, "Ctrl-C ends the simulation."])


def _shown(unit: int | str | None) -> str:
    return "–" if unit is None else str(unit)
