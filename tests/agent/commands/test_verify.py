"""`tram verify`: what a ledger proves, said in a page, and an exit status that a script can trust."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import tram
from buffer.store import Entry, Store, Tail
from telemetry import keyfile
from telemetry.bodies import BootReason
from telemetry.envelope import hash_of
from telemetry.keys import fingerprint
from telemetry.ledger import Ledger
from telemetry.record import Kind
from tests.vectors.world import LEDGER, SECOND_LEDGER, STATION, STATION_KEY, STRANGER_KEY, Pen, boot_body


@pytest.fixture(name="public")
def _public(tmp_path: Path) -> Path:
    path = tmp_path / "station.pub"
    keyfile.write_public(path, STATION_KEY.public)
    return path


def ledger(readings: int = 10) -> list[bytes]:
    pen = Pen()
    return [*pen.start(), *(pen.readings(7.0 + n / 64) for n in range(readings))]


def export(folder: Path, envelopes: list[bytes]) -> Path:
    path = folder / "ledger.cborseq"
    path.write_bytes(b"".join(envelopes))
    return path


def verify(*arguments: object) -> Result:
    return CliRunner().invoke(tram, ["verify", *map(str, arguments)])


def table(*arguments: object) -> dict[str, Any]:
    result = verify(*arguments, "--json")
    said: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code == 0) == said["proven"]
    return said


def test_a_whole_export_is_proven_with_the_stations_key(tmp_path: Path, public: Path) -> None:
    result = verify(export(tmp_path, ledger()), "--key", public)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"station {STATION}, ledger {LEDGER.hex()}",
        "  verified    seq 1 to 13 of 13",
        "  records     1 boot, 10 readings, 2 configuration",
        f"key {fingerprint(STATION_KEY.public)}",
        "PROVEN",
    ]


def test_a_ledger_that_vouches_for_itself_says_so_loudly(tmp_path: Path) -> None:
    result = verify(export(tmp_path, ledger()))
    assert result.exit_code == 0
    assert "! THE KEY WAS TAKEN FROM THE LEDGER ITSELF" in result.stdout
    assert fingerprint(STATION_KEY.public) in result.stdout
    assert table(export(tmp_path, ledger()))["keys_from"] == "ledger"


def test_an_edited_record_and_a_deleted_one_are_named_and_the_exit_is_1(tmp_path: Path, public: Path) -> None:
    e = ledger()
    e[5] = e[5][:-1] + bytes((e[5][-1] ^ 1,))
    result = verify(export(tmp_path, [*e[:8], *e[10:]]), "--key", public)
    assert result.exit_code == 1
    assert "  verified    seq 1 to 5 of 13" in result.stdout
    assert "! bad-signature" in result.stdout
    assert "! hole             seq 6 to 6 are missing" in result.stdout
    assert "! hole             seq 9 to 10 are missing" in result.stdout
    assert result.stdout.splitlines()[-1] == "NOT PROVEN: 3 problems"


def test_another_stations_key_proves_nothing(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pub"
    keyfile.write_public(stranger, STRANGER_KEY.public)
    said = table(export(tmp_path, ledger(1)), "--key", stranger)
    assert {f["what"] for f in said["ledgers"][0]["findings"]} == {"unknown-key"}
    assert said["ledgers"][0]["verified"] is None


def test_a_damaged_export_is_read_up_to_the_damage(tmp_path: Path, public: Path) -> None:
    e = ledger()
    result = verify(export(tmp_path, [*e, e[0][:50]]), "--key", public)
    assert result.exit_code == 1
    assert "  verified    seq 1 to 13 of 13" in result.stdout
    assert "! the file is damaged" in result.stdout
    assert result.stdout.splitlines()[-1] == "NOT PROVEN: 1 problem"


def test_a_part_of_a_ledger_is_proven_as_a_part(tmp_path: Path, public: Path) -> None:
    result = verify(export(tmp_path, ledger()[6:]), "--key", public)
    assert result.exit_code == 0
    assert "seq 7 to 13 of 13 (its beginning is not in this file)" in result.stdout


def test_without_a_key_and_without_a_boot_record_the_remedy_is_said(tmp_path: Path) -> None:
    result = verify(export(tmp_path, ledger()[6:]))
    assert result.exit_code == 1
    assert "give the station's public key with --key" in result.stderr
    assert "the file is damaged" in verify(export(tmp_path, [b"noise that is no sequence"])).stderr


@pytest.mark.parametrize("content", [b"", b"noise that is no sequence"])
def test_a_file_without_records_is_not_proven(tmp_path: Path, public: Path, content: bytes) -> None:
    result = verify(export(tmp_path, [content]), "--key", public)
    assert result.exit_code == 1
    assert "PROVEN" in result.stdout
    assert verify(tmp_path / "nowhere", "--key", public).exit_code == 2


def test_a_device_and_a_pipe_are_refused_and_not_read_without_end(tmp_path: Path, public: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/full"):
        done = verify(path, "--key", public)
        assert done.exit_code == 1
        assert done.output == (
            f"Error: {path} is a device or a pipe: write what comes out of it into a file, and verify that\n"
        )


def test_findings_that_are_no_problem_are_said_and_the_exit_is_0(tmp_path: Path, public: Path) -> None:
    pen = Pen()
    first = [*pen.start(), pen.write(99, b"\x00")]
    second = Pen(Ledger(STATION, SECOND_LEDGER))
    before = (LEDGER, 4, hash_of(first[-1]))
    later = second.start(boot_body(BootReason.STORE_LOST, before=before))
    result = verify(export(tmp_path, [*first, first[0], *later]), "--key", public)
    assert result.exit_code == 0, result.stdout
    assert "1 boot, 2 configuration, 1 kind 99, 1 repeated" in result.stdout
    assert "  foreign-kind" in result.stdout
    assert "  new-ledger" in result.stdout


async def stored(folder: Path, envelopes: list[bytes]) -> Path:
    """A store of the agent with these records, closed."""
    path = folder / "ledger.db"
    store = await Store.open(path, destinations=["centre"], quota_bytes=10**8, keep_ms=10**9)
    await store.begin(Tail(LEDGER, 1, bytes(32)))
    entries = []
    for seq, envelope in enumerate(envelopes, start=1):
        kind = Kind.BOOT if seq == 1 else Kind.READINGS
        entries.append(Entry(seq, kind, "water", 1_763_800_000_000 + seq, seq, seq == 1, envelope))
    await store.append(entries, Tail(LEDGER, len(envelopes) + 1, hash_of(envelopes[-1])))
    await store.close()
    return path


def tamper(path: Path, *statements: str) -> None:
    """By hand, as somebody with the file could."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


async def test_the_agents_store_is_proven_as_it_lies_there(tmp_path: Path, public: Path) -> None:
    path = await stored(tmp_path, ledger())
    assert verify(path, "--key", public).stdout.endswith("PROVEN\n")
    said = table(path)
    assert said["keys_from"] == "ledger"
    assert said["ledgers"][0]["verified"] == [1, 13]


async def test_rows_deleted_from_the_store_are_missed(tmp_path: Path, public: Path) -> None:
    path = await stored(tmp_path, ledger())
    tamper(path, "DELETE FROM entry WHERE seq BETWEEN 5 AND 6")
    result = verify(path, "--key", public)
    assert result.exit_code == 1
    assert "! hole             seq 5 to 6 are missing" in result.stdout


async def test_a_tail_cut_from_the_store_is_missed(tmp_path: Path, public: Path) -> None:
    path = await stored(tmp_path, ledger())
    tamper(path, "DELETE FROM entry WHERE seq > 11")
    result = verify(path, "--key", public)
    assert result.exit_code == 1
    assert "the store says that seq 13 was the last, and its record is gone" in result.stdout


async def test_what_the_store_let_go_after_delivery_is_no_problem(tmp_path: Path, public: Path) -> None:
    path = await stored(tmp_path, ledger())
    tamper(
        path,
        "DELETE FROM entry WHERE seq BETWEEN 5 AND 6",
        "UPDATE span SET last = 4 WHERE owner = ''",
        "INSERT INTO span SELECT '', ledger, 7, 13 FROM span WHERE owner = ''",
    )
    result = verify(path, "--key", public)
    assert "seq 5 to 6 are missing and no tombstone names them (the store let go of it" in result.stdout
    assert result.exit_code == 0, result.stdout
    assert table(path, "--key", public)["ledgers"][0]["holes"] == [[5, 6]]


async def test_a_store_that_is_not_ours_is_said(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    tamper(path, "CREATE TABLE x (y)")
    result = verify(path)
    assert result.exit_code == 1
    assert "other.db" in result.stderr
    assert "Traceback" not in result.output


def test_a_boot_record_with_an_impossible_key_is_not_taken_for_a_key(tmp_path: Path) -> None:
    weak = boot_body()
    pen = Pen()
    envelope = pen.write(Kind.BOOT, weak.encode().replace(STATION_KEY.public, b"\x01" + bytes(31)))
    result = verify(export(tmp_path, [b"\x00", envelope]))
    assert result.exit_code == 1
    assert "give the station's public key" in result.stderr


def test_tombstones_are_shown(tmp_path: Path, public: Path) -> None:
    vectors = json.loads(
        (Path(__file__).parents[2] / "vectors" / "scenarios.json").read_text(encoding="utf-8")
    )
    case = next(case for case in vectors["cases"] if case["name"] == "tombstone")
    envelopes = [bytes.fromhex(step["envelope"]) for step in case["arrive"] if step["verdict"] == "new"]
    result = verify(export(tmp_path, envelopes), "--key", public)
    assert result.exit_code == 0
    assert "  tombstoned  4 to 5" in result.stdout
