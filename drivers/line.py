"""What a `[[line]]` table says: where the line is (drivers.endpoint), and how patient we are with it."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from drivers.endpoint import Endpoint, SerialPort, ThisMachine, UdpHost, endpoint
from drivers.tls import TlsKeys

RTU_OVER_TCP_GAP_S = 0.005
"""The far line's speed is not known here; 5 ms is the 3.5 characters of 9600 Bd and a little more."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


def seconds(value: object) -> object:
    """The duration in seconds; leaves what is not a text to pydantic, which says what was expected."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError('not a duration, write for example "1s" or "500ms"')
    return float(match[1]) * _SECONDS[match[2]]


def _only_text(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f'a duration needs its unit, write "{value}s" or "{value}ms"')  # noqa: TRY004
    return seconds(value)


Seconds = Annotated[
    float,
    BeforeValidator(_only_text),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|min|m|h)$", "examples": ["1s", "500ms"]}
    ),
]


def _refuses_characters(where: Endpoint, *, has_port: bool) -> str | None:
    if isinstance(where, UdpHost):
        return "it carries Modbus in datagrams"
    if isinstance(where, SerialPort):
        return None if where.framer == "rtu" else "framer=ascii is Modbus ASCII; for characters leave it out"
    if where.numbered:
        kind = "tls" if where.tls else "tcp"
        return None if has_port else f'its port is missing, write for example "{kind}://{where.host}:4001"'
    return f'it carries Modbus {"RTU" if where.rtu else "ASCII"}; for characters write "tcp://{where}"'


class LineSettings(TlsKeys):
    """What is left of a `[[line]]` table after its id. Durations are "1s" or "500ms" there, seconds here."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    url: str
    timeout_s: Seconds = Field(default=1.0, alias="timeout", ge=0.01, le=60)
    """How long an answer may take."""
    guard_s: Seconds = Field(default=1.0, alias="guard", ge=0.01, le=60)
    """RTU: silence kept after a timeout or a bad answer; longer than the slowest late answer is late."""
    gap_s: Seconds | None = Field(default=None, alias="gap", ge=0, le=5)
    """RTU: pause before every request. None: 3.5 characters of the line's speed."""
    connect_s: Seconds = Field(default=5.0, alias="connect_timeout", ge=0.1, le=60)
    """How long connecting may take."""
    reconnect_s: Seconds = Field(default=30.0, alias="reconnect", ge=0.01, le=3600)
    """The longest pause between two attempts to open a line that is down."""
    retries: int = Field(default=1, ge=0, le=5)
    """How often a garbled answer is asked for again within one poll. Silence is not asked again."""

    @field_validator("url")
    @classmethod
    def _url_leads_somewhere(cls, url: str) -> str:
        endpoint(url)
        return url

    @property
    def endpoint(self) -> Endpoint:
        """Where the wire is; a line that is `machine` has none."""
        where = endpoint(self.url)
        assert not isinstance(where, ThisMachine)
        return where

    @property
    def machine(self) -> ThisMachine | None:
        """This machine, when the line is no wire."""
        where = endpoint(self.url)
        return where if isinstance(where, ThisMachine) else None

    def refuses(self, unit: int) -> str | None:
        """Why no device can have this unit address here; None: it can.

        On a serial line 0 is everybody's and 248..255 are reserved (Modbus over Serial Line V1.02, 2.2).
        """
        if self.machine is not None:
            return None
        if self.endpoint.numbered:
            return None
        return None if 1 <= unit <= 247 else "is no address of a serial line, these are 1 to 247"

    def refuses_speech(self, speech: str) -> str | None:
        """Why this line does not carry "modbus", "characters" or "machine"; None: it does."""
        if (self.machine is not None) != (speech == "machine"):
            only = (
                "only the driver system reads this machine" if self.machine else "it leads to an instrument"
            )
            return f'{only}; the driver system has a line of its own: url = "local://"'
        if self.machine is not None:
            return None
        where = self.endpoint
        if speech == "characters":
            return _refuses_characters(where, has_port=urlsplit(self.url).port is not None)
        if isinstance(where, SerialPort) and where.framer == "rtu" and where.bytesize != 8:
            return "Modbus RTU needs bytesize=8"
        return None

    def silence_s(self) -> float:
        """The pause between frames of an RTU line."""
        if self.gap_s is not None:
            return self.gap_s
        where = self.endpoint
        return where.silence_s if isinstance(where, SerialPort) else RTU_OVER_TCP_GAP_S
