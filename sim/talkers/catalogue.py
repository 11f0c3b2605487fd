"""Which talker stands in for the instruments of a driver, built from what the station file says of them."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

from config.station import Device
from sim import plausible
from sim.moment import Moment
from sim.speaker import Figure, Speaker
from sim.talk import Talker
from sim.talkers import bayern_hessen, clink, teledyne
from sim.talkers.lines import LinesTalker

DECIMALS: Final = 3
START: Final = Moment(0.0, 0)


class Behind(NamedTuple):
    """The devices of one line by number, and the seed of what they show."""

    devices: Mapping[int, Device]
    seed: int


def speaker(device: Device, seed: int) -> Speaker:
    """What the device measures, plausible for unit and range."""
    settings = cast("Any", device.settings)
    rows = zip(settings.channels(), settings.rows(), strict=True)
    return Speaker(
        device.id,
        [
            Figure(
                channel=str(row[0]),
                field=str(row[2]),
                signal=plausible.signal(meaning.unit, meaning.low, meaning.high, seed + number),
                scale=Decimal(repr(row[5])),
                offset=Decimal(repr(row[6])),
                decimals=DECIMALS,
            )
            for number, (meaning, row) in enumerate(rows)
        ],
    )


def speakers(behind: Behind) -> dict[int, Speaker]:
    """All of them."""
    return {unit: speaker(device, behind.seed + 1009 * unit) for unit, device in behind.devices.items()}


def _lines(behind: Behind) -> Talker:
    wordings = {unit: cast("Any", device.settings).lines for unit, device in behind.devices.items()}
    talker = LinesTalker(speakers(behind), wordings)
    for unit in wordings:
        talker.tell(unit, START)
    return talker


def _bayern_hessen(behind: Behind) -> Talker:
    faces = {}
    for unit, device in behind.devices.items():
        settings = cast("Any", device.settings)
        channels = [(channel.source, channel.expected_unit) for channel in settings.channel]
        faces[unit] = bayern_hessen.face(unit, settings.wording, channels, settings.values, settings.table)
    return bayern_hessen.BayernHessenTalker(speakers(behind), faces)


def _clink(behind: Behind) -> Talker:
    faces = {}
    for unit, device in behind.devices.items():
        settings = cast("Any", device.settings)
        units = {channel.source: channel.expected_unit for channel in settings.channel}
        faces[unit] = clink.ClinkFace(settings.wire, units)
    return clink.ClinkTalker(speakers(behind), faces)


def _teledyne(behind: Behind) -> Talker:
    faces = {}
    for unit, device in behind.devices.items():
        settings = cast("Any", device.settings)
        tests = {
            channel.source: (channel.label or channel.source, channel.expected_unit)
            for channel in settings.channel
        }
        faces[unit] = teledyne.TeledyneFace(settings.wording, settings.unit or 0, tests)
    return teledyne.TeledyneTalker(speakers(behind), faces)


TALKERS: Final[Mapping[str, Callable[[Behind], Talker]]] = {
    "ascii": _lines,
    "bayern_hessen": _bayern_hessen,
    "clink": _clink,
    "teledyne": _teledyne,
}
"""By driver. ValueError: these devices cannot be simulated, and why."""
