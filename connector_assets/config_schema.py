"""The JSON Schemas of the YAML files, made from their models, for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from connector_assets.config import VERSION, ConnectorFile, ProjectFile
from connector_assets.config_blocks import Block

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = "schemas"


class Kind(StrEnum):
    """Which file a schema is for."""

    CONNECTOR = "connector"
    PROJECT = "project"


_MODELS: dict[Kind, type[Block]] = {Kind.CONNECTOR: ConnectorFile, Kind.PROJECT: ProjectFile}
_TITLES = {Kind.CONNECTOR: "A connector", Kind.PROJECT: "connectors.yaml"}


def schema_file(kind: Kind) -> str:
    """Return where a project keeps a schema: ``schemas/connector.schema.json``."""
    return f"{FOLDER}/{kind}.schema.json"


def build_schema(kind: Kind) -> dict[str, Any]:
    """Return the JSON Schema of a file: draft 2020-12, every key with its description."""
    return {
        "$schema": DIALECT,
        # A name, not an address: editors get the file from the project.
        "$id": f"urn:connector-assets:{kind}:{VERSION}",
        "title": _TITLES[kind],
        **drop_noise(_MODELS[kind].model_json_schema()),
    }


def drop_noise(schema: Any) -> Any:
    """Return a schema without the titles and empty defaults that pydantic adds."""
    if isinstance(schema, list):
        return [drop_noise(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: drop_noise(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and (value is None or isinstance(value, dict | list)))
    }
