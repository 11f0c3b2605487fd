"""The JSON Schema for editors."""

import json
from typing import Any

import pytest

from config.schema import schema
from tests.config.stand_ins import FakeLine, FakeSettings

pytestmark = pytest.mark.pure


def made(*names: str) -> dict[str, Any]:
    """With these drivers."""
    return schema(dict.fromkeys(names, lambda: FakeSettings), FakeLine)


def test_it_is_json_and_every_reference_leads_somewhere() -> None:
    text = json.dumps(made("wire", "other"))
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}:
        assert reference in made("wire", "other")["$defs"]


def test_a_device_table_has_its_drivers_keys_and_the_common_ones() -> None:
    device = made("wire")["properties"]["device"]["items"]
    assert {"id", "line", "driver", "every", "profile", "port", "channel", "unit"} <= set(
        device["properties"]
    )
    assert device["properties"]["driver"]["const"] == "wire"
    assert device["additionalProperties"] is False


def test_the_keys_of_a_device_follow_from_its_driver() -> None:
    one, other = made("wire", "other")["properties"]["device"]["items"]["oneOf"]
    assert (one["properties"]["driver"]["const"], other["properties"]["driver"]["const"]) == ("other", "wire")
    assert one["properties"]["channel"]["items"]["$ref"] == "#/$defs/otherFakeChannel"


def test_channels_may_come_from_a_profile() -> None:
    assert "channel" not in made("wire")["properties"]["device"]["items"]["required"]


def test_names_are_those_of_the_file_and_durations_are_texts() -> None:
    buffer = made("wire")["properties"]["buffer"]["properties"]
    assert set(buffer) == {"path", "keep", "quota", "linger"}
    assert buffer["keep"]["type"] == "string"
    assert "default" not in buffer["keep"]
    assert buffer["path"]["default"] == "data/ledger.db"


def test_toml_has_no_null() -> None:
    assert '"null"' not in json.dumps(made("wire"))
    assert made("wire")["properties"]["destination"]["items"]["properties"]["ca"]["type"] == "string"


def test_a_choice_between_two_types_stays_one() -> None:
    register = made("wire")["$defs"]["wireFakeChannel"]["properties"]["register"]
    assert register["anyOf"] == [{"type": "integer"}, {"type": "string"}]
