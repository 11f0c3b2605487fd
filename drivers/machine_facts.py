"""What the gateway can be asked, by the name of the field: where it stands and in which unit. Sources: proc(5),
Documentation/ABI/testing/sysfs-class-power and sysfs-class-thermal of Linux.

A fact that this machine does not have raises Lacking, with the names of what it has.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

from drivers.kernel_clock import KernelClock
from drivers.machine import Lacking, Machine


class Wish(NamedTuple):
    """Which of several: a folder on the disk, a thermal zone and a power supply by name (None: the one that fits)."""

    disk: str
    thermal_zone: str | None
    supply: str | None


class Fact(NamedTuple):
    """`unit` is that of the number which `read` gives; every unit of `UNITS[unit]` may be asked for."""

    unit: str
    read: Callable[[Machine, Wish], Decimal]


_K: Final = Decimal(1000)
UNITS: Final[Mapping[str, Mapping[str, Decimal]]] = {
    "%": {"%": Decimal(1)},
    "B": {"B": Decimal(1), "kB": 1 / _K, "MB": 1 / _K**2, "GB": 1 / _K**3},
    "degC": {unit: Decimal(1) for unit in ("degC", "Cel", "oC", "°C")},
    "1": {"1": Decimal(1)},
    "s": {"s": Decimal(1), "min": 1 / Decimal(60), "h": 1 / Decimal(3600), "d": 1 / Decimal(86_400)},
    "ms": {"ms": Decimal(1), "s": 1 / _K},
    "V": {"V": Decimal(1), "mV": _K},
}
"""By unit of a fact: the units that it can be told in, and by what its number is multiplied for that."""

THERMAL: Final = "sys/class/thermal"
HWMON: Final = "sys/class/hwmon"
SUPPLIES: Final = "sys/class/power_supply"
CPU_ZONE: Final = re.compile(r"x86_pkg_temp|cpu.*|soc.*|.*cpu.?thermal")
CPU_CHIPS: Final = frozenset({"coretemp", "k10temp", "cpu_thermal"})


def _number(text: str, what: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Lacking(f"{what} is no number (got {text[:20]!r})")
    return number


def _percent(part: int | Decimal, whole: int | Decimal) -> Decimal:
    if not whole:
        raise Lacking("a file system or memory of size 0")
    return Decimal(part) * 100 / Decimal(whole)


def _disk_free(machine: Machine, wish: Wish) -> Decimal:
    disk = machine.disk(wish.disk)
    return _percent(disk.free, disk.free + disk.used)


def _disk_free_size(machine: Machine, wish: Wish) -> Decimal:
    return Decimal(machine.disk(wish.disk).free)


def _memory(machine: Machine, name: str) -> Decimal:
    """In bytes; the file says kB and means KiB."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", machine.text("proc/meminfo"), re.MULTILINE)
    if found is None:
        raise Lacking(f"/proc/meminfo says nothing of {name}")
    return Decimal(int(found[1]) * 1024)


def _memory_free(machine: Machine, _wish: Wish) -> Decimal:
    return _percent(_memory(machine, "MemAvailable"), _memory(machine, "MemTotal"))


def _memory_free_size(machine: Machine, _wish: Wish) -> Decimal:
    return _memory(machine, "MemAvailable")


def _word(path: str, place: int) -> Callable[[Machine, Wish], Decimal]:
    """The number that is this word of a file."""

    def read(machine: Machine, _wish: Wish) -> Decimal:
        words = machine.text(path).split()
        return _number(words[place] if len(words) > place else "", f"/{path}")

    return read


def _cpu_temperature(machine: Machine, wish: Wish) -> Decimal:
    zones = {
        _first(machine, f"{path}/type"): f"{path}/temp"
        for path in machine.folders(THERMAL)
        if path.startswith(f"{THERMAL}/thermal_zone")
    }
    chips = {
        _first(machine, f"{path}/name"): f"{path}/temp1_input"
        for path in machine.folders(HWMON)
        if _first(machine, f"{path}/name") in CPU_CHIPS
    }
    if wish.thermal_zone is not None:
        path = zones.get(wish.thermal_zone)
    else:
        path = next((zones[name] for name in zones if CPU_ZONE.fullmatch(name)), None)
        path = path or next(iter(chips.values()), None)
    if path is None:
        there = f"thermal_zone = one of: {', '.join(zones)}" if zones else "this machine measures none"
        raise Lacking("no temperature of a processor was found", hint=there)
    return _number(machine.text(path), f"/{path}") / 1000


def _supply(machine: Machine, wish: Wish, kinds: frozenset[str], *needed: str) -> str:
    """The folder of the power supply of one of these kinds that has all files that are needed."""
    supplies = {path.rpartition("/")[2]: path for path in machine.folders(SUPPLIES)}
    for name, path in supplies.items():
        is_kind = _first(machine, f"{path}/type") in kinds
        there = {entry.rpartition("/")[2] for entry in machine.folders(path)}
        if is_kind and wish.supply in {None, name} and there.issuperset(needed):
            return path
    hint = f"supply = one of: {', '.join(supplies)}" if supplies else "the kernel sees none on this machine"
    raise Lacking(f"no power supply with {' and '.join(needed)} was found", hint=hint)


_STORES: Final = frozenset({"UPS", "Battery"})


def _ups_charge(machine: Machine, wish: Wish) -> Decimal:
    path = _supply(machine, wish, _STORES, "capacity")
    return _number(machine.text(f"{path}/capacity"), f"/{path}/capacity")


def _ups_voltage(machine: Machine, wish: Wish) -> Decimal:
    path = _supply(machine, wish, _STORES, "voltage_now")
    return _number(machine.text(f"{path}/voltage_now"), f"/{path}/voltage_now") / 1_000_000


def _ups_discharging(machine: Machine, wish: Wish) -> Decimal:
    path = _supply(machine, wish, _STORES, "status")
    return Decimal(int(machine.text(f"{path}/status") == "Discharging"))


def _clock_offset(machine: Machine, _wish: Wish) -> Decimal:
    return _clock(machine).offset_us / 1000


def _clock_error(machine: Machine, _wish: Wish) -> Decimal:
    return Decimal(_clock(machine).max_error_us) / 1000


def _clock_synchronised(machine: Machine, _wish: Wish) -> Decimal:
    return Decimal(int(machine.clock().synchronised))


def _clock(machine: Machine) -> KernelClock:
    clock = machine.clock()
    if not clock.synchronised:
        raise Lacking("the clock is not synchronised", hint="is chrony or systemd-timesyncd running?")
    return clock


def _first(machine: Machine, path: str) -> str:
    """A name in a file; empty when there is none."""
    try:
        return machine.text(path)
    except Lacking:
        return ""


FACTS: Final[Mapping[str, Fact]] = {
    "disk_free": Fact("%", _disk_free),
    "disk_free_size": Fact("B", _disk_free_size),
    "memory_free": Fact("%", _memory_free),
    "memory_free_size": Fact("B", _memory_free_size),
    "cpu_temperature": Fact("degC", _cpu_temperature),
    "load": Fact("1", _word("proc/loadavg", 0)),
    "load_5min": Fact("1", _word("proc/loadavg", 1)),
    "load_15min": Fact("1", _word("proc/loadavg", 2)),
    "uptime": Fact("s", _word("proc/uptime", 0)),
    "clock_offset": Fact("ms", _clock_offset),
    "clock_error": Fact("ms", _clock_error),
    "clock_synchronised": Fact("1", _clock_synchronised),
    "ups_charge": Fact("%", _ups_charge),
    "ups_voltage": Fact("V", _ups_voltage),
    "ups_discharging": Fact("1", _ups_discharging),
}
