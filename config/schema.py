"""The JSON Schema of the station file, with the settings of every driver in their place."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from config.settings import Drivers
from config.station import About, Buffer, Destination, DeviceHead, Identity, LineHead

Schema = dict[str, Any]


def schema(drivers: Drivers, line_settings: type[BaseModel]) -> Schema:
    """Draft 2020-12. A device's keys follow from its `driver`; what only shows across tables is not in it."""
    definitions: Schema = {}

    def of(model: type[BaseModel], prefix: str = "") -> Schema:
        return _lifted(model, prefix, definitions)

    devices = [
        _joined(of(DeviceHead), of(settings(), name), {"driver": {"const": name}})
        for name, settings in sorted(drivers.items())
    ]
    tables = {
        "station": of(About),
        "identity": of(Identity),
        "buffer": of(Buffer),
        "line": _list(_joined(of(LineHead), of(line_settings, "line"))),
        "device": _list(devices[0] if len(devices) == 1 else {"oneOf": devices}),
        "destination": _list(of(Destination)),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tram station file",
        "type": "object",
        "properties": tables,
        "required": ["station", "line", "device"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _lifted(model: type[BaseModel], prefix: str, definitions: Schema) -> Schema:
    """The model's schema; its definitions go to the common ones under a name that no other model has."""
    template = f"#/$defs/{prefix}{{model}}"
    own: Schema = _plain(model.model_json_schema(ref_template=template))
    for name, definition in own.pop("$defs", {}).items():
        definitions[f"{prefix}{name}"] = definition
    return own


def _joined(head: Schema, rest: Schema, narrower: Mapping[str, Schema] | None = None) -> Schema:
    """One table that has the keys of both. `narrower` says more of some keys."""
    properties = {**head["properties"], **rest["properties"]}
    for key, more in (narrower or {}).items():
        properties[key] = {**properties[key], **more}
    required = [*head.get("required", ()), *rest.get("required", ())]
    if "profile" in properties and "channel" in required:
        required.remove("channel")
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _plain(schema: object) -> Any:  # noqa: ANN401 - JSON
    """Without what TOML or an editor has no use for: null, pydantic's titles, defaults that are not as written."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    choices = [choice for choice in kept.pop("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        kept = {**choices[0], **kept}
    elif choices:
        kept["anyOf"] = choices
    if "default" in kept and not _as_written(kept):
        del kept["default"]
    return {key: _plain(value) for key, value in kept.items()}


def _as_written(schema: Schema) -> bool:
    """Durations and sizes are texts in the file and numbers in the model."""
    return schema["default"] is not None and (
        schema.get("type") != "string" or isinstance(schema["default"], str)
    )
