"""`tram init`: a station that passes its check, and nothing overwritten."""

import json
import os
import pty
import stat
import subprocess
import sys
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


LINES = ("--line", "rs485=serial:///dev/ttyUSB0?baudrate=9600&parity=N", "--line", "lan=tcp://10.0.0.5")


def test_a_script_tells_lines_and_instruments(tmp_path: Path) -> None:
    result = init(
        tmp_path / "new",
        *LINES,
        *("--device", "tss,line=rs485,profile=hach-sc,unit=3,every=10s", "--kind", "wastewater"),
        *("--device", "pump,line=lan,unit=1", "--yes"),
    )
    assert result.exit_code == 0, result.output
    table = json.loads(check(tmp_path / "new").output)
    assert [line["id"] for line in table["lines"]] == ["rs485", "lan"]
    (tss,) = table["lines"][0]["devices"]
    assert (tss["id"], tss["unit"], tss["every_ms"]) == ("tss", 3, 10_000)


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--line", "lan"], 2, "--line lan: write ID=URL"),
        (["--line", "lan=tcp://10.0.0.5"], 1, 'line "lan" no device uses it'),
        (["--line", "lan=tpc://10.0.0.5", "--device", "a,unit=1"], 1, 'did you mean "tcp://"?'),
        (["--device", "ph,unit=1"], 2, "on which line? write line=ID in it, and --line ID=URL"),
        ([*LINES, "--device", "ph,unit=1"], 2, "on which line?"),
        ([*LINES, "--device", "ph,unit"], 2, "write ID,KEY=VALUE"),
        (
            [*LINES, "--device", "ph,line=lan,profile=hach-sd"],
            2,
            'no profile "hach-sd", did you mean "hach-sc"?',
        ),
        (
            ["--line", "lan=tcp://h", "--device", "ph,profile=hach-sc"],
            1,
            'device "ph".unit is missing',
        ),
        (["--line", "lan=tcp://h", "--device", "ph,unit=1,evry=5s"], 1, 'device "ph".evry unknown key'),
    ],
)
def test_a_wrong_line_or_device_is_named_and_nothing_is_written(
    tmp_path: Path, options: list[str], code: int, sentence: str
) -> None:
    result = init(tmp_path / "new", *options)
    assert (result.exit_code, sentence in result.stderr) == (code, True), result.stderr
    assert not (tmp_path / "new").exists()


def test_questions_are_answered_line_by_line_and_the_file_is_in_order(tmp_path: Path) -> None:
    answers = ["2", "BD_X_KHI001", "", "tcp://10.0.0.5", "", "sick-marsic300", "", "", "", "", "", ""]
    result = CliRunner().invoke(
        tram, ["init", str(tmp_path / "new"), "--ask", "--lang", "vi"], input="\n".join(answers) + "\n"
    )
    assert result.exit_code == 0, result.output
    assert "Thiết bị nào trên lan?" in result.stderr
    assert "fingerprint" in result.stdout
    table = json.loads(check(tmp_path / "new").output)
    assert (table["station"], table["lines"][0]["devices"][0]["id"]) == ("BD_X_KHI001", "sick-marsic300")


def test_whoever_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    result = CliRunner().invoke(tram, ["init", str(tmp_path / "new"), "--ask"], input="2\nBD_X_KHI001\n")
    assert result.exit_code == 1
    assert "Aborted" in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_taken_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text("mine")
    result = CliRunner().invoke(tram, ["init", str(tmp_path), "--ask"], input="")
    assert f"{tmp_path / 'station.toml'} is there already" in result.stderr


def test_without_a_terminal_nothing_is_asked_and_nothing_waits(tmp_path: Path) -> None:
    result = CliRunner().invoke(tram, ["init", str(tmp_path / "new")], input="1\n")
    assert (result.exit_code, "Missing option '--station'" in result.stderr) == (2, True)
    command = [sys.executable, "-m", "agent", "init", str(tmp_path / "new"), "--station", "A"]
    # A pipe into which nobody ever writes: whoever reads it would wait for ever.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "fingerprint" in process.stdout.read()
        assert process.wait(20) == 0


@pytest.mark.parametrize(("quiet", "asks"), [((), True), (("--yes", "--station", "A"), False)])
def test_at_a_terminal_it_asks_unless_it_is_told_not_to(
    tmp_path: Path, quiet: tuple[str, ...], *, asks: bool
) -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"LANG": "vi_VN.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}
    command = [sys.executable, "-m", "agent", "init", str(tmp_path / "new"), *quiet]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        os.close(theirs)
        assert process.stderr is not None
        assert process.stdout is not None
        if asks:
            assert process.stderr.readline().startswith("Trạm mới.")
            os.write(ours, b"\x03")  # Ctrl-C; without a controlling terminal it is a character like others
            os.close(ours)  # the terminal is gone
            process.wait(20)
            assert not (tmp_path / "new").exists()
        else:
            assert "fingerprint" in process.stdout.read()
            assert process.wait(20) == 0
            os.close(ours)
