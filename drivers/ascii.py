"""Anything that speaks lines: what to ask and how to read the answer stand in the station file."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.character_settings import CharacterSettings
from drivers.characters import CharacterLine, Heard
from drivers.driver import Cycle, DriverSettings, SettingProblem
from drivers.line import Seconds
from drivers.protocols.line_text import (
    Check,
    Lines,
    Word,
    Wording,
    compiled_lines,
    take_reply,
    unescaped,
)
from drivers.status import rule
from telemetry.reading import Block


class CheckSettings(BaseModel):
    """`[device.check]`: how the last characters of a line prove the others."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    algorithm: Literal["xor", "sum"]
    digits: int = Field(default=2, ge=1, le=8)
    """Hexadecimal digits; xor has 2."""
    skip: int = Field(default=0, ge=0, le=64)
    """Characters at the front that are not covered."""
    mark: str = ""
    """What stands between the covered characters and the digits."""


class Settings(CharacterSettings):
    r"""An instrument that speaks lines. Texts know the escapes \r \n \t \\ \x02 (in TOML, write '\r')."""

    request: str = ""
    """What to send, with its end; empty: the instrument talks by itself."""
    terminator: str = r"\r\n"
    """What ends an answer."""
    start: str = ""
    """What begins an answer."""
    pattern: str = ""
    """A regular expression for whole answers; each named group is a field."""
    separator: str | None = None
    """What stands between fields; empty: any number of blanks."""
    columns: Mapping[str, Annotated[int, Field(ge=1, le=999)]] = Field(default_factory=dict)
    """With a separator: names of fields and their numbers, from 1."""
    count: int | None = Field(default=None, ge=1, le=999)
    """With a separator: how many fields an answer has. One more, as of a decimal comma, would move all behind it."""
    no_value: tuple[str, ...] = ()
    """Words with which the instrument says that it has no value."""
    decimal_comma: bool = False
    check: CheckSettings | None = None
    longest: int = Field(default=256, ge=1, le=1024)
    """Characters of an answer."""
    silence_s: Seconds = Field(default=60.0, alias="silence", ge=0.1, le=3600)
    """Of an instrument that talks by itself: how long it may say nothing."""

    def streams(self) -> bool:
        """Whether it talks by itself."""
        return not self.request

    def patience_s(self) -> float:
        """As long as it may say nothing."""
        return self.silence_s if self.streams() else 0.0

    def asks(self) -> str:
        """The request."""
        return self.request

    @cached_property
    def lines(self) -> Lines:
        """The wording, ready for use. ValueError: what is wrong with it."""
        check = self.check
        return compiled_lines(
            Wording(
                request=self.request,
                terminator=self.terminator,
                start=self.start,
                pattern=self.pattern,
                separator=self.separator,
                fields=tuple(self.columns.items()),
                count=self.count,
                no_value=frozenset(self.no_value),
                decimal_comma=self.decimal_comma,
                check=Check(check.algorithm, check.digits, check.skip, check.mark) if check else None,
                longest=self.longest,
            )
        )

    def fields(self) -> frozenset[str] | None:
        """The names in the pattern, or the columns; None while they cannot be read."""
        try:
            return frozenset(self.lines.names)
        except ValueError:
            return None

    def wrong_status(self, channel: str, meanings: Mapping[str, str]) -> Iterator[str]:
        """What keeps this channel from being a status of other devices' values that means this."""
        (status,) = [each for each in self.channel if each.id == channel]
        if (status.scale, status.offset) != (1.0, 0.0):
            yield "only a whole number without scale and offset is a status"
            return
        try:
            rule(channel, (), meanings)
        except ValueError as error:
            yield str(error)

    def problems(self) -> Iterator[SettingProblem]:
        """Of the wording, then between channels."""
        wrong = tuple(self._wrong_texts())
        yield from wrong or self._wrong_wording()
        yield from super().problems()

    def _wrong_texts(self) -> Iterator[SettingProblem]:
        """Escapes that are none, each at its place."""
        mark = self.check.mark if self.check else ""
        texts: tuple[tuple[tuple[str, ...], str], ...] = (
            (("request",), self.request),
            (("terminator",), self.terminator),
            (("start",), self.start),
            (("separator",), self.separator or ""),
            (("check", "mark"), mark),
        )
        for path, words in texts:
            try:
                unescaped(words)
            except ValueError as error:
                yield SettingProblem(path, str(error))

    def _wrong_wording(self) -> Iterator[SettingProblem]:
        """What does not fit together, at the setting of which it speaks."""
        if self.check and self.check.algorithm == "xor" and self.check.digits != 2:
            yield SettingProblem(("check", "digits"), "xor has 2 hexadecimal digits")
            return
        if self.separator is not None and self.columns and self.count is None:
            wrong = "count is missing: how many fields an answer has, so that one more or less moves no value"
            yield SettingProblem(("separator",), wrong)
            return
        try:
            _ = self.lines
        except ValueError as error:
            said = str(error).replace("fields", "columns", 1) if self.columns else str(error)
            subject = re.match(r"(terminator|separator|columns)\b", said)
            key = "pattern" if self.pattern else "separator"
            yield SettingProblem((subject[1] if subject else key,), said)


class AsciiDriver:
    """One instrument that speaks lines, asked or heard."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: CharacterLine) -> None:
        assert isinstance(settings, Settings)
        self._settings = settings
        self._line = line
        self._lines = settings.lines

    async def read(self) -> Cycle:
        """The answer, or the newest line of an instrument that talks by itself."""
        heard = await self._heard()
        return Cycle((Block(heard.at_mono_ms, self._settings.readings(heard.message)),))

    async def _heard(self) -> Heard[dict[str, Word]]:
        if not self._settings.streams():
            return await self._line.ask(self._lines.request, self._take)
        return (await self._line.listen(self._take, within_s=self._settings.silence_s))[-1]

    def _take(self, buffer: bytearray) -> dict[str, Word] | None:
        return take_reply(buffer, self._lines)
