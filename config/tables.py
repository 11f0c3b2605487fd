"""From tables of the file to values. What is wrong goes to the report, and the rest is still looked at."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.errors import did_you_mean, shown
from config.position import Place
from config.profile import Merged, merge
from config.report import Report
from config.settings import Drivers, Kinds, Profiles, Settings, Tree
from config.station import Device, DeviceHead, Line, LineHead, checked_id
from config.wording import is_echo, keys, meant, message, place_in

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads tables of one file; everything wrong is told to `report`."""

    report: Report
    folder: Path

    def model(
        self, model: type[_Model], place: Place, table: Tree, known: Collection[str] = ()
    ) -> _Model | None:
        """The table at this place as a model; None when it has mistakes."""
        return self._validated(model, Merged(place, table), known)

    def tables(self, name: str) -> Iterator[tuple[Place, Tree]]:
        """The tables of a list such as [[device]], each with its place."""
        items = self.report.tree.get(name, [])
        if isinstance(items, Mapping):
            self.report.add(
                (name,), "", f"should be written [[{name}]], in double brackets: there can be several"
            )
            items = [items]
        for index, item in enumerate(items if isinstance(items, list) else [items]):
            if isinstance(item, Mapping):
                yield (name, index), item
            else:
                self.report.add((name,), "", f"should be a table (got {shown(item)}), write [[{name}]]")

    def line(self, place: Place, table: Tree, settings: type[BaseModel]) -> Line | None:
        """One [[line]]."""
        own, rest = _split(table, LineHead)
        head = self.model(LineHead, place, own)
        says = self.model(settings, place, rest, known=tuple(keys(LineHead)))
        return Line(head.id, says) if head is not None and says is not None else None

    def device(self, place: Place, table: Tree, kinds: Kinds) -> Device | None:
        """One [[device]] with the settings of its driver."""
        own, rest = _split(table, DeviceHead)
        head = self.model(DeviceHead, place, own)
        self._check_channel_ids(place, rest.get("channel"))
        model = self._settings_model(place, own.get("driver"), kinds.drivers)
        merged = self._with_profile(place, own, rest, kinds.profiles)
        if model is None or merged is None:
            return None
        settings = self._settings(model, merged)
        if head is None or settings is None:
            return None
        return Device(
            head.id, head.line, head.driver, head.every_ms, head.profile, settings, head.status_from
        )

    def _settings(self, model: type[BaseModel], merged: Merged) -> BaseModel | None:
        settings = self._validated(model, merged, tuple(keys(DeviceHead)))
        if settings is None:
            return None
        problems = list(cast("Settings", settings).problems())
        for problem in problems:
            self.report.add(*merged.origin(problem.path), problem.message)
        return None if problems else settings

    def _validated(self, model: type[_Model], merged: Merged, known: Collection[str]) -> _Model | None:
        try:
            # Strict pydantic takes a list for a tuple and a text for a path from JSON only.
            text = json.dumps(merged.table, default=_no_text)
            return model.model_validate_json(text, context={"folder": self.folder})
        except ValidationError as error:
            for found in error.errors(include_url=False):
                self._tell(model, merged, found, known)
            return None

    def _tell(self, model: type[_Model], merged: Merged, found: ErrorDetails, known: Collection[str]) -> None:
        if is_echo(merged.table, found):
            return
        origin = merged.origin(place_in(merged.table, found))
        self.report.add(*origin, message(model, merged.table, found, known))
        better = meant(model, merged.table, found, known)
        if better is not None:
            self.report.excuse(merged.origin(better).place)

    def _settings_model(self, place: Place, driver: object, drivers: Drivers) -> type[BaseModel] | None:
        if not isinstance(driver, str):
            return None
        if driver not in drivers:
            right = did_you_mean(driver, drivers, "drivers")
            self.report.add((*place, "driver"), "", f"there is no such driver (got {shown(driver)}), {right}")
            return None
        try:
            return drivers[driver]()
        except ImportError as error:
            self.report.add((*place, "driver"), "", f"cannot be loaded (got {shown(driver)}): {error}")
            return None

    def _with_profile(self, place: Place, own: Tree, rest: Tree, profiles: Profiles) -> Merged | None:
        name = own.get("profile")
        if not isinstance(name, str):
            if name is None and "without" in own:
                self.report.add(
                    (*place, "without"), "", "it leaves out channels of a profile, and none is named"
                )
            return Merged(place, rest)
        if name not in profiles:
            right = did_you_mean(name, profiles, "profiles")
            self.report.add((*place, "profile"), "", f"there is no such profile (got {shown(name)}), {right}")
            return None
        profile = dict(profiles[name]())
        if not self._speaks(place, own.get("driver"), name, profile.pop("driver", None)):
            return None
        unfit = own.get("without")
        return merge(place, rest, self._less(place, unfit, profile) if isinstance(unfit, list) else profile)

    def _speaks(self, place: Place, driver: object, name: str, meant: object) -> bool:
        """Whether a profile is one for the device's driver. A driver that is no text is said elsewhere."""
        if meant is None or driver == meant or not isinstance(driver, str):
            return True
        wrong = f'profile "{name}" is for another driver (got {shown(driver)}), write driver = "{meant}"'
        self.report.add((*place, "driver"), "", wrong)
        return False

    def _less(self, place: Place, unfit: Sequence[object], profile: Tree) -> Tree:
        """The profile without the channels that this instrument does not have."""
        channels = cast("Sequence[Tree]", profile.get("channel", ()))
        names = [str(channel.get("id")) for channel in channels]
        for index, name in enumerate(unfit):
            if isinstance(name, str) and name not in names:
                right = did_you_mean(name, names, "channels of the profile")
                self.report.add(
                    (*place, "without", index),
                    "",
                    f"the profile has no such channel (got {shown(name)}), {right}",
                )
        kept = [channel for channel, name in zip(channels, names, strict=True) if name not in unfit]
        return {**profile, "channel": kept}

    def _check_channel_ids(self, place: Place, channels: object) -> None:
        first: dict[str, Place] = {}
        for index, channel in enumerate(channels if isinstance(channels, list) else ()):
            name = channel.get("id") if isinstance(channel, Mapping) else None
            if not isinstance(name, str):
                continue
            here: Place = (*place, "channel", index, "id")
            try:
                checked_id(name)
            except ValueError as error:
                self.report.add(here, "", str(error))
            if name in first:
                line = self.report.line_of(first[name])
                self.report.add(
                    here, "", f"is there twice (got {shown(name)}), the other is in line {line}: rename one"
                )
            first.setdefault(name, here)


def _no_text(_date: object) -> dict[str, object]:
    """TOML's dates are not in JSON and of no use here: what they stand for is refused as any wrong type."""
    return {}


def _split(table: Tree, head: type[BaseModel]) -> tuple[dict[str, object], dict[str, object]]:
    """The keys that are the head's, and the rest."""
    names = set(keys(head))
    own = {key: value for key, value in table.items() if key in names}
    return own, {key: value for key, value in table.items() if key not in names}
