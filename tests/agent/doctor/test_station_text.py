"""Every key of a station file is either shown in a bundle or left out: a new one needs a decision."""

from collections.abc import Iterator

from pydantic import BaseModel

from agent.doctor.station_text import SHOWN, shown
from config.station import About, Buffer, Destination, DeviceHead, Identity, LineHead, StatusFrom
from drivers import catalogue
from drivers.line import LineSettings

LEFT_OUT = {
    "device": {
        "request",
        "start",
        "status_from",
        "channel",
        "contact",
    },  # a login may be asked; the others are tables
    "destination": {"username"},  # a token at some brokers
}


def keys(*models: type[BaseModel]) -> Iterator[str]:
    for model in models:
        for name, field in model.model_fields.items():
            yield field.alias or name


def test_every_key_is_shown_or_left_out() -> None:
    drivers = [catalogue.settings(name) for name in catalogue.DRIVERS]
    there = {
        "station": set(keys(About)),
        "identity": set(keys(Identity)),
        "buffer": set(keys(Buffer)),
        "line": set(keys(LineHead, LineSettings)),
        "device": set(keys(DeviceHead, *drivers)),
        "status_from": set(keys(StatusFrom)),
        "destination": set(keys(Destination)),
    }
    for table, names in there.items():
        assert names == SHOWN[table] | LEFT_OUT.get(table, set()), table


def test_what_is_shown_is_toml_again_and_says_the_same() -> None:
    text = '[station]\nid = "BD_1"\nname = "Trạm"\n\n[[device]]\nid = "ph"\nunit = 3\n\n'
    text += '[[device.status_from]]\ndevice = "inputs"\nchannel = "zero"\nflags = { 1 = "calibration" }\n\n'
    text += '[[device.channel]]\nid = "pH"\nrange = [0, 14.5]\nflags = { other = "valid" }\n'
    assert shown(shown(text).text).text == shown(text).text
    assert shown(text).text == text
