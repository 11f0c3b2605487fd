"""What a station is, as values: pydantic models for tables of the file, dataclasses for what they compose."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from config.errors import Problem, one_line, shown
from config.quantity import DAY_MS, DURATION_MS, Duration, Size, duration_ms, size_bytes

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,31}"
SHORTEST_PERIOD_MS = 100
LONGEST_PERIOD_MS = DAY_MS
SHORTEST_KEEP_MS = DURATION_MS["h"]
LONGEST_LINGER_MS = DURATION_MS["s"]
SMALLEST_QUOTA_BYTES = size_bytes("1MB")
DEFAULT_PORT = {"mqtt": 1883, "mqtts": 8883}


def checked_id(text: str) -> str:
    """An id of the design, section 3: it stands in topics, names of files and signed records."""
    if re.fullmatch(ID_PATTERN, text) is None:
        raise ValueError(
            f'is not a valid id (got {shown(text)}), use 1 to 32 of A-Z a-z 0-9 "_" "." "-", '
            "the first a letter or a digit"
        )
    return text


def _plain(text: str) -> str:
    """What stands on screens, in logs and in signed records: a control character would do things there."""
    if one_line(text) != text:
        raise ValueError(f"holds a control character (got {shown(text)}), take it out")
    return text


def _beside_the_file(path: object, info: ValidationInfo) -> Path:
    if not isinstance(path, str | Path) or not str(path):
        raise ValueError('should be the path of a file in quotes, e.g. "keys/station.pem"')
    _plain(str(path))
    folder = (info.context or {}).get("folder", Path())
    return Path(folder) / path


def _period(period_ms: int) -> int:
    if period_ms < SHORTEST_PERIOD_MS:
        raise ValueError('is too short, at least "100ms"')
    if period_ms > LONGEST_PERIOD_MS:
        raise ValueError('is too long, at most "1d"')
    return period_ms


def _keep(keep_ms: int) -> int:
    if keep_ms < SHORTEST_KEEP_MS:
        raise ValueError('is too short, at least "1h"')
    return keep_ms


def _linger(linger_ms: int) -> int:
    if linger_ms > LONGEST_LINGER_MS:
        raise ValueError('is too long, at most "1s"')
    return linger_ms


def _says_something(flags: dict[str, str]) -> dict[str, str]:
    if not flags:
        raise ValueError('is empty, e.g. { 1 = "calibration" }')
    return flags


def _quota(quota_bytes: int) -> int:
    if quota_bytes < SMALLEST_QUOTA_BYTES:
        raise ValueError('is too small, at least "1MB"')
    return quota_bytes


def _topic_root(root: str) -> str:
    if not root or root.startswith(("/", "$")) or root.endswith("/") or re.search(r"[#+\s\x00]", root):
        raise ValueError(f'is not a topic (got {shown(root)}), e.g. "tram/1"; no "+", "#" or spaces')
    return root


def _mqtt_url(url: str) -> str:
    parts = _split(url)
    if parts is None or parts.scheme not in DEFAULT_PORT or not parts.hostname:
        raise ValueError(
            f'is not the address of a broker (got {shown(url)}), e.g. "mqtts://broker.example:8883"'
        )
    if parts.username is not None:
        raise ValueError("holds a name or a password, write them as username = and password_file = instead")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f'goes on after the port (got {shown(url)}), a topic is set with root = "tram/1"')
    return url


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


ID_SCHEMA = {"type": "string", "pattern": f"^{ID_PATTERN}$"}
Id = Annotated[str, AfterValidator(checked_id), WithJsonSchema(ID_SCHEMA)]
Plain = Annotated[str, AfterValidator(_plain)]
FilePath = Annotated[Path, PlainValidator(_beside_the_file), WithJsonSchema({"type": "string"})]


class Table(BaseModel):
    """One table of the file. Paths are taken from the file's folder (validation context `folder`)."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class About(Table):
    """The table [station]."""

    id: Id = Field(description="Name in topics and signed records", examples=["BD_VSIP_NUO001"])
    name: Plain = Field("", description="Name for people; the id when it is left out")
    timezone: str = Field("UTC", description="IANA time zone of the station", examples=["Asia/Ho_Chi_Minh"])


class Identity(Table):
    """The table [identity]."""

    key: FilePath = Field(
        Path("keys/station.pem"),
        validate_default=True,
        description="Private key, mode 0600, made by tram init",
    )


class Buffer(Table):
    """The table [buffer]: where signed records are kept, how long, and how much disk they may take."""

    path: FilePath = Field(Path("data/ledger.db"), validate_default=True, description="The database")
    keep_ms: Annotated[Duration, AfterValidator(_keep)] = Field(
        duration_ms("90d"), alias="keep", description="How long delivered records stay", examples=["90d"]
    )
    quota_bytes: Annotated[Size, AfterValidator(_quota)] = Field(
        size_bytes("4GB"), alias="quota", description="The most disk the database may take", examples=["4GB"]
    )
    linger_ms: Annotated[Duration, AfterValidator(_linger)] = Field(
        100, alias="linger", description="Longest wait of a record for its commit", examples=["100ms"]
    )


class LineHead(Table):
    """The keys of [[line]] that are not settings of the line's kind."""

    id: Id = Field(description="Name of the line", examples=["rs485"])


class StatusFrom(Table):
    """One table [[device.status_from]]: another device says what values of this one are worth."""

    device: str = Field(description="The id of the [[device]] that says it", examples=["inputs"])
    channel: str = Field(description="Its channel with the status", examples=["zero-valve"])
    flags: Annotated[dict[str, str], AfterValidator(_says_something)] = Field(
        description="Value (3, 0x3C), bit (bit0) or other to what it says of the values",
        examples=['{ 1 = "calibration" }'],
    )
    flagged: tuple[str, ...] | None = Field(
        None, description="The channels of which it says it; left out: all of this device", examples=[["SO2"]]
    )


class DeviceHead(Table):
    """The keys of [[device]] that are not settings of its driver."""

    id: Id = Field(description="Name of the device, unique in the station", examples=["ph"])
    line: str = Field(description="The id of the [[line]] it hangs on", examples=["rs485"])
    driver: str = Field(description="How it talks", examples=["modbus"])
    every_ms: Annotated[Duration, AfterValidator(_period)] = Field(
        alias="every", description="Time from one poll to the next", examples=["5s"]
    )
    profile: str | None = Field(None, description="Channels from the library; own ones are added or override")
    without: tuple[str, ...] = Field(
        (), description="Channels of the profile that this instrument does not have", examples=[["VOC"]]
    )
    status_from: tuple[StatusFrom, ...] = Field(
        (), description="Channels of other devices that say what the values of this one are worth"
    )


class Destination(Table):
    """One table [[destination]]: a broker, and what counts as delivered there."""

    id: Id = Field(description="Name of the destination", examples=["so-tnmt"])
    kind: Literal["mqtt"] = "mqtt"
    url: Annotated[str, AfterValidator(_plain), AfterValidator(_mqtt_url)] = Field(
        description="mqtt://host:port or mqtts://host:port", examples=["mqtts://broker.example:8883"]
    )
    root: Annotated[str, AfterValidator(_plain), AfterValidator(_topic_root)] = Field(
        "tram/1", description="First part of every topic"
    )
    ack: Literal["receipt", "broker"] = Field(
        "receipt", description="What counts as delivered; broker: without our centre behind it"
    )
    receipt_keys: tuple[FilePath, ...] = Field((), description="Public keys that sign receipts")
    ca: FilePath | None = Field(None, description="Certificates that the broker's must chain to")
    cert: FilePath | None = Field(None, description="Our client certificate")
    cert_key: FilePath | None = Field(None, description="Its private key, mode 0600")
    username: Plain | None = None
    password_file: FilePath | None = Field(None, description="File with the password, mode 0600")
    records_per_s: int = Field(
        200,
        ge=1,
        le=10_000,
        description="The most records per second of a backlog; 10000 is as good as no limit",
    )

    @property
    def secure(self) -> bool:
        """Whether the connection is TLS."""
        return self.url.startswith("mqtts:")


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line and the settings of its kind (the model that was handed to `load`)."""

    id: str
    settings: BaseModel


@dataclass(frozen=True, slots=True)
class Device:
    """One instrument. `settings` are its driver's; `profile` None: every channel is in the file itself."""

    id: str
    line: str
    driver: str
    every_ms: int
    profile: str | None
    settings: BaseModel
    status_from: tuple[StatusFrom, ...] = ()


@dataclass(frozen=True, slots=True)
class Station:
    """The whole file. `warnings` are not mistakes: the station runs, and someone should know."""

    file: Path
    id: str
    name: str
    timezone: str
    identity: Identity
    buffer: Buffer
    lines: tuple[Line, ...]
    devices: tuple[Device, ...]
    destinations: tuple[Destination, ...]
    warnings: tuple[Problem, ...] = ()
