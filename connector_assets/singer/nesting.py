"""What a SCHEMA declares inside of its JSON columns, as locks have it; dlt's words for types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connector_assets.lock import LockedColumn, one_line
from connector_assets.naming import snake_case
from connector_assets.singer.types import ColumnType, Kind, parse_type, resolve

#: Where the items of an array stand among the fields of a lock.
ITEMS = "[]"
#: A definition can refer to itself.
_DEEPEST = 8
_WORDS = {
    Kind.INTEGER: "bigint",
    Kind.NUMBER: "double",
    Kind.BOOLEAN: "bool",
    Kind.TEXT: "text",
    Kind.TIMESTAMP: "timestamp",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.JSON: "json",
}


def logical_word(column_type: ColumnType) -> str:
    """Return a type as dlt, locks and profiles call it: ``bigint``, ``decimal(12,2)``."""
    return _WORDS.get(column_type.kind, str(column_type))


def parse_nesting(schema: Mapping[str, Any]) -> dict[str, dict[str, LockedColumn]]:
    """Return the declared fields inside of each column that has any, by the column's name."""
    properties = resolve(schema, root=schema).get("properties") or {}
    found = {
        snake_case(name): _fields(definition, root=schema, depth=0)
        for name, definition in properties.items()
        if name.strip()
    }
    return {name: fields for name, fields in found.items() if fields}


def parse_descriptions(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return what a SCHEMA says of each column that it says something of, by the column's name."""
    properties = resolve(schema, root=schema).get("properties") or {}
    found = {
        snake_case(name): _describe(definition, root=schema)
        for name, definition in properties.items()
        if name.strip()
    }
    return {name: text for name, text in found.items() if text}


def _fields(definition: Any, *, root: Mapping[str, Any], depth: int) -> dict[str, LockedColumn]:
    if depth > _DEEPEST:
        return {}
    inside: dict[str, Any] = {}
    for node in _nodes(definition, root=root, depth=0):
        properties = node.get("properties")
        inside |= properties if isinstance(properties, dict) else {}
        if isinstance(node.get("items"), dict):
            inside[ITEMS] = node["items"]
    return {name: _column(one, root=root, depth=depth) for name, one in inside.items()}


def _column(definition: Any, *, root: Mapping[str, Any], depth: int) -> LockedColumn:
    fields = _fields(definition, root=root, depth=depth + 1)
    return LockedColumn(
        type=logical_word(parse_type(definition, root=root)),
        fields=fields,
        description=_describe(definition, root=root),
    )


def _describe(definition: Any, *, root: Mapping[str, Any]) -> str:
    # Beside a reference it says more than what is referred to.
    beside = definition.get("description") if isinstance(definition, dict) else None
    return one_line(beside or resolve(definition, root=root).get("description"))


def _nodes(definition: Any, *, root: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    """Yield a definition and its alternatives: together they say what may be inside."""
    node = resolve(definition, root=root)
    yield node
    for key in ("anyOf", "oneOf", "allOf"):
        for option in (node.get(key) or ()) if depth < _DEEPEST else ():
            yield from _nodes(option, root=root, depth=depth + 1)
