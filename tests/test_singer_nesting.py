"""What a SCHEMA declares inside of its JSON columns."""

from __future__ import annotations

from typing import Any

import pytest

from connector_assets.lock import LockedColumn
from connector_assets.singer.nesting import parse_descriptions, parse_nesting

INTEGER, TEXT = {"type": ["integer", "null"]}, {"type": ["string", "null"]}
BIGINT, WORD = LockedColumn(type="bigint"), LockedColumn(type="text")


def inside(definition: Any, **definitions: Any) -> Any:
    schema = {"properties": {"Home Address": definition}, "definitions": definitions}
    return parse_nesting(schema).get("home_address", {})


@pytest.mark.parametrize(
    ("definition", "fields"),
    [
        (INTEGER, {}),
        ({"type": "object"}, {}),
        ({"type": ["object", "null"], "properties": {"zip": INTEGER}}, {"zip": BIGINT}),
        (
            {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"zip": INTEGER}}]},
            {"zip": BIGINT},
        ),
        ({"type": "array", "items": TEXT}, {"[]": WORD}),
        (
            {"type": "array", "items": {"type": "object", "properties": {"sku": TEXT}}},
            {"[]": LockedColumn(type="json", fields={"sku": WORD})},
        ),
        ({"type": "array", "items": [TEXT, INTEGER]}, {}),
        ({"$ref": "#/definitions/place"}, {"city": WORD}),
    ],
    ids=["plain", "open", "object", "or null", "array", "array of objects", "tuple", "reference"],
)
def test_fields_inside_of_a_column(definition: Any, fields: Any) -> None:
    place = {"type": "object", "properties": {"city": TEXT}}

    assert inside(definition, place=place) == fields


def test_definition_that_refers_to_itself_ends() -> None:
    node = {"type": "object", "properties": {"child": {"$ref": "#/definitions/node"}}}

    found, depth = inside({"$ref": "#/definitions/node"}, node=node), 0
    while found:
        found, depth = found["child"].fields, depth + 1

    assert 1 < depth < 12


def test_descriptions_are_those_of_the_schema_in_one_line() -> None:
    schema = {
        "definitions": {"money": {"type": "number", "description": "An amount."}},
        "properties": {
            "Total": {"$ref": "#/definitions/money"},
            "tax": {"$ref": "#/definitions/money", "description": "Of which tax\n  in cents."},
            "id": {"type": "integer"},
            "odd": {"type": "integer", "description": 7},
        },
    }

    assert parse_descriptions(schema) == {"total": "An amount.", "tax": "Of which tax in cents."}


def test_fields_inside_of_a_column_have_their_descriptions() -> None:
    inside = {"city": {"type": "string", "description": "Where it is."}}
    schema = {"properties": {"home": {"type": "object", "properties": inside}}}

    assert parse_nesting(schema)["home"]["city"].description == "Where it is."
