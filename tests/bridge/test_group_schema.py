"""The published schema of a group's file agrees with what is written and with what is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_bridge.group import GroupError, parse_group, render_group
from airflow_bridge.group_schema import build_group_schema, render_group_schema
from airflow_bridge.names import stream_asset
from tests.bridge.sample import vary

FILE = Path(__file__).parents[2] / "docs" / "group.schema.json"
SCHEMA = build_group_schema()


def is_valid(record: Any) -> bool:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return bool(jsonschema.Draft202012Validator(SCHEMA).is_valid(record))


def test_published_schema_is_fresh() -> None:
    assert FILE.read_text(encoding="utf-8") == render_group_schema()


def test_every_key_has_a_description() -> None:
    parts = (SCHEMA, *SCHEMA["$defs"].values())
    keys = [(name, value) for part in parts for name, value in part["properties"].items()]

    assert len(keys) == 30
    # What a record is stands with the record.
    assert [name for name, value in keys if not {"description", "$ref"} & set(value)] == []
    assert [one for one in parts if not one["description"]] == []
    assert [name for name, value in keys if "default" in value] == []


def test_written_groups_are_valid() -> None:
    waiting = vary(schedule=None, upstream=(stream_asset("a", "b"),))

    assert is_valid(json.loads(render_group(vary())))
    assert is_valid(json.loads(render_group(waiting)))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda one: one.pop("retries"), id="lacks-key"),
        pytest.param(lambda one: one.update(odd=1), id="unknown-key"),
        pytest.param(lambda one: one.update(version=2), id="version"),
        pytest.param(lambda one: one.update(schedule="daily"), id="schedule"),
        pytest.param(lambda one: one["streams"][0].pop("table"), id="stream"),
        pytest.param(lambda one: one["streams"][0]["asset"].update(odd=1), id="asset"),
        pytest.param(lambda one: one["place"].update(image="x"), id="place"),
    ],
)
def test_what_the_schema_refuses_is_refused_when_read(
    change: Callable[[dict[str, Any]], object],
) -> None:
    record = json.loads(render_group(vary()))
    change(record)

    assert not is_valid(record)
    with pytest.raises(GroupError):
        parse_group(json.dumps(record), file="shop.json")
