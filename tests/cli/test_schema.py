"""The JSON Schemas of the YAML files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_bridge.group_schema import build_group_schema
from connector_assets.config_schema import Kind, build_schema
from tests.cli.conftest import Run


def properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in (schema, *schema["$defs"].values()):
        yield from part.get("properties", {}).items()


@pytest.mark.parametrize("kind", Kind)
def test_every_key_has_a_description(kind: Kind) -> None:
    schema = build_schema(kind)

    undescribed = [name for name, value in properties(schema) if not value.get("description")]

    assert undescribed == []
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    assert schema["$id"] == f"urn:connector-assets:{kind}:1"


@pytest.mark.parametrize("kind", Kind)
def test_schema_is_one_itself(kind: Kind) -> None:
    jsonschema = pytest.importorskip("jsonschema")

    jsonschema.Draft202012Validator.check_schema(build_schema(kind))


@pytest.mark.parametrize(
    ("words", "kind"),
    [((), Kind.CONNECTOR), (("connector",), Kind.CONNECTOR), (("project",), Kind.PROJECT)],
    ids=["by_default", "connector", "project"],
)
def test_schema_is_printed(run: Run, words: tuple[str, ...], kind: Kind) -> None:
    assert run("schema", *words).json == build_schema(kind)


def test_schema_of_a_group_is_printed(run: Run) -> None:
    assert run("schema", "group").json == build_group_schema()


def test_write_refreshes_both(run: Run, project: Path) -> None:
    (project / "schemas").mkdir()
    (project / "schemas" / "project.schema.json").write_text("{}")

    ran = run("schema", "--write", "--json")

    assert ran.json["written"] == ["schemas/connector.schema.json", "schemas/project.schema.json"]
    written = json.loads((project / "schemas" / "project.schema.json").read_text())
    assert written == build_schema(Kind.PROJECT)


def test_unknown_schema_is_a_usage_error(run: Run) -> None:
    ran = run("schema", "conector")

    assert ran.code == 2
    assert "connector" in ran.err
