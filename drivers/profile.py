"""The library of instruments: a device table per model, transcribed from its manual.

A profile is `drivers/profiles/NAME.toml`: what a `[[device]]` table would say for its driver, settings and channels,
and what there is to know about the profile itself: `[about]` with maker, instrument, driver, manual, identity register
and status word, and for each channel the page and whether its place in the answer (table, address, type and order, or
the field's name) was read there (`confirmed`). Only settings and channels reach a driver, and nothing is used unless a
station file names it.
"""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from drivers.errors import Misconfigured

FOLDER = Path(__file__).parent / "profiles"


class _Told(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Source(_Told):
    """A manual that was read. `edition`: number or date; `pages` as printed there."""

    manual: str
    edition: str
    pages: str


class Identity(_Told):
    """Where the instrument says who it is; `length` in characters, of a string."""

    what: str
    table: Literal["holding", "input"]
    address: int
    type: str
    length: int | None = None
    confirmed: bool
    page: str


class Status(_Told):
    """What comes with every value without being a channel, and becomes flags of it. `note`: what to look at."""

    what: str
    confirmed: bool
    page: str
    note: str = ""


class About(_Told):
    """What the profile is for, and where it comes from."""

    title: str
    maker: str
    instrument: str
    driver: str
    source: list[Source] = Field(min_length=1)
    identity: Identity | None = None
    status: Status | None = None


class Row(_Told):
    """What is known about one channel's row. `note` says why it is not confirmed, or what to look at."""

    id: str
    confirmed: bool
    page: str
    note: str = ""


class Profile(NamedTuple):
    """`table` is the device table; `rows` are in the order of its channels."""

    name: str
    about: About
    rows: tuple[Row, ...]
    table: dict[str, Any]

    @property
    def confirmed(self) -> int:
        """How many rows stand in the manual as they are here."""
        return sum(row.confirmed for row in self.rows)

    @property
    def settings(self) -> dict[str, Any]:
        """What the profile says beside channels."""
        return {key: value for key, value in self.table.items() if key != "channel"}


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """The profiles there are."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def load(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """The device table of this profile, for the driver's settings; Misconfigured when there is none."""
    return read(name, folder).table


def read(name: str, folder: Path = FOLDER) -> Profile:
    """The whole profile; Misconfigured when there is none."""
    known = names(folder)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(known)}"
        raise Misconfigured(f'there is no profile "{name}"', hint=hint)
    table = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    about = About.model_validate(table.pop("about"))
    channels = table["channel"]
    rows = tuple(
        Row.model_validate({key: value for key, value in channel.items() if key in Row.model_fields})
        for channel in channels
    )
    table["channel"] = [_for_the_driver(channel) for channel in channels]
    return Profile(name, about, rows, table)


def _for_the_driver(channel: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in channel.items() if key == "id" or key not in Row.model_fields}
