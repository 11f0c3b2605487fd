"""A device's own table laid over a profile of the library, and where each part of the result comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from config.position import Place
from config.report import words
from config.settings import Tree


class Origin(NamedTuple):
    """A place in the file. `inside` is not empty when a profile is meant: what is wrong in it, in words."""

    place: Place
    inside: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """A device's settings at `device`. `sources`: which own channel each one is, None when it is the profile's."""

    device: Place
    table: Tree
    sources: tuple[int | None, ...] | None = None

    def origin(self, inside: Place) -> Origin:
        """Where in the file a place of the merged table comes from."""
        if self.sources is None or inside[:1] != ("channel",) or len(inside) < 2:
            return Origin(self.device + inside)
        index = inside[1]
        own = self.sources[index] if isinstance(index, int) and index < len(self.sources) else None
        if own is None:
            return Origin((*self.device, "profile"), words(self.table, inside))
        return Origin((*self.device, "channel", own, *inside[2:]))


def merge(device: Place, own: Tree, profile: Tree) -> Merged:
    """Channels of the profile in its order, overridden key by key by own ones of the same id; then the others."""
    channels = own.get("channel", [])
    if not isinstance(channels, list) or not all(isinstance(channel, Mapping) for channel in channels):
        return Merged(device, own)
    first: dict[str, int] = {}
    for index, channel in enumerate(channels):
        first.setdefault(str(channel.get("id")), index)
    merged: list[Tree] = []
    sources: list[int | None] = []
    for channel in cast("Sequence[Tree]", profile.get("channel", ())):
        found = first.get(str(channel.get("id")))
        merged.append(dict(channel) if found is None else {**channel, **channels[found]})
        sources.append(found)
    added = [index for index in range(len(channels)) if index not in sources]
    merged += [channels[index] for index in added]
    return Merged(device, {**profile, **own, "channel": merged}, (*sources, *added))
