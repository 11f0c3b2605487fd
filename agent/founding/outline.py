"""What a new station file will say, as values, and its text with the comments that explain it. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

Value = str | int | bool

LOCAL_BROKER = "mqtt://127.0.0.1:1883"
DEFAULT_PERIOD = "5s"
LONGEST_ID = 32


@dataclass(frozen=True, slots=True)
class LineOutline:
    """One wire."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class DeviceOutline:
    """One instrument. `profile` None: an example of a Modbus device, to be described by hand.

    `keys`: what its driver wants besides, such as `unit`.
    """

    id: str
    line: str
    profile: str | None
    driver: str = "modbus"
    every: str = DEFAULT_PERIOD
    keys: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outline:
    """The whole station. Without lines an example is written. `broker` None: nowhere to deliver yet."""

    station: str
    name: str
    timezone: str
    kind: str = ""
    lines: tuple[LineOutline, ...] = ()
    devices: tuple[DeviceOutline, ...] = ()
    broker: str | None = None


class FoundUnit(Protocol):
    """A unit that somebody found on a line (`tram scan` does), and whose instrument it seems to be."""

    @property
    def unit(self) -> int: ...
    @property
    def profile(self) -> str | None:
        """Its profile in the library; None: not known."""
        ...


class KnownProfile(NamedTuple):
    """As much of a profile as is asked about. `wants`: keys without which its driver cannot do, `unit` among them."""

    name: str
    title: str
    driver: str
    units: frozenset[str]
    wants: tuple[str, ...] = ("unit",)


BY_HAND = KnownProfile("", "", "modbus", frozenset())
"""An instrument that is in no profile."""


def devices_of(
    line: str, found: Sequence[FoundUnit], profiles: Mapping[str, KnownProfile], taken: Sequence[str] = ()
) -> tuple[DeviceOutline, ...]:
    """Devices for the units that were found on this line, with ids that are not `taken`."""
    devices: list[DeviceOutline] = []
    for each in found:
        profile = profiles.get(each.profile or "", BY_HAND)
        used = [*taken, *(device.id for device in devices)]
        name = free_id(profile.name or f"unit-{each.unit}", used)
        keys = {"unit": each.unit} if "unit" in profile.wants else {}
        devices.append(DeviceOutline(name, line, profile.name or None, profile.driver, keys=keys))
    return tuple(devices)


def free_id(wish: str, taken: Sequence[str]) -> str:
    """The wish, or the wish with a number behind it."""
    name, number = wish[:LONGEST_ID], 2
    while name in taken:
        end = f"-{number}"
        name, number = wish[: LONGEST_ID - len(end)] + end, number + 1
    return name


def free_unit(line: str, devices: Sequence[DeviceOutline]) -> int:
    """The lowest unit address that no device of this line has."""
    taken = {device.keys.get("unit") for device in devices if device.line == line}
    return next(unit for unit in range(1, 1_000) if unit not in taken)


def station_file(outline: Outline) -> str:
    """The text of the station file."""
    parts = [
        _HEAD.format(
            kind=f"\n# {outline.kind}" if outline.kind else "",
            station=quoted(outline.station),
            name=quoted(outline.name or outline.station),
            timezone=quoted(outline.timezone),
        ),
        *(_lines(outline) if outline.lines else (_EXAMPLE,)),
        _NO_DESTINATION if outline.broker is None else _DESTINATION.format(broker=quoted(outline.broker)),
    ]
    return "\n".join(parts)


def as_value(text: str) -> Value:
    """A number where it is one: keys of drivers are numbers or words."""
    return int(text) if text.isdecimal() else text


def quoted(value: Value) -> str:
    """As TOML; the escapes of its texts are JSON's, and DEL is one of them."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _lines(outline: Outline) -> Iterator[str]:
    for line in outline.lines:
        yield _LINE.format(id=quoted(line.id), url=quoted(line.url))
    yield "# One [[device]] for each instrument.\n"
    for device in outline.devices:
        yield _device(device)


def _device(device: DeviceOutline) -> str:
    rows = [
        "[[device]]",
        f"id = {quoted(device.id)}",
        f"line = {quoted(device.line)}",
        f"driver = {quoted(device.driver)}",
        *(f"{key} = {quoted(value)}" for key, value in device.keys.items()),
        f"every = {quoted(device.every)}",
    ]
    if device.profile is None:
        return "\n".join([*rows, _CHANNELS])
    about = f"# what it measures: tram profiles {device.profile}"
    return "\n".join([*rows, f"profile = {quoted(device.profile)}  {about}", ""])


_HEAD = """\
# A station of Tram. After every change: tram check station.toml
# Times are written "500ms", "5s", "10min", "2h", "90d"; sizes "500MB", "4GB".{kind}

[station]
id = {station}
name = {name}
timezone = {timezone}

[identity]
key = "keys/station.pem"        # stays on this machine, for its owner alone (mode 0600)

[buffer]
path = "data/ledger.db"         # signed records, until they are delivered and "keep" is over
keep = "90d"
quota = "4GB"

# One [[line]] for each wire or network address. A serial line with several instruments is one line:
# url = "serial:///dev/ttyUSB0?baudrate=9600&parity=N"     Modbus RTU on this machine's port
# url = "rtu+tcp://10.0.0.6:4001"                          Modbus RTU through a serial server
# url = "tcp://10.0.0.5:502"                               Modbus TCP; tls:// with ca = "keys/ca.pem" in TLS
"""

_LINE = """\
[[line]]
id = {id}
url = {url}
timeout = "1s"                  # wait for an answer
guard = "1s"                    # silence after a missing or bad answer; longer than the latest late one
"""

_CHANNELS = """
# An example: write what stands in the instrument's manual. One [[device.channel]] for each of its values.

[[device.channel]]
id = "pH"
table = "holding"               # holding, input, coil, discrete
address = 0                     # the number in the request, from 0; or register = 40001, as in manuals
type = "float32"                # int16 uint16 int32 uint32 int64 uint64 float32 float64 bcd16 bcd32 bit string
order = "ABCD"                  # bytes as sent: ABCD CDAB BADC DCBA
unit = "pH"                     # unit of measure
range = [0, 14]                 # what the instrument can measure; values outside are flagged

[[device.channel]]
id = "temperature"
table = "holding"
address = 2
type = "int16"
scale = 0.1                     # 253 means 25.3
unit = "degC"
range = [-10, 60]
"""

_EXAMPLE = (
    _LINE.format(id='"lan"', url='"tcp://127.0.0.1:502"')
    + """
# One [[device]] for each instrument.

[[device]]
id = "ph"
line = "lan"
driver = "modbus"
unit = 1                        # the instrument's address on its line
every = "5s"
"""
    + _CHANNELS
)

_DESTINATION = """\
# Where records are delivered: delivered is what the centre's signed receipt covers.

[[destination]]
id = "centre"
kind = "mqtt"
url = {broker}
receipt_keys = ["keys/centre.pub"]
# ca = "keys/ca.pem"            # also: cert, cert_key, username, password_file
"""

_NO_DESTINATION = """\
# Where records are delivered: delivered is what the centre's signed receipt covers. Until there is one,
# records are signed and kept. Put the centre's public key into keys/, and take the marks away:

# [[destination]]
# id = "centre"
# kind = "mqtt"
# url = "mqtts://broker.example:8883"
# receipt_keys = ["keys/centre.pub"]
# ca = "keys/ca.pem"            # also: cert, cert_key, username, password_file
"""
