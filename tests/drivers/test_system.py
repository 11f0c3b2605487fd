"""The gateway as an instrument, on copies of what its kernel shows."""

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from drivers.driver import Cycle
from drivers.endpoint import ThisMachine
from drivers.kernel_clock import KernelClock
from drivers.machine import Machine, MachineBus
from drivers.system import Settings, SystemDriver
from telemetry.reading import Flag, Reading

FAULT = int(Flag.INSTRUMENT_FAULT)
GOOD_CLOCK = KernelClock(True, Decimal("-1500"), 2_500)
NO_CLOCK = KernelClock(False, Decimal(0), 16_000_000)

FANLESS_PC = {
    "proc/meminfo": "MemTotal:        4000000 kB\nMemFree:          100000 kB\nMemAvailable:    1000000 kB\n",
    "proc/loadavg": "0.52 0.48 0.31 1/345 12345\n",
    "proc/uptime": "7200.25 13000.10\n",
    "sys/class/thermal/cooling_device0/type": "Processor\n",
    "sys/class/thermal/thermal_zone0/type": "acpitz\n",
    "sys/class/thermal/thermal_zone0/temp": "27800\n",
    "sys/class/thermal/thermal_zone1/type": "x86_pkg_temp\n",
    "sys/class/thermal/thermal_zone1/temp": "51500\n",
    "sys/class/power_supply/AC/type": "Mains\n",
    "sys/class/power_supply/AC/online": "1\n",
    "sys/class/power_supply/ups0/type": "UPS\n",
    "sys/class/power_supply/ups0/capacity": "87\n",
    "sys/class/power_supply/ups0/voltage_now": "12650000\n",
    "sys/class/power_supply/ups0/status": "Discharging\n",
}
"""Text as proc(5) and the kernel's sysfs-class documents show it."""


def machine(root: Path, files: Mapping[str, str], clock: KernelClock = GOOD_CLOCK) -> Machine:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Machine(root, lambda: 4_711, lambda: clock)


def settings(*channels: Mapping[str, Any], **more: Any) -> Settings:
    return Settings.model_validate_json(json.dumps({"channel": channels, **more}))


async def asked(machine: Machine, facts: Mapping[str, str], **more: Any) -> Cycle:
    """The facts, each in this unit."""
    described = settings(*({"id": fact, "unit": unit} for fact, unit in facts.items()), **more)
    assert list(described.problems()) == []
    return await SystemDriver(described, machine).read()


async def one(machine: Machine, fact: str, unit: str, **more: Any) -> Reading:
    cycle = await asked(machine, {fact: unit}, **more)
    assert cycle.errors == ()
    (block,) = cycle.blocks
    assert block.at_mono_ms == 4_711
    return block.readings[0]


@pytest.mark.parametrize(
    ("fact", "unit", "value"),
    [
        ("memory_free", "%", 25),
        ("memory_free_size", "B", 1_024_000_000),
        ("memory_free_size", "MB", 1_024.0),
        ("memory_free_size", "GB", 1.024),
        ("load", "1", 0.52),
        ("load_5min", "1", 0.48),
        ("load_15min", "1", 0.31),
        ("uptime", "s", 7_200.25),
        ("uptime", "h", 7_200.25 / 3_600),
        ("cpu_temperature", "degC", 51.5),
        ("cpu_temperature", "Cel", 51.5),
        ("clock_offset", "ms", -1.5),
        ("clock_offset", "s", -0.0015),
        ("clock_error", "ms", 2.5),
        ("clock_synchronised", "1", 1),
        ("ups_charge", "%", 87),
        ("ups_voltage", "V", 12.65),
        ("ups_voltage", "mV", 12_650),
        ("ups_discharging", "1", 1),
    ],
)
async def test_what_a_fanless_pc_says(tmp_path: Path, fact: str, unit: str, value: float) -> None:
    reading = await one(machine(tmp_path, FANLESS_PC), fact, unit)
    assert reading == Reading(fact, pytest.approx(value, rel=1e-15))  # type: ignore[arg-type]


async def test_the_free_part_of_a_disk_is_what_df_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 blocks, 5 of them kept for root, 30 used: df says 30/(30+65)."""
    looked: list[Path] = []

    def statvfs(path: Path) -> os.statvfs_result:
        looked.append(path)
        return os.statvfs_result((4096, 4096, 100, 70, 65, 0, 0, 0, 0, 255))

    monkeypatch.setattr(os, "statvfs", statvfs)
    gateway = machine(tmp_path, {})
    assert (await one(gateway, "disk_free", "%", disk="/data")).value == pytest.approx(100 * 65 / 95)
    assert (await one(gateway, "disk_free_size", "kB", disk="/data")).value == pytest.approx(65 * 4.096)
    assert looked == [tmp_path / "data"] * 2


async def test_a_disk_that_is_not_mounted_is_said(tmp_path: Path) -> None:
    cycle = await asked(machine(tmp_path, {}), {"disk_free": "%"}, disk="/data")
    assert cycle.blocks[0].readings == (Reading("disk_free", None, FAULT),)
    assert str(cycle.errors[0]) == "/data: No such file or directory; disk = names a folder"


async def test_what_is_lacking_takes_nothing_else_along(tmp_path: Path) -> None:
    bare = {name: text for name, text in FANLESS_PC.items() if "power_supply" not in name}
    cycle = await asked(
        machine(tmp_path, bare, NO_CLOCK), {"clock_offset": "ms", "ups_charge": "%", "load": "1"}
    )
    assert cycle.blocks[0].readings == (
        Reading("clock_offset", None, FAULT),
        Reading("ups_charge", None, FAULT),
        Reading("load", 0.52),
    )
    assert [str(error) for error in cycle.errors] == [
        "the clock is not synchronised; is chrony or systemd-timesyncd running?",
        "no power supply with capacity was found; the kernel sees none on this machine",
    ]


async def test_a_clock_that_nobody_sets_is_said_as_a_number_too(tmp_path: Path) -> None:
    assert (await one(machine(tmp_path, {}, NO_CLOCK), "clock_synchronised", "1")).value == 0


async def test_another_zone_is_asked_for_by_name(tmp_path: Path) -> None:
    gateway = machine(tmp_path, FANLESS_PC)
    assert (await one(gateway, "cpu_temperature", "degC", thermal_zone="acpitz")).value == 27.8
    cycle = await asked(gateway, {"cpu_temperature": "degC"}, thermal_zone="gpu")
    assert cycle.errors[0].hint == "thermal_zone = one of: acpitz, x86_pkg_temp"


@pytest.mark.parametrize(
    ("files", "celsius"),
    [
        ({"thermal/thermal_zone0/type": "cpu-thermal", "thermal/thermal_zone0/temp": "48312"}, 48.312),
        ({"thermal/thermal_zone0/type": "soc_thermal", "thermal/thermal_zone0/temp": "44000"}, 44),
        ({"thermal/thermal_zone0/type": "imx_cpu_thermal", "thermal/thermal_zone0/temp": "-5000"}, -5),
        ({"hwmon/hwmon1/name": "k10temp", "hwmon/hwmon1/temp1_input": "39875"}, 39.875),
    ],
)
async def test_where_boards_keep_the_temperature_of_their_processor(
    tmp_path: Path, files: dict[str, str], celsius: float
) -> None:
    gateway = machine(tmp_path, {f"sys/class/{name}": f"{text}\n" for name, text in files.items()})
    assert (await one(gateway, "cpu_temperature", "degC")).value == celsius


async def test_a_room_temperature_is_not_taken_for_the_processors(tmp_path: Path) -> None:
    files = {"thermal_zone0/type": "acpitz", "thermal_zone0/temp": "27800"}
    gateway = machine(tmp_path, {f"sys/class/thermal/{name}": text for name, text in files.items()})
    cycle = await asked(gateway, {"cpu_temperature": "degC"})
    assert cycle.blocks[0].readings[0] == Reading("cpu_temperature", None, FAULT)


async def test_the_charge_is_of_a_supply_that_has_one(tmp_path: Path) -> None:
    """A battery without a fuel gauge comes first by name; the mains have no charge at all."""
    battery = {"sys/class/power_supply/a/type": "Battery\n", "sys/class/power_supply/a/status": "Full\n"}
    gateway = machine(tmp_path, FANLESS_PC | battery)
    assert (await one(gateway, "ups_charge", "%")).value == 87
    assert (await one(gateway, "ups_discharging", "1")).value == 0
    assert (await one(gateway, "ups_discharging", "1", supply="ups0")).value == 1
    cycle = await asked(gateway, {"ups_charge": "%"}, supply="a")
    assert cycle.errors[0].hint == "supply = one of: AC, a, ups0"


@pytest.mark.parametrize(
    ("files", "fact", "unit", "words"),
    [
        ({"proc/loadavg": ""}, "load", "1", "/proc/loadavg is no number"),
        ({"proc/loadavg": "nan 1 2"}, "load", "1", "/proc/loadavg is no number"),
        ({"proc/loadavg": "0.1"}, "load_15min", "1", "/proc/loadavg is no number"),
        ({}, "uptime", "s", "/proc/uptime: No such file or directory"),
        ({"proc/meminfo": "MemTotal: 1 kB"}, "memory_free", "%", "says nothing of MemAvailable"),
        ({"proc/meminfo": "MemTotal: 0 kB\nMemAvailable: 0 kB"}, "memory_free", "%", "of size 0"),
    ],
)
async def test_what_the_kernel_does_not_say_is_no_value(
    tmp_path: Path, files: dict[str, str], fact: str, unit: str, words: str
) -> None:
    cycle = await asked(machine(tmp_path, files), {fact: unit})
    assert cycle.blocks[0].readings == (Reading(fact, None, FAULT),)
    assert words in str(cycle.errors[0])


def test_a_wrong_unit_and_an_unknown_fact_are_mistakes_of_the_file() -> None:
    wrong = settings({"id": "disk_free", "unit": "GB"}, {"id": "fan", "unit": "rpm"})
    assert [(problem.path, problem.message.partition(";")[0]) for problem in wrong.problems()] == [
        (("channel", 1, "id"), 'the answer has no field "fan"'),
        (("channel", 0, "unit"), "disk_free is told in % (got GB)"),
    ]


def test_the_configuration_record_names_the_fact() -> None:
    described = settings({"id": "disk", "field": "disk_free", "unit": "%", "range": [10, 100]})
    assert described.rows() == [
        ["disk", "this machine", "disk_free", "text", "", 1.0, 0.0, "%", [10.0, 100.0]]
    ]
    assert described.address() is None


async def test_the_bus_of_this_machine_opens_nothing(tmp_path: Path) -> None:
    machine(tmp_path, FANLESS_PC)
    async with MachineBus(ThisMachine(str(tmp_path)), lambda: 4_711) as bus:
        assert (await one(bus.machine, "load", "1")).value == 0.52
        assert bus.stats.is_open
        assert bus.stats.error is None
