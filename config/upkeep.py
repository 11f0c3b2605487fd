"""What a station needs of the machine and of its disk: key files, time zone, room for its records."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from config.errors import shown, suggestion
from config.machine import Machine, Role
from config.position import Place
from config.quantity import DURATION_MS, duration_text, in_days, size_text
from config.report import Report
from config.station import About, Buffer, Destination, Device, Identity, Line
from config.volume import Volume

VIET_NAM = "Asia/Ho_Chi_Minh"
SLOW_PERIOD_MS = 5 * DURATION_MS["min"]
"""Stations in Vietnam send a value every five minutes (practice under Thông tư 10/2021/TT-BTNMT)."""


def check_timezone(report: Report, about: About, machine: Machine) -> None:
    """The time zone is one that this machine knows."""
    if machine.has_timezone(about.timezone):
        return
    near = suggestion(about.timezone, machine.timezones())
    right = f'write it like "{VIET_NAM}"' if near is None else f'did you mean "{near}"?'
    if near not in {None, VIET_NAM}:
        right += f' In all of Viet Nam: "{VIET_NAM}"'  # Asia/Hanoi is near to Shanghai's name, an hour off
    if not machine.timezones():
        right = "this machine knows none: pip install tzdata"
    wrong = f"is not a known time zone (got {shown(about.timezone)}), {right}"
    report.add(("station", "timezone"), "", wrong)


def check_identity(report: Report, identity: Identity, machine: Machine) -> None:
    """The station's private key is there, for its owner alone."""
    _check_file(report, ("identity", "key"), identity.key, Role.PRIVATE_KEY, machine)


def check_destination(report: Report, place: Place, destination: Destination, machine: Machine) -> None:
    """What a destination counts as delivered can happen, and its files are there."""
    _check_receipts(report, place, destination)
    _check_credentials(report, place, destination)
    for index, path in enumerate(destination.receipt_keys):
        _check_file(report, (*place, "receipt_keys", index), path, Role.CENTRE_KEY, machine)
    _check_files(report, place, destination, machine)


def check_line(report: Report, place: Place, line: Line, machine: Machine) -> None:
    """The files of a line's TLS are there, and it has TLS."""
    url = str(getattr(line.settings, "url", ""))
    _check_tls(report, place, line.settings, None if url.startswith("tls:") else ("tls://", url))
    _check_files(report, place, line.settings, machine)


def check_store(report: Report, buffer: Buffer, machine: Machine) -> None:
    """The store is there, or can be made."""
    _check_file(report, ("buffer", "path"), buffer.path, Role.STORE, machine)


def check_space(report: Report, buffer: Buffer, volume: Volume) -> None:
    """The quota holds a day of records at least, and should hold as long as they are kept."""
    days = volume.days_until(buffer.quota_bytes)
    day, quota = size_text(volume.bytes_per_day), size_text(buffer.quota_bytes)
    if days < 1:
        report.add(
            ("buffer", "quota"),
            "",
            f"holds less than one day of records (got {quota}), this station writes about {day} a day",
        )
    elif days < in_days(buffer.keep_ms):
        report.warn(
            ("buffer", "quota"),
            f"{quota} is full after about {days:.0f} days ({day} a day): "
            f"delivered records go before keep = {duration_text(buffer.keep_ms)} is over",
        )


def check_period(report: Report, place: Place, device: Device) -> None:
    """Warns of a poll that comes more seldom than values are asked for."""
    if device.every_ms > SLOW_PERIOD_MS:
        report.warn(
            (*place, "every"),
            f"is slow (got {duration_text(device.every_ms)}), authorities ask for a value every 5 minutes",
        )


def _check_receipts(report: Report, place: Place, destination: Destination) -> None:
    if destination.ack == "broker":
        report.warn(
            (*place, "ack"), "counts as delivered what the broker took: nobody proves that the centre has it"
        )
    elif not destination.receipt_keys:
        report.add(
            (*place, "receipt_keys"),
            "",
            'is missing, with ack = "receipt" nothing counts as delivered without it: '
            'write receipt_keys = ["keys/centre.pub"]',
        )


def _check_credentials(report: Report, place: Place, destination: Destination) -> None:
    in_clear = None if destination.secure else ("mqtts://", destination.url)
    _check_tls(report, place, destination, in_clear)
    if destination.password_file is not None and in_clear:
        report.warn((*place, "password_file"), "travels in clear with mqtt://, mqtts:// protects it")


def _check_tls(report: Report, place: Place, table: BaseModel, in_clear: tuple[str, str] | None) -> None:
    """`in_clear`: with which scheme there would be TLS, and the url that has none."""
    for key, other in (("cert", "cert_key"), ("cert_key", "cert"), ("password_file", "username")):
        if getattr(table, key, None) is not None and getattr(table, other, None) is None:
            report.add((*place, key), "", f"is of no use alone, write {other} = too")
    for key in ("ca", "cert") if in_clear else ():
        if getattr(table, key, None) is not None:
            scheme, url = in_clear or ("", "")
            report.add((*place, key), "", f"is for TLS (got {shown(url)}), write {scheme} in url")


def _files(table: BaseModel) -> Iterator[tuple[str, Path, Role]]:
    roles: Mapping[str, Role] = {
        "ca": Role.CERTIFICATES,
        "cert": Role.CERTIFICATES,
        "cert_key": Role.CLIENT_KEY,
        "password_file": Role.PASSWORD,
    }
    for key, role in roles.items():
        path = getattr(table, key, None)
        if path is not None:
            yield key, path, role


def _check_files(report: Report, place: Place, table: BaseModel, machine: Machine) -> None:
    for key, path, role in _files(table):
        _check_file(report, (*place, key), path, role, machine)


def _check_file(report: Report, place: Place, path: Path, role: Role, machine: Machine) -> None:
    wrong = machine.file_problem(path, role)
    if wrong is not None:
        report.add(place, "", wrong)
