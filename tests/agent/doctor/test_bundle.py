"""The archive for support: what is in it, and above all what is not."""

import gzip
import io
import json
import os
import secrets
import stat
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.doctor import bundle
from agent.doctor.bundle import MOST_BYTES, MOST_FILES, archive
from agent.doctor.folders import MOST_ENTRIES, entries, listing, secrets_in
from agent.doctor.redaction import Redaction
from agent.rehearsal import Process
from tests.agent.doctor.bench import Bench, destination, nobody

__all__ = ["nobody"]

NOTHING = Redaction([])


def unpacked(packed: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


@pytest.mark.pure
def test_the_same_texts_give_the_same_bytes() -> None:
    texts = {"b.txt": "two", "a.txt": "một"}
    packed = archive(texts, NOTHING)
    assert packed == archive(dict(reversed(texts.items())), NOTHING)
    assert unpacked(packed) == {"tram-doctor/a.txt": "một", "tram-doctor/b.txt": "two"}
    assert packed[4:8] == bytes(4)  # no time in gzip's head, RFC 1952 2.3


@pytest.mark.pure
def test_it_is_bounded_whatever_is_put_into_it() -> None:
    texts = {f"{number}.txt": "a line of the log\n" * 100_000 for number in range(MOST_FILES)}
    packed = archive(texts, NOTHING)
    assert len(gzip.decompress(packed)) < MOST_FILES * (MOST_BYTES + 2_000) + 20_000
    assert "bytes left out]" in unpacked(packed)["tram-doctor/0.txt"]


@pytest.mark.pure
def test_a_text_is_cleaned_before_it_is_cut() -> None:
    """Else the cut could leave half of a secret, which nobody recognises."""
    secret = "S3CRET" * 5
    at_the_cut = "x" * (MOST_BYTES // 2 - 10) + secret + "y" * MOST_BYTES
    (text,) = unpacked(archive({"a": at_the_cut}, Redaction([secret]))).values()
    assert "S3CRET" not in text


def test_it_is_for_its_owner_alone_and_never_written_over_another(tmp_path: Path) -> None:
    path = tmp_path / "support.tar.gz"
    before = os.umask(0)
    try:
        bundle.write(path, b"packed")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        bundle.write(path, b"other")


def test_a_large_folder_is_listed_up_to_a_bound_and_links_are_not_followed(tmp_path: Path) -> None:
    for number in range(MOST_ENTRIES + 50):
        (tmp_path / f"{number:05}").touch()
    (tmp_path / "deep" / "a" / "b" / "c" / "d").mkdir(parents=True)
    assert len(list(entries((tmp_path, tmp_path)))) == MOST_ENTRIES
    assert listing((tmp_path,)).endswith(f"[the first {MOST_ENTRIES}]")
    other = tmp_path / "small"
    other.mkdir()
    (other / "loop").symlink_to(other)
    assert len(list(entries((other,)))) == 1


def test_which_files_are_secrets(tmp_path: Path) -> None:
    def lay(name: str, text: str, mode: int) -> None:
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)

    lay("odd name", "aaaa1", 0o600)
    lay("mqtt-password.txt", "aaaa2", 0o644)
    lay("backup", "-----BEGIN PRIVATE KEY-----\naaaa3", 0o644)
    lay("README", "aaaa4, and the password is: aaaa6", 0o644)
    lay("ledger.db-wal", "aaaa5", 0o600)
    assert secrets_in((tmp_path,), tmp_path / "ledger.db") == {"aaaa1", "aaaa2", "aaaa3", "aaaa6"} | {""}


def run(
    bench: Bench, *options: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", "doctor", str(bench.file), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, **(environment or {})},
    )


class Planter:
    """Makes secrets that stand nowhere else, and remembers them."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def __call__(self, where: str) -> str:
        self.planted[where] = f"{secrets.token_hex(4)}Zz{secrets.token_hex(12)}"
        return self.planted[where]


def planted_outside(bench: Bench, plant: Planter) -> str:
    """A password outside the station's folders, behind a link, readable for all and written by Notepad."""
    outside = bench.folder.parent / "elsewhere"
    outside.mkdir()
    (outside / "of the broker.txt").write_text(plant("password elsewhere") + "\r\n", encoding="utf-8-sig")
    (outside / "broker.txt").symlink_to("of the broker.txt")
    return "../elsewhere/broker.txt"


def planted_station(bench: Bench, plant: Planter, nobody: str) -> Path:
    """Secrets everywhere that a technician might put one. Gives the log."""
    bench.secret("password", plant("password file") + "\n")
    bench.secret(
        "key of the broker", f"-----BEGIN PRIVATE KEY-----\n{plant('odd key')}\n-----END PRIVATE KEY-----\n"
    )
    bench.secret(".env", f"MQTT_PASSWORD={plant('env file')}\n")
    (bench.folder / "notes.old").write_text(f"token: {plant('notes')}\n")
    (bench.folder / "keys" / "station.ledger").write_text(json.dumps({"ledger": plant("sidecar")}))
    (bench.folder / "data" / "psk").write_text(plant("psk file"))
    bench.describe(
        f"# password: {plant('comment')}",
        destination(
            nobody,
            f'username = "{plant("username")}"',
            'password_file = "keys/password"',
            f'password = "{plant("unknown key")}"',
            f'psk = ["{plant("list")}"]',
        ),
        destination(f"mqtt://me:{plant('url')}@127.0.0.1:1883", name="second"),
        destination(nobody, f'password_file = "{planted_outside(bench, plant)}"', name="third"),
        f'[cloud]\ntoken = "{plant("unknown table")}"\n',
        f'[[device]]\nid = "tank"\nline = "wire"\ndriver = "ascii"\nrequest = "LOGIN {plant("request")}"\n',
    )
    log = bench.folder / "agent.log"
    everything = "\n".join(
        f"{where} {secret}" for where, secret in plant.planted.items() if where != "sidecar"
    )
    log.write_text(
        f"{everything}\nhttps://robot:{plant('log url')}@host/\nAuthorization: Bearer {plant('bearer')}\n"
    )
    return log


@pytest.mark.system
@pytest.mark.parametrize("broken", [False, True], ids=["a file with mistakes", "no TOML at all"])
def test_no_secret_is_in_the_archive(tmp_path: Path, nobody: str, broken: bool) -> None:
    bench, plant = Bench(tmp_path / "station"), Planter()
    log = planted_station(bench, plant, nobody)
    if broken:
        bench.file.write_text(bench.file.read_text() + "\n[never closed\n")
    environment = {"MQTT_TOKEN": plant("environment"), "HTTPS_PROXY": f"http://u:{plant('proxy')}@proxy:3128"}
    log.write_text(f"{log.read_text()}{plant.planted['environment']} {plant.planted['proxy']}\n")
    out = tmp_path / "support.tar.gz"
    done = run(bench, "--bundle", str(out), "--log", str(log), environment=environment)
    assert done.returncode == 1, done.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    unzipped = gzip.decompress(out.read_bytes())
    for where, secret in plant.planted.items():
        for length in (len(secret), 10):  # whole, and what a message left of it
            assert secret[:length].encode() not in unzipped, where
    pem = bench.key_file.read_text().splitlines()[1]
    assert pem.encode() not in unzipped


@pytest.mark.system
def test_what_support_wants_to_know_is_in_the_archive(tmp_path: Path, nobody: str) -> None:
    bench = Bench(tmp_path / "station")
    bench.describe(destination(nobody))
    log = bench.folder / "agent.log"
    log.write_text("2026-11-29T10:00:00Z   station.polling station=TEST_1\n")
    out = tmp_path / "support.tar.gz"
    done = run(bench, "--json", "--bundle", str(out), "--log", str(log))
    assert json.loads(done.stdout)["ok"] is False
    assert str(out) in done.stderr
    texts = {name.removeprefix("tram-doctor/"): text for name, text in unpacked(out.read_bytes()).items()}
    assert 'id = "TEST_1"' in texts["station.toml"]
    assert "refuses the connection" in texts["doctor.txt"]
    assert "từ chối kết nối" in texts["doctor.vi.txt"]
    assert "cryptography==" in texts["versions.txt"]
    assert "station.polling" in texts["log.txt"]
    assert "-rw------- " in texts["folders.txt"]
    assert "keys/station.pem" in texts["folders.txt"]
    assert "Linux" in texts["machine.txt"]
    assert json.loads(texts["ledger.json"])["ledgers"] == []
    assert run(bench, "--bundle", str(out)).returncode == 1


@pytest.mark.system
def test_a_log_that_is_not_there_is_said_to_be_missing_from_the_archive_and_in_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "station")
    bench.describe()
    for log, why in ((tmp_path / "none.log", "No such file or directory"), (tmp_path, "Is a directory")):
        out = tmp_path / f"{why}.tar.gz"
        done = run(bench, "--bundle", str(out), "--log", str(log), "--lang", "en")
        assert f"{out}: 9 files, " in done.stdout
        (said,) = [line for line in done.stdout.splitlines() if line.startswith("NOT in it: log.txt (")]
        assert why in said
        assert str(log) in said
        assert unpacked(out.read_bytes())["tram-doctor/log.txt"] == said
    done = run(bench, "--bundle", str(tmp_path / "vi.tar.gz"), "--log", str(log), "--lang", "vi")
    assert "KHÔNG có trong đó: log.txt (" in done.stdout


@pytest.mark.system
def test_an_archive_is_not_written_over_another_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "station")
    bench.describe()
    out = tmp_path / "support.tar.gz"
    out.write_text("mine")
    done = run(bench, "--bundle", str(out))
    assert done.returncode == 1
    assert "choose another name" in done.stderr
    assert out.read_text() == "mine"


@pytest.mark.system
def test_the_log_and_the_secrets_of_a_running_agent(tmp_path: Path) -> None:
    """Its log is the file that it writes to; what it was given in its environment is taken out of it."""
    bench, plant = Bench(tmp_path / "station"), Planter()
    bench.describe()
    log = tmp_path / "agent.log"
    log.write_text(f"from before: {plant('environment of the agent')}\n")
    agent = Process(
        "agent", log, "run", str(bench.file), environment={"MQTT_PASSWORD": plant.planted.popitem()[1]}
    )
    try:
        agent.wait_for("station.polling")
        out = tmp_path / "support.tar.gz"
        assert run(bench, "--bundle", str(out)).returncode in {0, 1}
    finally:
        assert agent.stop() == 0
    texts = unpacked(out.read_bytes())
    assert "station.polling" in texts["tram-doctor/log.txt"]
    assert "from before: [removed]" in texts["tram-doctor/log.txt"]
    assert json.loads(texts["tram-doctor/status.json"])["station"] == "TEST_1"
    assert json.loads(texts["tram-doctor/ledger.json"])["ledgers"][0]["newest"] >= 1
