"""`tram check`: mistakes with their lines, or what the station will do."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import tram
from telemetry import keyfile

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "stations"
STATION = """\
[station]
id = "BD_VSIP_NUO001"
name = "Trạm VSIP"
timezone = "Asia/Ho_Chi_Minh"

[[line]]
id = "rs485"
url = "serial:///dev/ttyUSB0?baudrate=9600&parity=N"

[[line]]
id = "lan"
url = "tcp://10.0.0.5:502"

[[device]]
id = "ph"
line = "rs485"
driver = "modbus"
unit = 3
every = "5s"

[[device.channel]]
id = "pH"
table = "holding"
address = 0
type = "float32"
unit = "pH"

[[device.channel]]
id = "far"
table = "holding"
address = 500
type = "float32"
unit = "degC"

[[device]]
id = "flow"
line = "lan"
driver = "modbus"
unit = 1
every = "10s"
channel = [{ id = "Q", register = 30001, type = "uint16", unit = "m3/h" }]

[[destination]]
id = "so-tnmt"
url = "mqtts://broker.example"
receipt_keys = ["keys/so-tnmt.pub"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A station with its keys."""
    (tmp_path / "keys").mkdir()
    key = keyfile.create(tmp_path / "keys" / "station.pem")
    keyfile.write_public(tmp_path / "keys" / "so-tnmt.pub", key.public)
    path = tmp_path / "station.toml"
    path.write_text(STATION, encoding="utf-8")
    return path


def check(file: Path, *options: str) -> Result:
    """The command as it is run."""
    return CliRunner().invoke(tram, ["check", str(file), *options])


def test_a_station_in_order_is_told_line_by_line_what_it_will_do(file: Path) -> None:
    result = check(file)
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines()]
    assert ["ph", "modbus", "3", "5s", "2", "2", "91", "ms", "17,280", "6.43", "MB"] in rows
    assert ["flow", "modbus", "1", "10s", "1", "1", "–", "8,640", "2.95", "MB"] in rows
    assert "timeout 1 s, guard 1 s, busy 1.8% of the time" in result.output
    assert "records      about 25,920, 9.38 MB a day" in result.output
    assert "quota        4 GB, full after about 426 days" in result.output
    assert (
        "destination  so-tnmt  mqtts://broker.example  delivered when: the centre's receipt covers it; "
        "a backlog at 200 records/s at most" in result.output
    )
    assert result.output.endswith("station.toml is in order.\n")


def test_the_same_for_programs(file: Path) -> None:
    table = json.loads(check(file, "--json").output)
    assert table["ok"] is True
    assert [line["id"] for line in table["lines"]] == ["rs485", "lan"]
    (ph,) = table["lines"][0]["devices"]
    assert (ph["channels"], ph["requests"], ph["every_ms"]) == (2, 2, 5000)
    assert table["lines"][1]["busy"] is None
    assert table["days_until_quota"] > table["keep_days"]
    assert table["warnings"] == []


WEATHER = """
[[line]]
id = "mast"
url = "tcp://10.0.0.6:4001"
guard = "300ms"

[[device]]
id = "weather"
line = "mast"
driver = "ascii"
every = "10s"
pattern = 'T={T};RH={RH}'
silence = "30s"
channel = [{ id = "T", unit = "degC" }, { id = "RH", unit = "%RH" }]

[[destination]]
"""


def test_an_instrument_that_talks_by_itself_is_told_to_and_nobody_guards_its_answers(file: Path) -> None:
    file.write_text(STATION.replace("\n[[destination]]\n", WEATHER), encoding="utf-8")
    result = check(file)
    rows = [line.split() for line in result.output.splitlines()]
    head = rows.index(["line", "mast", "tcp://10.0.0.6:4001"])
    assert " ".join(rows[head + 1]) == "weather talks by itself, and may be silent for 30 s"
    assert ["weather", "ascii", "–", "10s", "2", "–", "–", "8,640"] in [row[:8] for row in rows]
    assert "guard" not in "".join(rows[head + 1])
    assert "warning" not in result.output
    (mast,) = [line for line in json.loads(check(file, "--json").output)["lines"] if line["id"] == "mast"]
    assert [device["talks_by_itself"] for device in mast["devices"]] == [True]


def test_an_instrument_that_speaks_lines_and_is_asked_has_a_guard(file: Path) -> None:
    asked = WEATHER.replace("silence", r"request = 'D\r'" + "\nsilence")
    file.write_text(STATION.replace("\n[[destination]]\n", asked), encoding="utf-8")
    output = check(file).output
    assert "timeout 1 s, guard 0.3 s\n" in output
    assert 'line "mast".guard: is shorter than the timeout' in output


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        (
            ":4001",
            "",
            "line",
            (
                'device "weather".line: cannot be on line "mast": its port is missing, '
                'write for example "tcp://10.0.0.6:4001"'
            ),
        ),
        (
            '"30s"',
            '"10min"',
            "silence",
            (
                'device "weather".silence: is too long for this period (got 600 s), at most 120 s: the centre takes '
                "a device for dead that says nothing for 2.5 periods; make every longer"
            ),
        ),
        (
            "{RH}'",
            "{H}'",
            "channel",
            'device "weather".channel "RH".id: the answer has no field "RH"; there are: H, T',
        ),
        (
            "{RH}'",
            "{RH}$'",
            "pattern",
            (
                "device \"weather\".pattern: '$' in the pattern is not in the part of the language that is spoken "
                "here; the whole line has to fit, ^ and $ are not needed"
            ),
        ),
        (
            "silence",
            "terminator = '\\R'\nsilence",
            "terminator",
            r"""device "weather".terminator: '\\R': escapes are \r \n \t \0 \\ and \x02 with two hexadecimal digits""",
        ),
    ],
)
def test_mistakes_of_an_instrument_that_speaks_lines_come_with_their_lines(
    file: Path, old: str, new: str, key: str, words: str
) -> None:
    text = STATION.replace("\n[[destination]]\n", WEATHER.replace(old, new))
    file.write_text(text, encoding="utf-8")
    (said,) = check(file).stderr.splitlines()
    line, told = said.removeprefix(f"{file}:").split(": ", 1)
    assert text.splitlines()[int(line) - 1].split(" = ")[0] == key
    assert told == words


def test_an_impossible_store_and_a_certificate_that_is_none_are_told_with_their_lines(file: Path) -> None:
    (file.parent / "notes.txt").write_text("mine")
    text = STATION + 'ca = "notes.txt"\n[buffer]\npath = "notes.txt/ledger.db"\n'
    file.write_text(text, encoding="utf-8")
    result = check(file)
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert ':47: destination "so-tnmt".ca: the certificates are not in PEM form (got ' in first
    assert ":49: buffer.path: the store cannot be made (got " in second


def test_every_mistake_is_a_line_on_stderr_and_the_exit_is_1(file: Path) -> None:
    file.write_text(STATION.replace("unit = 3", "unit = 300").replace('"degC"', '"C"'), encoding="utf-8")
    result = check(file)
    assert result.exit_code == 1
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first == f'{file}:18: device "ph".unit: is too large (got 300), at most 255'
    assert second.startswith(f'{file}:33: device "ph".channel "far".unit: unknown unit of measure "C"')


def test_mistakes_for_programs(file: Path) -> None:
    file.write_text(STATION.replace("unit = 3", "unit = 300"), encoding="utf-8")
    result = check(file, "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["problems"] == [
        {"line": 18, "where": 'device "ph".unit', "message": "is too large (got 300), at most 255"}
    ]


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = check(tmp_path / "no.toml")
    assert result.stderr == f"{tmp_path}/no.toml: cannot be read: No such file or directory\n"
    assert result.exit_code == 1


def test_a_key_file_without_a_key_is_a_mistake_of_the_file(file: Path) -> None:
    (file.parent / "keys" / "so-tnmt.pub").write_text("nothing", encoding="utf-8")
    key = file.parent / "keys" / "so-tnmt.pub"
    assert check(file).stderr == (
        f'{file}:46: destination "so-tnmt".receipt_keys item 1: '
        f"the centre's public key cannot be used: {key}: not a public key in PEM form\n"
    )


def test_a_line_that_cannot_keep_up_is_a_warning(file: Path) -> None:
    file.write_text(STATION.replace('"5s"', '"100ms"').replace("9600", "1200"), encoding="utf-8")
    output = check(file).output
    assert 'warning      line "rs485": is busy 4' in output
    assert "its periods will not be kept" in output


def test_values_that_share_registers_in_part_come_from_the_driver_with_their_line(file: Path) -> None:
    file.write_text(STATION.replace("address = 500", "address = 1"), encoding="utf-8")
    assert f'{file}:31: device "ph".channel "far".address: "far"' in check(file).stderr


def test_a_status_that_nobody_confirmed_is_a_warning(tmp_path: Path) -> None:
    text = (EXAMPLES / "thermo-42i-bh.toml").read_text(encoding="utf-8")
    file = tmp_path / "station.toml"
    file.write_text(text.replace("ttyUSB0", "ttyS0"), encoding="utf-8")
    (tmp_path / "keys").mkdir()
    keyfile.create(tmp_path / "keys" / "station.pem")
    said = check(file).output
    assert (
        'device "nox": what its status means is not confirmed in the profile "thermo-42i-bh", put it into zero and '
        "service once and look at the flags: tram profiles thermo-42i-bh"
    ) in said
    file.write_text(
        text.replace("thermo-42i-bh", "ecotech-serinus-40-bh")
        .replace('without = ["PRE"]', "")
        .replace('"NO2"', '"NO"')
    )
    assert "is not confirmed" not in check(file).output


def test_rows_of_a_profile_that_nobody_confirmed_are_a_warning(file: Path) -> None:
    with_profile = STATION.replace("unit = 3\n", 'unit = 3\nprofile = "endress-cm44"\n', 1)
    file.write_text(with_profile, encoding="utf-8")
    warning = (
        'device "ph": 2 of 4 rows of the profile "endress-cm44" are not confirmed, compare them with the '
        "display: tram profiles endress-cm44"
    )
    assert f"warning      {warning}" in check(file).output
    assert warning in json.loads(check(file, "--json").output)["warnings"]
    file.write_text(with_profile.replace("endress-cm44", "adam-6017"), encoding="utf-8")
    assert "not confirmed" not in check(file).output
