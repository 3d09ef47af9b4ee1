"""What Dagster shows of a stream before any sync: columns of the lock, table, place in the YAML."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dagster import (
    CodeReferencesMetadataValue,
    LocalFileCodeReference,
    TableColumn,
    TableColumnConstraints,
    TableConstraints,
    TableSchema,
)

from connector_assets.lock import LockedColumn, LockedStream
from connector_assets.model import Connector, Stream


def describe_stream(
    connector: Connector, stream: Stream, *, root: Path, locked: Mapping[str, LockedStream]
) -> dict[str, Any]:
    """Return the metadata of an asset's definition; child tables are named with their columns."""
    here = locked.get(stream.name)
    children = sorted(name for name in locked if name.startswith(f"{stream.table}__"))
    known: dict[str, Any] = {
        "dagster/table_name": f"{connector.target}.{stream.table}",
        "dagster/code_references": _refer(connector, stream, root=root),
        "engine": f"{connector.engine}/{connector.source}",
        "write": stream.write.value,
        "primary_key": ", ".join(stream.primary_key),
        "cursor": stream.cursor,
        "child_tables": ", ".join(f"{connector.target}.{name}" for name in children),
        "depends_on": ", ".join(connector.depends_on),
    }
    if here:
        known["dagster/column_schema"] = build_schema(here)
        known["primary_key"] = ", ".join(here.primary_key) or known["primary_key"]
    return {name: value for name, value in known.items() if value}


def build_schema(stream: LockedStream) -> TableSchema:
    """Return the columns of a locked stream; nested fields follow their column, by path."""
    columns = [
        column for name, one in sorted(stream.columns.items()) for column in _columns(name, one)
    ]
    key = ", ".join(stream.primary_key)
    constraints = TableConstraints(other=[f"primary key: {key}"]) if key else None
    return TableSchema(columns=columns, constraints=constraints)


def _columns(name: str, column: LockedColumn) -> list[TableColumn]:
    found = [
        _column(
            name, kind=column.type, nullable=column.nullable, description=column.description or None
        )
    ]
    for field, below in sorted(column.fields.items()):
        found += _columns(f"{name}.{field}", below)
    return found


@cache
def _column(name: str, *, kind: str, nullable: bool, description: str | None) -> TableColumn:
    # Records that nobody changes: ids and times of a thousand connectors are the same ones.
    constraints = TableColumnConstraints(nullable=nullable)
    return TableColumn(name=name, type=kind, description=description, constraints=constraints)


def _refer(connector: Connector, stream: Stream, *, root: Path) -> CodeReferencesMetadataValue:
    place = LocalFileCodeReference(
        file_path=str(root / connector.file), line_number=stream.line or 1, label=connector.name
    )
    return CodeReferencesMetadataValue(code_references=[place])
