"""The questions about a new station: what was not told is asked; a bad answer gets one line and the question again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from agent.founding.library import likely_first
from agent.founding.outline import (
    BY_HAND,
    DEFAULT_PERIOD,
    LOCAL_BROKER,
    DeviceOutline,
    KnownProfile,
    LineOutline,
    Outline,
    Value,
    as_value,
    free_id,
    free_unit,
)
from agent.founding.words import KINDS, Words

MEDIA = {"wastewater": "NUO", "stack": "KHI", "air": "KHI", "river": "NUO", "groundwater": "NUO"}
"""How the ids of Vietnamese stations begin behind province and site, as seen in their files."""
NOT_LISTED = "-"
_SPEED = "9600 N"
_LINE_IDS = {"serial": "rs485", "tcp": "lan", "tls": "lan", "udp": "lan"}

Check = Callable[[str], str | None]
"""What is wrong with an answer, in one sentence; None: nothing."""


class Console(Protocol):
    """Whoever is asked."""

    def ask(self, question: str, default: str) -> str:
        """The answer without blanks around it; the default when there is none."""
        ...

    def say(self, text: str) -> None:
        """One line."""
        ...


class Checks(NamedTuple):
    """What answers must be; `whole` looks at the station as far as it is known."""

    station: Check
    url: Check
    centre: Check
    broker: Check
    whole: Callable[[Outline], str | None]


class Offer(NamedTuple):
    """What can be chosen from."""

    profiles: Mapping[str, KnownProfile]
    ports: Sequence[str]


class Told(NamedTuple):
    """What was told already; None is asked for. `broker` counts only with a `centre`."""

    station: str | None
    name: str | None
    timezone: str
    kind: str | None
    lines: tuple[LineOutline, ...] | None
    devices: tuple[DeviceOutline, ...] | None
    centre: str | None
    broker: str | None


class Answers(NamedTuple):
    """The station, and the file with the centre's key; empty: there is none."""

    outline: Outline
    centre: str


@dataclass(slots=True)
class Dialogue:
    """One interview."""

    console: Console
    words: Words
    checks: Checks
    offer: Offer
    outline: Outline = field(default_factory=lambda: Outline("", "", ""))

    def ask_all(self, told: Told) -> Answers:
        """Whoever breaks off raises through here; nothing has been written then."""
        words = self.words
        self.console.say(words.welcome)
        kind = told.kind or self._choose(words.kind, KINDS, words.kinds)
        station = told.station or self._ask(
            words.station,
            hint=words.station_hint.format(example=f"BD_VSIP_{MEDIA[kind]}001"),
            check=self.checks.station,
        )
        name = told.name or self._ask(words.name, default=station)
        self.outline = Outline(station, name, told.timezone, kind)
        self._field(told.lines, told.devices)
        centre = self._ask(words.centre, check=self.checks.centre) if told.centre is None else told.centre
        broker = told.broker
        if centre and broker is None:
            broker = self._ask(words.broker, default=LOCAL_BROKER, check=self.checks.broker)
        return Answers(replace(self.outline, broker=broker if centre else None), centre)

    def _field(
        self, lines: tuple[LineOutline, ...] | None, devices: tuple[DeviceOutline, ...] | None
    ) -> None:
        """Lines and what is on them. Lines that were told without devices are asked for theirs."""
        for line in lines or ():
            self.outline = replace(self.outline, lines=(*self.outline.lines, line))
            if devices is None:
                self._instruments(line)
        if devices is not None:
            self.outline = replace(self.outline, devices=devices)
        while lines is None and (found := self._line()) is not None:
            self.outline = replace(self.outline, lines=(*self.outline.lines, found))
            self._instruments(found)

    def _line(self) -> LineOutline | None:
        words, ports = self.words, self.offer.ports
        first = not self.outline.lines
        if ports:
            self.console.say(f"  {words.ports}")
            self._list(ports)
        url = self._ask(
            words.line if first else words.line_more,
            hint=words.line_hint if first else "",
            check=self._wrong_line,
        )
        if not url:
            return None
        if url.isdecimal():
            speed = self._ask(words.speed, default=_SPEED, check=lambda text: self._wrong_line(url, text))
            url = self._serial(url, speed)
        taken = [line.id for line in self.outline.lines]
        wish = _LINE_IDS.get(url.partition(":")[0], "server")
        name = self._ask(
            words.line_id,
            default=free_id(wish, taken),
            check=lambda text: self._wrong_id(text, taken),
        )
        return LineOutline(name, url)

    def _wrong_line(self, text: str, speed: str = _SPEED) -> str | None:
        if not text:
            return None
        if text.isdecimal():
            if not 1 <= int(text) <= len(self.offer.ports):
                return self.words.number.format(last=len(self.offer.ports), got=text)
            text = self._serial(text, speed)
        return self.checks.url(text)

    def _serial(self, number: str, speed: str) -> str:
        baudrate, _, parity = speed.replace(",", " ").partition(" ")
        options = f"baudrate={baudrate}&parity={parity.strip().upper() or 'N'}"
        return f"serial://{self.offer.ports[int(number) - 1]}?{options}"

    def _instruments(self, line: LineOutline) -> None:
        offered = likely_first(self.offer.profiles, self.outline.kind)
        self._list([f"{each.name}  {each.title}" for each in offered])
        there = 0
        while (profile := self._profile(line, offered, there)) is not None:
            device = self._device(line, profile)
            whole = replace(self.outline, devices=(*self.outline.devices, device))
            wrong = self.checks.whole(whole)
            if wrong is not None:
                self.console.say(self.words.again.format(why=wrong))
                continue
            self.outline, there = whole, there + 1

    def _profile(self, line: LineOutline, offered: Sequence[KnownProfile], there: int) -> KnownProfile | None:
        words = self.words
        question = (words.profile_more if there else words.profile).format(line=line.id)
        names = [profile.name for profile in offered]

        def wrong(text: str) -> str | None:
            if not text:
                return None if there else words.no_instrument
            if text == NOT_LISTED or text in names or (text.isdecimal() and 1 <= int(text) <= len(names)):
                return None
            return words.number.format(last=len(names), got=text)

        answer = self._ask(question, hint="" if there else words.profile_hint, check=wrong)
        if not answer:
            return None
        if answer == NOT_LISTED:
            return BY_HAND
        return offered[int(answer) - 1] if answer.isdecimal() else self.offer.profiles[answer]

    def _device(self, line: LineOutline, profile: KnownProfile) -> DeviceOutline:
        words, devices = self.words, self.outline.devices
        keys: dict[str, Value] = {}
        for key in profile.wants:
            default = str(free_unit(line.id, devices)) if key == "unit" else ""
            keys[key] = as_value(self._ask(words.wants.format(key=key), default=default))
        taken = [device.id for device in devices]
        name = self._ask(
            words.device_id,
            default=free_id(profile.name or "device", taken),
            check=lambda text: self._wrong_id(text, taken),
        )
        every = self._ask(words.every, default=DEFAULT_PERIOD, hint=words.every_hint)
        return DeviceOutline(name, line.id, profile.name or None, profile.driver, every, keys)

    def _wrong_id(self, text: str, taken: Sequence[str]) -> str | None:
        return f'"{text}" is there already' if text in taken else self.checks.station(text)

    def _choose(self, question: str, values: Sequence[str], shown: Sequence[str]) -> str:
        self._list(shown)

        def wrong(text: str) -> str | None:
            fits = text in values or (text.isdecimal() and 1 <= int(text) <= len(values))
            return None if fits else self.words.number.format(last=len(values), got=text)

        answer = self._ask(question, default="1", check=wrong)
        return answer if answer in values else values[int(answer) - 1]

    def _list(self, items: Sequence[str]) -> None:
        for number, item in enumerate(items, 1):
            self.console.say(f"  {number:>2}  {item}")

    def _ask(
        self, question: str, *, default: str = "", hint: str = "", check: Check = lambda _text: None
    ) -> str:
        if hint:
            self.console.say(f"  ({hint})")
        while True:
            answer = self.console.ask(question, default)
            wrong = check(answer)
            if wrong is None:
                return answer
            self.console.say(self.words.again.format(why=wrong.splitlines()[0]))
