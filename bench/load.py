"""What a bench station measures: so many instruments of so many float32 values, each on a TCP port of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 1
DEFAULT_RECORDS_PER_S = 200
"""As a station has it that says nothing of it."""
UNITS = ("mg/L", "mg/L", "mg/L", "degC", "pH")
"""The usual mixture: most channels of an instrument share a unit."""

HEAD = """\
[station]
id = "{station}"
name = "Bench"
timezone = "Asia/Ho_Chi_Minh"

[identity]
key = "station.pem"

[buffer]
path = "data/ledger.db"
quota = "20GB"

[[destination]]
id = "centre"
kind = "mqtt"
url = "{broker}"
receipt_keys = ["{centre}"]
records_per_s = {records_per_s}
"""
LINE = """
[[line]]
id = "line-{number}"
url = "tcp://127.0.0.1:{port}"

[[device]]
id = "d{number:03d}"
line = "line-{number}"
driver = "modbus"
unit = 1
every = "{every}s"
"""
CHANNEL = """
[[device.channel]]
id = "ch{number:02d}"
table = "holding"
address = {address}
type = "float32"
unit = "{unit}"
"""


@dataclass(frozen=True, slots=True)
class Load:
    """`devices` instruments with `channels` values each, every second where nothing else is said."""

    devices: int
    channels: int

    def __str__(self) -> str:
        return f"{self.devices} x {self.channels}"

    @property
    def station(self) -> str:
        """The id of the station that has this load."""
        return f"BENCH_{self.devices}x{self.channels}"


def station_file(
    load: Load,
    ports: Sequence[int],
    broker: str,
    centre: Path,
    records_per_s: int = DEFAULT_RECORDS_PER_S,
    *,
    every_s: int = EVERY_S,
) -> str:
    """The station file: `ports` of the instruments, where the broker is, and the centre's public key."""
    head = HEAD.format(station=load.station, broker=broker, centre=centre, records_per_s=records_per_s)
    parts = [head]
    for number, port in enumerate(ports):
        parts.append(LINE.format(number=number, port=port, every=every_s))
        parts += [
            CHANNEL.format(number=channel, address=2 * channel, unit=UNITS[channel % len(UNITS)])
            for channel in range(load.channels)
        ]
    return "".join(parts)
