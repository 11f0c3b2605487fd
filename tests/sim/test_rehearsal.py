"""The copy of a station file for its twin."""

import tomllib

import pytest

from sim.rehearsal import CannotRewrite, Rehearsal, is_rehearsal, rewrite

pytestmark = pytest.mark.pure

STATION = """\
# Written by Ms. Lan, 2026-11-02
[station]
id = "NUO001"     # as registered

[identity]
key = "keys/station.pem"

[buffer]
path = "data/ledger.db"
keep = "90d"

[[line]]
url = "serial:///dev/ttyUSB0?baudrate=9600&parity=E"   # left plug
id = "rs485"
timeout = "1s"

[[line]]
id = "lan"
url = "tcp://10.0.0.5:502"

[[device]]
id = "ph"
line = "rs485"

# the department
[[destination]]
id = "so-tnmt"
url = "mqtts://broker.example:8883"
receipt_keys = [
  "keys/so-tnmt.pub",
]

# the owner's own
[[destination]]
id = "owner"
"""
URLS = {"rs485": "serial:///tmp/rs485.tty?baudrate=9600&parity=N", "lan": "tcp://127.0.0.1:4242"}


def rehearsal(*, keeps_destinations: bool = False) -> Rehearsal:
    return Rehearsal(URLS, "files/station.pem", "files/ledger.db", keeps_destinations=keeps_destinations)


def test_every_line_leads_to_the_twin_and_nothing_else_is_changed() -> None:
    copy = rewrite(STATION, "station.toml", rehearsal())
    tree = tomllib.loads(copy)
    assert {line["id"]: line["url"] for line in tree["line"]} == URLS
    assert tree["line"][0]["timeout"] == "1s"
    assert "# Written by Ms. Lan" in copy
    assert 'id = "NUO001"     # as registered' in copy


def test_simulated_values_never_get_the_stations_key_nor_its_database() -> None:
    tree = tomllib.loads(rewrite(STATION, "station.toml", rehearsal()))
    assert tree["identity"] == {"key": "files/station.pem"}
    assert tree["buffer"] == {"path": "files/ledger.db", "keep": "90d"}


def test_destinations_are_left_out_unless_they_are_asked_for() -> None:
    assert "destination" not in tomllib.loads(rewrite(STATION, "station.toml", rehearsal()))
    kept = tomllib.loads(rewrite(STATION, "station.toml", rehearsal(keeps_destinations=True)))
    assert [destination["id"] for destination in kept["destination"]] == ["so-tnmt", "owner"]


def test_devices_are_asked_as_often_as_is_wished_and_else_as_in_the_file() -> None:
    text = STATION.replace('line = "rs485"\n', 'line = "rs485"\nevery = "1m"    # its own pace\n')
    assert tomllib.loads(rewrite(text, "s", rehearsal()))["device"][0]["every"] == "1m"
    often = Rehearsal(URLS, "files/station.pem", "files/ledger.db", every="2s")
    assert tomllib.loads(rewrite(text, "s", often))["device"][0]["every"] == "2s"
    with pytest.raises(CannotRewrite, match="period"):
        rewrite(text.replace('every = "1m"', 'every = """\\\n1m"""'), "s", often)


def test_a_file_that_relies_on_the_usual_paths_gets_its_own_ones() -> None:
    bare = '[station]\nid = "A"\n[buffer]\nkeep = "9d"\n[[line]]\nid = "lan"\nurl = "tcp://10.0.0.5:502"'
    tree = tomllib.loads(rewrite(bare, "station.toml", rehearsal()))
    assert tree["identity"] == {"key": "files/station.pem"}
    assert tree["buffer"] == {"path": "files/ledger.db", "keep": "9d"}


def test_a_copy_says_what_it_is() -> None:
    copy = rewrite(STATION, "station.toml", rehearsal())
    assert copy.startswith("# Rehearsal of station.toml")
    assert is_rehearsal(copy)
    assert not is_rehearsal(STATION)


def test_a_path_with_quotes_and_backslashes_survives() -> None:
    odd = Rehearsal(URLS, 'a "b" \\ c.pem', "x.db")
    assert tomllib.loads(rewrite(STATION, "s", odd))["identity"]["key"] == 'a "b" \\ c.pem'


@pytest.mark.parametrize(
    "text",
    [
        'line = [{ id = "lan", url = "tcp://10.0.0.5:502" }]',
        '[[line]]\nid = "lan"\nurl = """\\\n  tcp://10.0.0.5:502"""',
        'identity = { key = "k" }\n[[line]]\nid = "lan"\nurl = "tcp://10.0.0.5:502"',
        'destination = [\n{ id = "a" },\n]\n[[line]]\nid = "lan"\nurl = "tcp://10.0.0.5:502"',
    ],
)
def test_a_file_written_in_an_unusual_way_is_refused_and_not_mangled(text: str) -> None:
    with pytest.raises(CannotRewrite, match="write"):
        rewrite(text, "station.toml", rehearsal())
