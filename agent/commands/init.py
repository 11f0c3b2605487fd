"""`tram init`: a new station: its file, its key, the centre's key, and the fingerprint to read out."""

import json
import os
from pathlib import Path
from string import Template
from typing import NamedTuple

import click

STATION_FILE = "station.toml"
STATION_KEY = "keys/station.pem"
CENTRE_KEY = "keys/centre.pub"
LOCAL_BROKER = "mqtt://127.0.0.1:1883"


_OPTIONS = {
    "station.id": "--station",
    "station.timezone": "--timezone",
    'destination "centre".url': "--broker",
}

_STATION = """\
# A station of Tram. After every change: tram check station.toml
# Times are written "500ms", "5s", "10min", "2h", "90d"; sizes "500MB", "4GB".

[station]
id = $station
name = $name
timezone = $timezone

[identity]
key = "keys/station.pem"        # stays on this machine, for its owner alone (mode 0600)

[buffer]
path = "data/ledger.db"         # signed records, until they are delivered and "keep" is over
keep = "90d"
quota = "4GB"

# One [[line]] for each wire or network address. A serial line with several instruments is one line:
# url = "serial:///dev/ttyUSB0?baudrate=9600&parity=N"     Modbus RTU on this machine's port
# url = "rtu+tcp://10.0.0.6:4001"                          Modbus RTU through a serial server
# url = "tcp://10.0.0.5:502"                               Modbus TCP

[[line]]
id = "lan"
url = "tcp://127.0.0.1:502"
timeout = "1s"                  # wait for an answer
guard = "1s"                    # silence after a missing or bad answer; longer than the latest late one

# One [[device]] for each instrument, and one [[device.channel]] for each of its values. This is an example.

[[device]]
id = "ph"
line = "lan"
driver = "modbus"
unit = 1                        # the instrument's address on its line
every = "5s"

[[device.channel]]
id = "pH"
table = "holding"               # holding, input, coil, discrete
address = 0                     # the number in the request, from 0; or register = 40001, as in manuals
type = "float32"                # int16 uint16 int32 uint32 int64 uint64 float32 float64 bcd16 bcd32 bit string
order = "ABCD"                  # bytes as sent: ABCD CDAB BADC DCBA
unit = "pH"                     # unit of measure
range = [0, 14]                 # what the instrument can measure; values outside are flagged

[[device.channel]]
id = "temperature"
table = "holding"
address = 2
type = "int16"
scale = 0.1                     # 253 means 25.3
unit = "degC"
range = [-10, 60]
"""

_DESTINATION = """
# Where records are delivered: delivered is what the centre's signed receipt covers.

[[destination]]
id = "centre"
kind = "mqtt"
url = $broker
receipt_keys = ["keys/centre.pub"]
# ca = "keys/ca.pem"            # also: cert, cert_key, username, password_file
"""

_NO_DESTINATION = """
# Where records are delivered: delivered is what the centre's signed receipt covers. Until there is one,
# records are signed and kept. Put the centre's public key into keys/, and take the marks away:

# [[destination]]
# id = "centre"
# kind = "mqtt"
# url = "mqtts://broker.example:8883"
# receipt_keys = ["keys/centre.pub"]
# ca = "keys/ca.pem"            # also: cert, cert_key, username, password_file
"""


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
@click.option("--station", required=True, metavar="ID", help="Name in topics and signed records.")
@click.option("--name", default="", help="Name for people.")
@click.option("--timezone", default="Asia/Ho_Chi_Minh", show_default=True, help="IANA time zone.")
@click.option(
    "--centre", type=click.Path(path_type=Path), metavar="F", help="The centre's public key, to pin."
)
@click.option(
    "--broker", metavar="URL", help=f"Where the centre listens, with --centre.  [default: {LOCAL_BROKER}]"
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def init(
    *,
    folder: Path,
    station: str,
    name: str,
    timezone: str,
    centre: Path | None,
    broker: str | None,
    as_json: bool,
) -> None:
    """Make a station in DIR: station.toml to edit, keys/station.pem, and the fingerprint for the centre.

    Example: tram init my-station --station BD_VSIP_NUO001 --centre centre.pub --broker mqtts://broker:8883

    Nothing that is there is overwritten.
    """
    if broker is not None and centre is None:
        raise click.UsageError("--broker needs --centre: without the centre's key no receipt can be believed")
    made = make(folder, station, name=name, timezone=timezone, centre=centre, broker=broker or LOCAL_BROKER)
    if as_json:
        table = {**made._asdict(), "folder": str(folder), "file": str(folder / STATION_FILE)}
        click.echo(json.dumps(table, ensure_ascii=False, indent=2))
    else:
        click.echo(as_text(made))


def make(folder: Path, station: str, *, name: str, timezone: str, centre: Path | None, broker: str) -> Made:
    """Write it all, or say in one line why not and leave what was there as it was."""
    from telemetry import keyfile, keys

    _refuse_file(folder)
    text = station_file(station, name=name, timezone=timezone, broker=None if centre is None else broker)
    _check(text, folder / STATION_FILE)
    centre_public = None if centre is None else keyfile.load_public(centre)
    for taken in (STATION_FILE, STATION_KEY, CENTRE_KEY):
        if (folder / taken).exists():
            raise click.ClickException(
                f"{folder / taken} is there already and stays as it is, take another DIR"
            )
    (folder / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    key = keyfile.create(folder / STATION_KEY)
    if centre_public is not None:
        keyfile.write_public(folder / CENTRE_KEY, centre_public)
    _write_new(folder / STATION_FILE, text)
    return Made(
        folder=folder,
        station=station,
        kid=key.kid.hex(),
        fingerprint=keys.fingerprint(key.public),
        qr_text=keys.qr_text(station, key.public),
        centre=None if centre_public is None else keys.fingerprint(centre_public),
    )


def station_file(station: str, *, name: str, timezone: str, broker: str | None) -> str:
    """The text of a station file. `broker` None: nowhere to deliver yet."""
    text = _STATION + (_NO_DESTINATION if broker is None else _DESTINATION)
    written = {"station": station, "name": name or station, "timezone": timezone, "broker": broker or ""}
    return Template(text).substitute({key: _quoted(value) for key, value in written.items()})


def _quoted(text: str) -> str:
    """As a TOML text; its escapes are JSON's, and DEL is one of them."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _check(text: str, file: Path) -> None:
    """The file that will be written has no mistakes: what is wrong came with an option."""
    from agent.station import check_station
    from config.errors import StationFileError

    try:
        check_station(text, file)
    except StationFileError as error:
        wrong = [
            f"{_OPTIONS.get(problem.where, problem.where)} {problem.message}" for problem in error.problems
        ]
        raise click.ClickException("\n".join(wrong)) from error


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
