"""Tram itself: `tram run` as a station runs it, and the centre whose receipts release its records."""

import sys
from collections.abc import Iterator
from pathlib import Path

from agent.version import VERSION
from bench.load import Load, station_file
from bench.peers.peer import Peer, Value
from bench.stage import Child
from central.folder import Folder, prepare
from telemetry import cbor, keyfile
from telemetry.envelope import RECORD, peek
from telemetry.keys import public_to_pem
from telemetry.pack import device_of
from telemetry.record import Kind, decode_record

_NAME, _NUMBER = 0, 2  # SenML-CBOR labels n and v


class Tram(Peer):
    """Its station file is the one of `make bench`; judged by what the broker's subscriber has, not by the centre."""

    name = "Tram"
    storage = (
        "as installed: signed records in SQLite with a sync per commit, released by the centre's receipts;"
        " 20 channels in one request"
    )
    mqtt5 = True
    _centre: Child | None = None

    def install(self) -> str:
        """It is there."""
        return VERSION

    @property
    def _load(self) -> Load:
        return Load(len(self.site.ports), self.site.channels)

    @property
    def _far_side(self) -> Path:
        return self.work.with_name("tram-centre")

    @property
    def _key(self) -> Path:
        return self._far_side / "station.pem"

    def accompany(self) -> None:
        """The centre, with the station's key enrolled."""
        folder = Folder(self._far_side / "centre")
        self._far_side.mkdir(parents=True)
        prepare(folder)
        folder.station_key(self._load.station).write_bytes(public_to_pem(keyfile.create(self._key).public))
        trace = self._far_side / "centre.trace"
        arguments = (str(folder.path), "127.0.0.1", str(self.site.broker_port), str(trace))
        self._centre = Child(self._far_side, "centre", "bench.centre", *arguments)

    def leave(self) -> None:
        """The centre ends."""
        if self._centre is not None:
            self._centre.end()

    def configure(self) -> None:
        """The station file."""
        broker = f"mqtt://127.0.0.1:{self.site.broker_port}"
        text = station_file(self._load, self.site.ports, broker, Folder(self._far_side / "centre").public)
        (self.work / "station.toml").write_text(text.replace('"station.pem"', f'"{self._key}"'))

    def command(self) -> list[str]:
        """`tram run`."""
        return [sys.executable, "-m", "agent", "run", "station.toml", "--log-format", "json"]

    def environment(self) -> dict[str, str]:
        """Bytecode may be kept, as where the package is installed."""
        return {"PYTHONDONTWRITEBYTECODE": ""}

    def values(self, topic: str, payload: bytes) -> Iterator[Value]:
        """Both ways on which records leave; the time is the record's signed monotonic clock."""
        if not topic.endswith((f"/{self._load.station}/live", f"/{self._load.station}/past")):
            return
        for envelope in cbor.sequence(payload):
            record = decode_record(peek(envelope, RECORD).payload)
            if record.kind != Kind.READINGS or not isinstance(record.body, list):
                continue
            device = int(device_of(record.body).removeprefix("d"))
            for entry in record.body:
                if _NUMBER in entry:
                    channel = int(entry[_NAME].removeprefix("ch"))
                    yield Value(device, channel, entry[_NUMBER], record.moment.mono_ms)
