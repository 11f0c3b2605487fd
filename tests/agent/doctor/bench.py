"""A station on the bench for the doctor: its folder, its file, and what the doctor says of it."""

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.doctor.examination import Examination, examine
from agent.doctor.sentences import as_text
from telemetry import keyfile
from telemetry.keys import SigningKey
from tests.agent.doctor.spoken import spoken

NAME = "TEST_1"


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a broker that is switched off: the port is taken, so that nobody else listens there, and shut."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"mqtt://127.0.0.1:{taken.getsockname()[1]}"


class Bench:
    """`describe` writes the station file; the key is made at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "station.toml"
        self.store = folder / "data" / "ledger.db"
        self.key_file = folder / "keys" / "station.pem"
        self.key_file.parent.mkdir(parents=True)
        self.store.parent.mkdir(mode=0o700)
        self.key: SigningKey = keyfile.create(self.key_file)
        self.centre = SigningKey.generate()
        keyfile.write_public(folder / "keys" / "centre.pub", self.centre.public)

    def describe(self, *destinations: str, line: str = "tcp://127.0.0.1:1", quota: str = "100MB") -> None:
        """One device that measures pH."""
        about = (
            f'[station]\nid = "{NAME}"\nname = "Trạm thử"\ntimezone = "Asia/Ho_Chi_Minh"\n\n'
            '[identity]\nkey = "keys/station.pem"\n\n'
            f'[buffer]\npath = "data/ledger.db"\nkeep = "1d"\nquota = "{quota}"\n\n'
            f'[[line]]\nid = "wire"\nurl = "{line}"\ntimeout = "1s"\nguard = "1s"\n\n'
            '[[device]]\nid = "ph"\nline = "wire"\ndriver = "modbus"\nunit = 1\nevery = "60s"\n\n'
            '[[device.channel]]\nid = "pH"\ntable = "holding"\naddress = 0\ntype = "float32"\nunit = "pH"\n'
        )
        self.file.write_text("\n".join([about, *destinations]), encoding="utf-8")

    def secret(self, name: str, text: str) -> Path:
        """A file for its owner alone."""
        path = self.folder / "keys" / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path


def destination(url: str, *more: str, name: str = "centre", ack: str = "receipt") -> str:
    """Its table."""
    keys = ['receipt_keys = ["keys/centre.pub"]'] if ack == "receipt" else []
    lines = [f'[[destination]]\nid = "{name}"\nkind = "mqtt"\nurl = "{url}"\nack = "{ack}"', *keys, *more, ""]
    return "\n".join(lines)


async def examined(bench: Bench) -> Examination:
    """As `tram doctor` does it; what is said can be said in both languages."""
    found = await examine(bench.file, SystemClock())
    spoken(found.lines)
    print(as_text(found.lines, "en"))
    return found


def codes(found: Examination, subjects: Sequence[str] = ()) -> list[str]:
    """`mark code` of these subjects, or of all."""
    return spoken(line for line in found.lines if not subjects or line.subject in subjects)


WAY = ("dns", "tcp", "tls", "cert", "login", "acl", "rest", "centre")
"""The subjects of a destination."""
