"""What there is to choose from: the profiles of the library and what their drivers want, the ports of this machine."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.founding.outline import KnownProfile
from drivers import catalogue, profile
from drivers.diagnosis import BY_ID
from drivers.profile import Profile
from drivers.units import BY_QUANTITY

_WATER = frozenset(
    unit
    for quantity in ("acidity", "mass per volume of water", "turbidity and colour", "conductivity")
    for unit in BY_QUANTITY[quantity]
)
_GAS = frozenset((*BY_QUANTITY["mass per volume of gas"], "ppm", "ppb", "ppt", "%vol", "%v/v"))
_UNITS = {
    "wastewater": _WATER,
    "river": _WATER,
    "groundwater": _WATER,
    "stack": _GAS,
    "air": _GAS | frozenset(BY_QUANTITY["speed"]),
}


def known_profiles() -> dict[str, KnownProfile]:
    """Every profile of the library by its name."""
    return {name: _known(profile.read(name)) for name in profile.names()}


def likely_first(profiles: Mapping[str, KnownProfile], kind: str) -> list[KnownProfile]:
    """Those that measure what a station of this kind watches, then the others."""
    wanted = _UNITS.get(kind, frozenset())
    return sorted(profiles.values(), key=lambda each: (not each.units & wanted, each.name))


def serial_ports(by_id: Path = BY_ID) -> tuple[str, ...]:
    """Adapters by the names that stay when they are plugged in elsewhere."""
    return tuple(sorted(str(path) for path in by_id.iterdir())) if by_id.is_dir() else ()


def _known(read: Profile) -> KnownProfile:
    about = read.about
    units = frozenset(str(channel.get("unit", "")) for channel in read.table["channel"])
    title = f"{about.maker} {about.instrument}, {about.title}"
    return KnownProfile(read.name, title, about.driver, units, tuple(_wanted(read)))


def _wanted(read: Profile) -> Iterator[str]:
    """Keys without which the driver cannot do, and that the profile does not set; and its address if it has one."""
    for name, field in catalogue.settings(read.about.driver).model_fields.items():
        key = field.alias or name
        if key != "channel" and key not in read.table and (field.is_required() or key == "unit"):
            yield key
