"""The JSON Schema of a group's file, made from its records."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from airflow_bridge.group import VERSION, Group
from connector_assets.config_schema import DIALECT, drop_noise


class _File(BaseModel):
    """Lends the records what a schema asks for; they stay plain, as Airflow loads them often."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_serialization_defaults_required=True,
        use_attribute_docstrings=True,
    )

    group: Group


class _WithoutDefaults(GenerateJsonSchema):
    """A file has every key, so none has a value that it is without."""

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def build_group_schema() -> dict[str, Any]:
    """Return the JSON Schema of a group's file: draft 2020-12, every key is required."""
    found = drop_noise(
        _File.model_json_schema(mode="serialization", schema_generator=_WithoutDefaults)
    )
    records = found["$defs"]
    group = records.pop("Group")
    version = {"const": VERSION, "description": "The version of this form."}
    return {
        "$schema": DIALECT,
        "$id": f"urn:connector-assets:group:{VERSION}",
        "title": "A compiled asset group",
        **group,
        "properties": {"version": version, **group["properties"]},
        "required": ["version", *group["required"]],
        "$defs": records,
    }


def render_group_schema() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(build_group_schema(), indent=2, ensure_ascii=False) + "\n"
