"""`tram central` as an operator types it."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import tram
from telemetry.keys import fingerprint
from tests.central.gateway import Gateway, key_of
from tests.central.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A centre that ran, with one enrolled station and one that waits."""
    made = World(tmp_path / "centre")
    gateway = Gateway()
    made.enrol(gateway)
    day = gateway.day(4)
    made.live(gateway.station, *day[:3], day[4], b"\x00", b"\x00")
    made.head(gateway)
    made.due()
    made.live("NEW001", Gateway("NEW001").boot())
    yield made
    made.stop()


def typed(*words: object) -> Result:
    """What the command answers."""
    return CliRunner().invoke(tram, ["central", *map(str, words)])


def test_the_list_says_what_is_missing_what_was_noticed_and_who_waits(world: World) -> None:
    result = typed("stations", world.folder.path)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith("NUO001  enrolled, last seen ")
    assert lines[1].strip() == "received 6, verified 4, replayed 0, rejected 2, open findings 1"
    assert "signed 6, through 3, verified 4, missing 2 (2 pending, 0 in holes)" in lines[2]
    assert lines[3].startswith("  ! 1 rejection: ")
    assert lines[3].endswith(" (2 times)")
    assert lines[5].startswith("NEW001  WAITS TO BE ENROLLED, heard ")
    assert lines[6].strip() == f"key  {fingerprint(key_of('NEW001').public)}"


def test_the_list_for_programs(world: World) -> None:
    first, second = json.loads(typed("stations", world.folder.path, "--json").output)
    assert (first["station"], first["ledgers"][0]["through"], first["open_findings"]) == ("NUO001", 3, 1)
    assert (second["station"], second["enrolled"]) == ("NEW001", False)


def test_an_empty_centre_says_so(tmp_path: Path) -> None:
    World(tmp_path).stop()
    assert typed("stations", tmp_path).output == "no station yet\n"


def test_enrolling_takes_the_fingerprint_and_refuses_another(world: World) -> None:
    wrong = typed("enrol", world.folder.path, "NEW001", "--fingerprint", "abcd")
    assert (wrong.exit_code, wrong.output.count("\n")) == (1, 1)
    assert "none of them with that fingerprint" in wrong.output
    right = typed("enrol", world.folder.path, "NEW001", "--fingerprint", fingerprint(key_of("NEW001").public))
    assert right.exit_code == 0
    assert "enrolled  NEW001" in right.output
    world.look()
    listed = json.loads(typed("stations", world.folder.path, "--json").output)
    assert [(s["station"], s["enrolled"]) for s in listed] == [("NEW001", True), ("NUO001", True)]


def test_an_exchanged_gateway_is_enrolled_with_replace(world: World) -> None:
    world.live("NUO001", Gateway("NUO001", key=key_of("new"), ledger=b"N" * 16).boot())
    typed_fingerprint = fingerprint(key_of("new").public)
    result = typed("enrol", world.folder.path, "NUO001", "--replace", "--fingerprint", typed_fingerprint)
    assert f"replaced  {fingerprint(key_of('NUO001').public)}" in result.output


def test_a_ledger_with_a_hole_is_not_proven_and_the_command_fails(world: World) -> None:
    result = typed("verify", world.folder.path, "NUO001")
    assert result.exit_code == 1
    assert "NOT PROVEN, verified seq 1 to 3 of 5" in result.output
    assert "! hole: " in result.output
    (report,) = json.loads(typed("verify", world.folder.path, "NUO001", "--json").output)
    assert (report["verified"], report["holes"], report["is_proven"]) == ([1, 3], [[4, 4]], False)


def test_a_whole_ledger_is_proven(tmp_path: Path) -> None:
    world, gateway = World(tmp_path), Gateway()
    world.enrol(gateway)
    world.live(gateway.station, *gateway.day(2))
    result = typed("verify", tmp_path, "NUO001")
    assert (result.exit_code, "PROVEN, verified seq 1 to 4 of 4" in result.output) == (0, True)
    assert typed("verify", tmp_path, "XXX").exit_code == 1
    world.folder.station_key("NUO001").unlink()
    world.look()
    assert "NO LONGER ENROLLED" in typed("stations", tmp_path).output
    world.stop()


def test_findings_of_a_station_that_nobody_heard_of_cannot_be_acknowledged(world: World) -> None:
    result = typed("acknowledge", world.folder.path, "NOPE")
    assert result.exit_code == 1
    assert (
        result.output == f"Error: there is no station NOPE; see `tram central stations {world.folder.path}`\n"
    )
    for known in ("NUO001", "NEW001"):
        assert typed("acknowledge", world.folder.path, known).exit_code == 0


def test_findings_are_acknowledged_by_number_or_all(world: World) -> None:
    assert "1 finding(s) of NUO001 acknowledged" in typed("acknowledge", world.folder.path, "NUO001").output
    world.look()
    assert typed("acknowledge", world.folder.path, "NUO001").output == "nothing was open\n"
    assert typed("acknowledge", world.folder.path, "NUO001", 7).exit_code == 1
    assert "open findings 0" in typed("stations", world.folder.path).output


def test_a_restored_store_gets_a_new_id(world: World) -> None:
    assert "store id  " in typed("restored", world.folder.path).output
    assert typed("restored", world.folder.path / "nowhere").exit_code == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--broker", "http://x"), "is no broker address"),
        (("--broker", "mqtt://x", "--root", "a/#"), "cannot begin a topic"),
        (("--broker", "mqtt://x", "--root", ""), "cannot begin a topic"),
        (("--broker", "mqtt://x", "--password-file", "nowhere"), "cannot be read"),
        (("--broker", "mqtts://x", "--ca", "nowhere"), "cannot be read"),
    ],
)
def test_a_mistake_at_the_start_is_one_line(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    result = typed("serve", tmp_path, *options)
    assert result.exit_code in {1, 2}
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_every_command_has_an_example(tmp_path: Path) -> None:
    from agent.commands.central import central

    for command in central.commands.values():
        assert "Example: tram central " in (command.help or ""), command.name
    assert isinstance(central, click.Group)
