"""`tram init`: a new station: its file, its key, the centre's key, and the fingerprint to read out."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agent.founding.outline import LOCAL_BROKER
from agent.founding.words import KINDS, LANGUAGES, language_of

if TYPE_CHECKING:
    from agent.founding.dialogue import Answers, Checks, Told
    from agent.founding.outline import Outline

STATION_FILE = "station.toml"
STATION_KEY = "keys/station.pem"
CENTRE_KEY = "keys/centre.pub"

_OPTIONS = {
    "station.id": "--station",
    "station.timezone": "--timezone",
    'destination "centre".url': "--broker",
}


class Made(NamedTuple):
    """What was written, and the key's names. `centre`: fingerprint of the pinned key, None when there is none."""

    folder: Path
    station: str
    kid: str
    fingerprint: str
    qr_text: str
    centre: str | None


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--station", metavar="ID", help="Name in topics and signed records.")
@click.option("--name", metavar="TEXT", help="Name for people.")
@click.option("--kind", type=click.Choice(KINDS), help="What it watches.")
@click.option("--timezone", default="Asia/Ho_Chi_Minh", show_default=True, help="IANA time zone.")
@click.option("--line", "lines", multiple=True, metavar="ID=URL", help="A line, may be repeated.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="ID[,KEY=VALUE]...",
    help="An instrument, may be repeated: profile, line, every and what its driver wants.",
)
@click.option(
    "--centre", type=click.Path(path_type=Path), metavar="F", help="The centre's public key, to pin."
)
@click.option(
    "--broker", metavar="URL", help=f"Where the centre listens, with --centre.  [default: {LOCAL_BROKER}]"
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="Of the questions.  [default: as LANG says]")
@click.option(
    "--yes/--ask",
    "quiet",
    default=None,
    help="Ask nothing and take what is told, or ask although nobody sits there.  [default: as the terminal is]",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def init(*, folder: Path, lang: str | None, quiet: bool | None, as_json: bool, **told: Any) -> None:  # noqa: ANN401
    """Make a station in DIR: station.toml to edit, keys/station.pem, and the fingerprint for the centre.

    Example: tram init my-station, and answer; at a terminal, what no option tells is asked.

    For a script: tram init my-station --yes --station BD_VSIP_NUO001 --line lan=tcp://10.0.0.5
    --device ph,profile=endress-cm44,unit=247 --centre centre.pub --broker mqtts://broker:8883

    Nothing that is there is overwritten.
    """
    from agent.founding.dialogue import Told
    from agent.founding.told import NotClear, device_told, line_told

    centre, broker = told["centre"], told["broker"]
    asks = (sys.stdin.isatty() and not as_json) if quiet is None else not quiet
    if broker is not None and centre is None and not asks:
        raise click.UsageError("--broker needs --centre: without the centre's key no receipt can be believed")
    if told["station"] is None and not asks:
        raise click.UsageError("Missing option '--station'.")
    refuse_taken(folder)
    try:
        lines = tuple(map(line_told, told["lines"]))
        devices = tuple(device_told(text, lines) for text in told["devices"])
    except NotClear as error:
        raise click.UsageError(str(error)) from error
    known = Told(
        station=told["station"],
        name=told["name"],
        timezone=told["timezone"],
        kind=told["kind"],
        lines=lines or None,
        devices=devices or None,
        centre=None if centre is None else str(centre),
        broker=broker,
    )
    answers = _asked(known, folder, lang or language_of(os.environ)) if asks else _taken(known)
    made = make(folder, answers.outline, Path(answers.centre) if answers.centre else None)
    if as_json:
        table = {**made._asdict(), "folder": str(folder), "file": str(folder / STATION_FILE)}
        click.echo(json.dumps(table, ensure_ascii=False, indent=2))
    else:
        click.echo(as_text(made))


def _taken(told: "Told") -> "Answers":
    """What was told, and for the rest what is usual."""
    from agent.founding.dialogue import Answers
    from agent.founding.outline import Outline

    outline = Outline(
        station=told.station or "",
        name=told.name or "",
        timezone=told.timezone,
        kind=told.kind or "",
        lines=told.lines or (),
        devices=told.devices or (),
        broker=(told.broker or LOCAL_BROKER) if told.centre else None,
    )
    return Answers(outline, told.centre or "")


def _asked(told: "Told", folder: Path, language: str) -> "Answers":
    """The rest from whoever sits at the terminal; click.Abort when they break off."""
    from agent.founding.dialogue import Dialogue, Offer
    from agent.founding.library import known_profiles, serial_ports
    from agent.founding.words import WORDS

    offer = Offer(known_profiles(), serial_ports())
    return Dialogue(Terminal(), WORDS[language], _checks(folder), offer).ask_all(told)


class Terminal:
    """The person at the terminal. Questions go to stderr: what is made is said on stdout."""

    def ask(self, question: str, default: str) -> str:
        """One line; click.Abort at the end of the input."""
        shown = f"{question} [{default}]" if default else question
        answer = click.prompt(shown, default="", show_default=False, prompt_suffix=" ", err=True)
        return str(answer).strip() or default

    def say(self, text: str) -> None:
        """One line."""
        click.echo(text, err=True)


def _checks(folder: Path) -> "Checks":
    from agent.founding.dialogue import Checks
    from config.station import checked_id
    from drivers.endpoint import endpoint
    from mqtt.broker import parse_url
    from telemetry import keyfile

    def centre(text: str) -> str | None:
        return _wrong(lambda: keyfile.load_public(Path(text))) if text else None

    def whole(outline: "Outline") -> str | None:
        used = {device.line for device in outline.devices}
        lines = tuple(line for line in outline.lines if line.id in used)
        return _wrong(lambda: _check(replace(outline, lines=lines), folder / STATION_FILE))

    return Checks(
        station=lambda text: _wrong(lambda: checked_id(text)),
        url=lambda text: _wrong(lambda: endpoint(text)),
        centre=centre,
        broker=lambda text: _wrong(lambda: parse_url(text)),
        whole=whole,
    )


def _wrong(check: Callable[[], object]) -> str | None:
    """What the check says against it, in one line."""
    from mqtt.errors import MqttError
    from telemetry.keyfile import KeyFileError

    try:
        check()
    except (ValueError, OSError, MqttError, KeyFileError, click.ClickException) as error:
        said = error.message if isinstance(error, click.ClickException) else str(error)
        return said.splitlines()[0]
    return None


def make(folder: Path, outline: "Outline", centre: Path | None) -> Made:
    """Write it all, or say in one line why not and leave what was there as it was."""
    from agent.founding.outline import station_file
    from telemetry import keyfile, keys

    _check(outline, folder / STATION_FILE)
    centre_public = None if centre is None else keyfile.load_public(centre)
    refuse_taken(folder)
    (folder / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    key = keyfile.create(folder / STATION_KEY)
    if centre_public is not None:
        keyfile.write_public(folder / CENTRE_KEY, centre_public)
    _write_new(folder / STATION_FILE, station_file(outline))
    return Made(
        folder=folder,
        station=outline.station,
        kid=key.kid.hex(),
        fingerprint=keys.fingerprint(key.public),
        qr_text=keys.qr_text(outline.station, key.public),
        centre=None if centre_public is None else keys.fingerprint(centre_public),
    )


def _check(outline: "Outline", file: Path) -> None:
    """The file that will be written has no mistakes: what is wrong came with an option or an answer."""
    from agent.founding.outline import station_file
    from agent.station import check_station
    from config.errors import StationFileError

    try:
        check_station(station_file(outline), file)
    except StationFileError as error:
        wrong = [
            f"{_OPTIONS.get(problem.where, problem.where)} {problem.message}" for problem in error.problems
        ]
        raise click.ClickException("\n".join(wrong)) from error


def refuse_taken(folder: Path) -> None:
    """Nothing that is there is overwritten, and nobody answers questions in vain."""
    _refuse_file(folder)
    for taken in (STATION_FILE, STATION_KEY, CENTRE_KEY):
        if (folder / taken).exists():
            raise click.ClickException(
                f"{folder / taken} is there already and stays as it is, take another DIR"
            )


def _refuse_file(folder: Path) -> None:
    """Nothing on the way to the folder is a file."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise click.ClickException(f"{there} is a file, DIR must be a folder or a name that is free")


def _write_new(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def as_text(made: Made) -> str:
    """What to do next."""
    from telemetry import keys

    file = made.folder / STATION_FILE
    rows = [
        f"station      {made.station}",
        f"file         {file}",
        f"key          {made.folder / STATION_KEY}  (0600: keep it here, make no copies)",
        f"fingerprint  {made.fingerprint}",
    ]
    if made.centre is not None:
        rows.append(f"centre       {made.centre}  (compare it with what the centre shows)")
    return "\n".join(
        [
            *rows,
            "",
            keys.qr_terminal(made.qr_text),
            f"1. Describe the instruments in {file}, then: tram check {file}",
            f"2. At the centre: tram central enrol DIR {made.station} --fingerprint {made.fingerprint}",
            f"3. tram run {file}",
        ]
    )
