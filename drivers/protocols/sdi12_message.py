"""What is said on an SDI-12 line: the commands of the recorder and the answers of the sensors.

Source: the list of commands in Campbell CS215 manual, table D-1, and MRC-565 specifications, page 99, which
quote SDI-12 version 1.3. Commands check themselves when they are built.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

ADDRESS: Final = re.compile(r"[0-9A-Za-z]", re.ASCII)


@dataclass(frozen=True, slots=True)
class AddressQuery:
    """`?!`: who is there? Only with one sensor on the line."""

    @property
    def command(self) -> str:
        """The characters in front of the `!`; so it is in every command."""
        return "?"


@dataclass(frozen=True, slots=True)
class _Addressed:
    address: str

    def __post_init__(self) -> None:
        if ADDRESS.fullmatch(self.address) is None:
            raise ValueError(f"an address is a digit or a letter, got {self.address!r}")

    @property
    def command(self) -> str:
        return self.address


@dataclass(frozen=True, slots=True)
class Acknowledge(_Addressed):
    """`a!`: are you there?"""


@dataclass(frozen=True, slots=True)
class Identify(_Addressed):
    """`aI!`."""

    @property
    def command(self) -> str:
        return f"{self.address}I"


@dataclass(frozen=True, slots=True)
class Verify(_Addressed):
    """`aV!`: answered as a measurement is."""

    @property
    def command(self) -> str:
        return f"{self.address}V"


@dataclass(frozen=True, slots=True)
class ChangeAddress(_Addressed):
    """`aAb!`."""

    new: str

    def __post_init__(self) -> None:
        _Addressed.__post_init__(self)
        _Addressed(self.new)

    @property
    def command(self) -> str:
        return f"{self.address}A{self.new}"


@dataclass(frozen=True, slots=True)
class Measure(_Addressed):
    """`aM!`, `aMC!`, `aC!`, `aCC!`; `variant` 1..9 asks for the additional measurements `aM1!` and so on."""

    concurrent: bool = False
    crc: bool = False
    variant: int = 0

    def __post_init__(self) -> None:
        _Addressed.__post_init__(self)
        _one_digit(self.variant)

    @property
    def command(self) -> str:
        return f"{self.address}{'C' if self.concurrent else 'M'}{'C' if self.crc else ''}{self.variant or ''}"


@dataclass(frozen=True, slots=True)
class SendData(_Addressed):
    """`aD0!` to `aD9!`. `crc` and `concurrent` repeat the measurement before: the wire does not say them."""

    index: int = 0
    crc: bool = False
    concurrent: bool = False

    def __post_init__(self) -> None:
        _Addressed.__post_init__(self)
        _one_digit(self.index)

    @property
    def command(self) -> str:
        return f"{self.address}D{self.index}"


@dataclass(frozen=True, slots=True)
class ReadContinuous(_Addressed):
    """`aR0!` to `aR9!`, or `aRC0!` with CRC: values at once, without a measurement before."""

    index: int = 0
    crc: bool = False

    def __post_init__(self) -> None:
        _Addressed.__post_init__(self)
        _one_digit(self.index)

    @property
    def command(self) -> str:
        return f"{self.address}R{'C' if self.crc else ''}{self.index}"


def _one_digit(number: int) -> None:
    if not 0 <= number <= 9:
        raise ValueError(f"must be 0..9, got {number}")


class Here(NamedTuple):
    """A sensor's address alone: it is there, has its new address, or requests service."""

    address: str


class Identity(NamedTuple):
    """`version` of SDI-12 without its point (`14`); `vendor`, `model`, `firmware` with their blanks."""

    address: str
    version: str
    vendor: str
    model: str
    firmware: str
    serial: str = ""


class Announced(NamedTuple):
    """`values` values will be there after `seconds` s, or earlier, at the service request."""

    address: str
    seconds: int
    values: int


class Values(NamedTuple):
    """What `aD0!` or `aR0!` gave, exactly as written. The announced number may take several answers."""

    address: str
    values: tuple[Decimal, ...]


Request = AddressQuery | Acknowledge | Identify | Verify | ChangeAddress | Measure | SendData | ReadContinuous
Reply = Here | Identity | Announced | Values
