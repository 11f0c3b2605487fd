"""`tram keys`: what a person needs to see of a key, and nothing secret."""

import json
import stat
from pathlib import Path

from click.testing import CliRunner, Result

from agent.commands.tram import tram
from telemetry import keyfile
from telemetry.keys import fingerprint, kid_of, public_from_pem


def keys(*arguments: object) -> Result:
    return CliRunner().invoke(tram, ["keys", *map(str, arguments)])


def test_a_new_key_is_made_and_its_public_side_shown(tmp_path: Path) -> None:
    path = tmp_path / "station.pem"
    result = keys("new", path)
    assert result.exit_code == 0, result.output
    public = keyfile.load(path).public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"fingerprint  {fingerprint(public)}" in result.stdout
    assert f"kid          {kid_of(public).hex()}" in result.stdout
    assert "BEGIN PUBLIC KEY" in result.stdout
    assert "PRIVATE" not in result.stdout


def test_a_key_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "station.pem"
    keys("new", path)
    before = path.read_bytes()
    result = keys("new", path)
    assert result.exit_code == 1
    assert "there is a key already" in result.stderr
    assert path.read_bytes() == before


def test_private_and_public_files_show_the_same(tmp_path: Path) -> None:
    private, public = tmp_path / "station.pem", tmp_path / "station.pub"
    made = keyfile.create(private)
    keyfile.write_public(public, made.public)
    tables = [json.loads(keys("show", path, "--json").stdout) for path in (private, public)]
    assert tables[0] == {**tables[1], "path": str(private)}
    assert tables[0]["public"] == made.public.hex()
    assert public_from_pem(tables[0]["pem"].encode()) == made.public


def test_what_is_no_usable_key_is_said_in_one_line(tmp_path: Path) -> None:
    missing, open_key, noise = tmp_path / "missing.pem", tmp_path / "open.pem", tmp_path / "noise.pem"
    keyfile.create(open_key)
    open_key.chmod(0o644)
    noise.write_bytes(b"\xff\x00")
    for path, said in ((missing, "No such file"), (open_key, "chmod 600"), (noise, "not a public key")):
        result = keys("show", path)
        assert result.exit_code == 1
        assert said in result.stderr
        assert str(path) in result.stderr
        assert len(result.stderr.splitlines()) == 1
