"""`tram schema`: what an editor needs."""

import json

from click.testing import CliRunner

from agent.commands.tram import tram


def test_the_schema_has_the_channels_of_every_driver() -> None:
    result = CliRunner().invoke(tram, ["schema"])
    assert result.exit_code == 0
    schema = json.loads(result.output)
    channel = schema["$defs"]["modbusChannel"]["properties"]
    assert {"id", "table", "address", "type", "order", "scale", "offset", "unit", "range"} <= set(channel)
    assert "float32" in channel["type"]["enum"]


def test_the_schema_has_the_settings_of_a_line() -> None:
    schema = json.loads(CliRunner().invoke(tram, ["schema"]).output)
    line = schema["properties"]["line"]["items"]
    assert {"id", "url", "timeout", "guard"} <= set(line["properties"])
    assert line["required"] == ["id", "url"]
