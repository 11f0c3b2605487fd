"""What is wrong with [[device.status_from]]: names of devices and channels, and what a status can mean."""

from collections.abc import Iterator, Mapping
from typing import cast

from config.errors import did_you_mean, shown
from config.position import Place
from config.quantity import duration_text
from config.report import Report
from config.settings import Settings
from config.station import Device, StatusFrom

Tables = Mapping[Place, Mapping[str, object]]


def check_statuses(report: Report, tables: Tables, devices: Mapping[Place, Device]) -> None:
    """Every status_from names a status that is there, and channels of its own device."""
    known = {str(table["id"]) for table in tables.values() if isinstance(table.get("id"), str)}
    by_id = {device.id: device for device in devices.values()}
    for place, device in devices.items():
        for number, wanted in enumerate(device.status_from):
            here: Place = (*place, "status_from", number)
            _check_flagged(report, here, device, wanted)
            if wanted.device == device.id:
                wrong = "is this device itself: write flags in the channel with the status instead"
                report.add((*here, "device"), "", wrong)
            elif wanted.device not in known:
                right = did_you_mean(wanted.device, known - {device.id}, "devices")
                wrong = f"there is no device with this id (got {shown(wanted.device)}), {right}"
                report.add((*here, "device"), "", wrong)
            elif wanted.device in by_id:  # one with mistakes of its own is not judged further
                _check_status(report, here, wanted, by_id[wanted.device])
                _check_period(report, here, device, by_id[wanted.device])


def _check_status(report: Report, here: Place, wanted: StatusFrom, source: Device) -> None:
    settings = cast("Settings", source.settings)
    channels = [channel.id for channel in settings.channels()]
    if wanted.channel not in channels:
        right = did_you_mean(wanted.channel, channels, "its channels")
        wrong = f'device "{source.id}" has no such channel (got {shown(wanted.channel)}), {right}'
        report.add((*here, "channel"), "", wrong)
        return
    for wrong in settings.wrong_status(wanted.channel, wanted.flags):
        report.add((*here, "flags"), "", wrong)


def _check_flagged(report: Report, here: Place, device: Device, wanted: StatusFrom) -> None:
    if wanted.flagged is None:
        return
    channels = [channel.id for channel in cast("Settings", device.settings).channels()]
    if not wanted.flagged:
        wrong = "an empty list flags nothing: name the channels, or leave it out for all of the device"
        report.add((*here, "flagged"), "", wrong)
    for number, name in _strangers(wanted.flagged, channels):
        right = did_you_mean(name, channels, "its channels")
        wrong = f"this device has no such channel (got {shown(name)}), {right}"
        report.add((*here, "flagged", number), "", wrong)


def _strangers(names: tuple[str, ...], channels: list[str]) -> Iterator[tuple[int, str]]:
    return ((number, name) for number, name in enumerate(names) if name not in channels)


def _check_period(report: Report, here: Place, device: Device, source: Device) -> None:
    if source.every_ms > device.every_ms:
        report.warn(
            (*here, "device"),
            f'"{source.id}" is asked every {duration_text(source.every_ms)} and this device every '
            f"{duration_text(device.every_ms)}: values between two of its answers are flagged late; "
            "give it the same period or a shorter one",
        )
