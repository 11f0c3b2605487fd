"""Which talker stands in for the instruments of a driver, built from what the station file says of them."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

from config.station import Device
from sim import plausible
from sim.moment import Moment
from sim.speaker import Figure, Speaker
from sim.talk import Talker
from sim.talkers import bam1020, bayern_hessen, clink, nmea0183, teledyne, vaisala_wxt
from sim.talkers.bam1020 import Bam1020Face, Bam1020Talker
from sim.talkers.lines import LinesTalker
from sim.talkers.nmea0183 import Nmea0183Talker
from sim.talkers.sdi12 import Probe, Sdi12Talker
from sim.talkers.units import spoken
from sim.talkers.vaisala_wxt import VaisalaWxtTalker, WxtFace

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


def _in_their_units(
    behind: Behind, sayable: Callable[[str, str], Mapping[str, str]]
) -> tuple[dict[int, Speaker], dict[int, dict[str, str]]]:
    """Speakers in units that they can say, and the letter of each field's unit."""
    plain = speakers(behind)
    letters: dict[int, dict[str, str]] = {}
    for unit, device in behind.devices.items():
        letters[unit] = {}
        channels = cast("Any", device.settings).channel
        figures = []
        for figure, channel in zip(plain[unit].figures, channels, strict=True):
            if channel.unit == "":
                continue  # a text of the instrument's own
            letter, said = getattr(channel, "letter", None), figure
            if letter is None:
                letter, said = spoken(figure, channel.unit, sayable(figure.field, channel.unit))
            letters[unit][figure.field] = letter
            figures.append(said)
        plain[unit].figures = figures
    return plain, letters


def _nmea0183(behind: Behind) -> Talker:
    reference = {cast("Any", device.settings).reference for device in behind.devices.values()}
    return Nmea0183Talker(*_in_their_units(behind, nmea0183.sayable), reference.pop())


def _vaisala_wxt(behind: Behind) -> Talker:
    plain, letters = _in_their_units(behind, vaisala_wxt.sayable)
    faces = {}
    for unit, device in behind.devices.items():
        settings = cast("Any", device.settings)
        faces[unit] = WxtFace(settings.unit, letters[unit], settings.crc, settings.streams())
    return VaisalaWxtTalker(plain, faces)


def _sdi12(behind: Behind) -> Talker:
    probes = {unit: Probe(cast("Any", device.settings).unit) for unit, device in behind.devices.items()}
    return Sdi12Talker(speakers(behind), probes)


def _bam1020(behind: Behind) -> Talker:
    plain, words = _in_their_units(behind, bam1020.sayable)
    faces = {}
    for unit, device in behind.devices.items():
        settings = cast("Any", device.settings)
        times = [channel.id for channel in settings.channel if channel.source == bam1020.TIME]
        faces[unit] = Bam1020Face(words[unit], settings.dialect(), next(iter(times), None))
    return Bam1020Talker(plain, faces)


TALKERS: Final[Mapping[str, Callable[[Behind], Talker]]] = {
    "ascii": _lines,
    "bam1020": _bam1020,
    "bayern_hessen": _bayern_hessen,
    "clink": _clink,
    "nmea0183": _nmea0183,
    "sdi12": _sdi12,
    "teledyne": _teledyne,
    "vaisala_wxt": _vaisala_wxt,
}
"""By driver. ValueError: these devices cannot be simulated, and why."""
