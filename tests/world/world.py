"""One world: a station with its instruments, a broker, a centre, and everything that chance decides about them."""

from pathlib import Path
from random import Random

from telemetry.keys import SigningKey
from tests.world import centre as centres
from tests.world import station as stations
from tests.world.centre import Centre
from tests.world.chance import Chance
from tests.world.clock import StationClock
from tests.world.disk import Disk
from tests.world.instruments import Instrument
from tests.world.network import Network
from tests.world.station import Build, Station
from tests.world.story import Story
from tests.world.wire import Line
from tests.world.witness import CentreBook, StationBook, Witness

KEEP_SHORT_MS = 5 * 60_000
QUOTA_SMALL_BYTES = 100_000
QUOTA_LARGE_BYTES = 50_000_000
PERIODS_MS = (5_000, 10_000, 20_000, 30_000)


class World:
    """Built from a seed in an empty folder; nothing has begun yet."""

    def __init__(self, seed: int, root: Path) -> None:
        self.root = root
        self.chance = Chance(seed)
        self.story = Story(root)
        self.witness = Witness(self.story.violated)
        self.network = Network(self.chance.of("network"))
        self.network.published = self._published
        self.clock = StationClock(self.chance.of("clock"))
        self.build = _build(self.chance.of("build"), self.chance.of("wire"))
        keys = self.chance.of("keys")
        self.key, centre_key = (SigningKey.from_seed(keys.randbytes(32)) for _ in range(2))
        self.rows, self.centre_rows = StationBook(self.witness), CentreBook(self.witness)
        self.disk = Disk(root, "station", stations.DATABASE, self.chance.of("disk"), self.rows)
        self.centre_disk = Disk(
            root, "centre", centres.DATABASE, self.chance.of("centre disk"), self.centre_rows
        )
        stations.lay_out(self.disk.folder, self.build, self.key, centre_key.public)
        centres.lay_out(self.centre_disk.folder, centre_key, keys.randbytes(16))
        self.station = Station(
            self.build,
            self.disk,
            self.clock,
            self.network,
            self.witness,
            self.story,
            self.chance.of("agent"),
        )
        self.centre = Centre(self.centre_disk, self.network, self.story, self.chance.of("centre"))

    @property
    def instruments(self) -> list[Instrument]:
        """All of them."""
        return list(self.build.devices)

    def _published(self, who: str, topic: str, payload: bytes) -> None:
        if topic.endswith(("/live", "/past")):
            self.witness.left(payload)


def _build(rng: Random, wires: Random) -> Build:
    units = [rng.choice([2, 3]), 1]
    devices: list[Instrument] = []
    lines: dict[str, Line] = {}
    urls, line_of = {}, {}
    for name, url, count in zip(
        ("rs485", "plc"), ("serial:///dev/ttyW0?baudrate=9600&parity=N", "tcp://10.0.0.5"), units, strict=True
    ):
        hung = []
        for _ in range(count):
            number = len(devices) + 1
            hung.append(Instrument(number, f"d{number}", number, rng.choice(PERIODS_MS)))
            line_of[hung[-1].name] = name
            devices.append(hung[-1])
        urls[name] = url
        lines[name] = Line(hung, wires)
    return Build(
        devices=devices,
        lines=lines,
        urls=urls,
        line_of=line_of,
        keep_ms=rng.choice([KEEP_SHORT_MS, stations.KEEP_LONG_MS]),
        quota_bytes=rng.choice([QUOTA_SMALL_BYTES, QUOTA_LARGE_BYTES, QUOTA_LARGE_BYTES]),
        linger_ms=rng.choice([0, 100, 100, 1_000]),
        slow_writer=rng.random() < 0.5,
    )
