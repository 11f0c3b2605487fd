"""`tram init`: a station that passes its check, and nothing overwritten."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import tram
from telemetry import keyfile, keys


def init(folder: Path, *options: str, station: str = "BD_VSIP_NUO001") -> Result:
    """The command as it is run."""
    return CliRunner().invoke(tram, ["init", str(folder), "--station", station, *options])


def check(folder: Path) -> Result:
    """Of the file that was made."""
    return CliRunner().invoke(tram, ["check", str(folder / "station.toml"), "--json"])


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    """A centre's public key."""
    path = tmp_path / "centre.pub"
    keyfile.write_public(path, keys.SigningKey.generate().public)
    return path


def test_a_new_station_passes_its_check(tmp_path: Path) -> None:
    result = init(tmp_path / "new", "--name", 'Trạm "nước thải" \\ VSIP')
    assert result.exit_code == 0, result.output
    table = json.loads(check(tmp_path / "new").output)
    assert (table["ok"], table["station"], table["name"]) == (
        True,
        "BD_VSIP_NUO001",
        'Trạm "nước thải" \\ VSIP',
    )


def test_the_key_is_for_its_owner_alone_and_its_fingerprint_is_said_as_text_and_picture(
    tmp_path: Path,
) -> None:
    output = init(tmp_path).output
    path = tmp_path / "keys" / "station.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    public = keyfile.load(path).public
    assert f"fingerprint  {keys.fingerprint(public)}" in output
    assert keys.qr_terminal(keys.qr_text("BD_VSIP_NUO001", public)) in output
    assert f"tram central enrol DIR BD_VSIP_NUO001 --fingerprint {keys.fingerprint(public)}" in output


def test_the_centres_key_is_pinned_and_its_broker_written(tmp_path: Path, centre: Path) -> None:
    folder = tmp_path / "new"
    result = init(folder, "--centre", str(centre), "--broker", "mqtts://broker.example:8883", "--json")
    table = json.loads(result.output)
    assert keyfile.load_public(folder / "keys" / "centre.pub") == keyfile.load_public(centre)
    assert table["centre"] == keys.fingerprint(keyfile.load_public(centre))
    assert json.loads(check(folder).output)["destinations"] == [
        {"id": "centre", "url": "mqtts://broker.example:8883", "ack": "receipt", "records_per_s": 200}
    ]


def test_with_a_centre_on_this_machine_the_broker_need_not_be_named(tmp_path: Path, centre: Path) -> None:
    output = init(tmp_path / "new", "--centre", str(centre)).output
    assert keys.fingerprint(keyfile.load_public(centre)) in output
    assert json.loads(check(tmp_path / "new").output)["destinations"][0]["url"] == "mqtt://127.0.0.1:1883"


@pytest.mark.parametrize("taken", ["station.toml", "keys/station.pem", "keys/centre.pub"])
def test_nothing_that_is_there_is_overwritten(tmp_path: Path, taken: str) -> None:
    path = tmp_path / taken
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    result = init(tmp_path)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {path} is there already and stays as it is, take another DIR\n"
    assert path.read_text(encoding="utf-8") == "mine"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--station", "NUO 001"], '--station is not a valid id (got "NUO 001"), use 1 to 32 of'),
        (["--timezone", "Asia/Hanoi"], '--timezone is not a known time zone (got "Asia/Hanoi"), '),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_written(
    tmp_path: Path, options: list[str], sentence: str
) -> None:
    result = init(tmp_path / "new", *options)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {sentence}")
    assert not (tmp_path / "new").exists()


def test_a_wrong_broker_is_named(tmp_path: Path, centre: Path) -> None:
    result = init(tmp_path / "new", "--centre", str(centre), "--broker", "http://broker")
    assert result.stderr.startswith(
        'Error: --broker is not the address of a broker (got "http://broker"), e.g.'
    )


def test_a_broker_without_a_centre_is_refused(tmp_path: Path) -> None:
    result = init(tmp_path / "new", "--broker", "mqtt://127.0.0.1:1883")
    assert result.exit_code == 2
    assert "--broker needs --centre" in result.stderr


def test_a_private_key_is_not_pinned_as_the_centres(tmp_path: Path) -> None:
    private = tmp_path / "own.pem"
    keyfile.create(private)
    result = init(tmp_path / "new", "--centre", str(private))
    assert result.exit_code == 1
    assert "this is a private key" in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("inside", [".", "deeper/down"])
def test_a_file_where_the_folder_should_be_is_said(tmp_path: Path, inside: str) -> None:
    taken = tmp_path / "good.toml"
    taken.write_text("# mine\n")
    result = init(taken / inside)
    assert (result.exit_code, result.output) == (
        1,
        f"Error: {taken} is a file, DIR must be a folder or a name that is free\n",
    )
    assert taken.read_text() == "# mine\n"
