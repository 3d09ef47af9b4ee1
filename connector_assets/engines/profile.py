"""Profiles a staged package: types from its schema, rows and values from its parquet footers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from connector_assets.audit.profile import ColumnProfile, StreamProfile
from connector_assets.lock import one_line
from connector_assets.singer.types import DELETED_AT, SEQUENCE, UNDECLARED, VERSION

_PLATFORM = (SEQUENCE, UNDECLARED, VERSION, DELETED_AT)
_VARIANT = "__v_"


def profile_tables(package: Path) -> dict[str, StreamProfile]:
    """Return the profile of every table in a package's folder, by table; dlt's own left out.

    Reads footers, no data. Only columns that the files have count: the schema remembers others. The
    files of rows have every column that the table knows; whether one without a value was absent or
    null they do not tell.
    """
    tables: dict[str, Any] = {}
    rows: dict[str, int] = defaultdict(int)
    filled: dict[tuple[str, str], int] = defaultdict(int)
    for load in sorted(package.glob("*/load/normalized/*")):
        if not (load / "schema.json").is_file():
            continue
        tables |= json.loads((load / "schema.json").read_text(encoding="utf-8"))["tables"]
        for file in sorted((load / "new_jobs").glob("*.parquet")):
            table = file.name.partition(".")[0]
            metadata = pq.read_metadata(file)
            rows[table] += metadata.num_rows
            for column, values in _count_values(metadata):
                filled[table, column] += values
    return {
        name: _build(definition, rows=rows[name], filled=filled, table=name)
        for name, definition in tables.items()
        if not name.startswith("_dlt_") and (name in rows or definition.get("resource"))
    }


def _count_values(metadata: Any) -> Iterator[tuple[str, int]]:
    """Yield per column and row group how many rows have a value.

    A file without statistics counts as filled: nothing may be accused on its word.
    """
    for group in range(metadata.num_row_groups):
        for at in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(at)
            statistics = chunk.statistics
            nulls = statistics.null_count if statistics and statistics.has_null_count else 0
            yield chunk.path_in_schema.partition(".")[0], chunk.num_values - nulls


def _build(
    definition: Mapping[str, Any],
    *,
    rows: int,
    filled: Mapping[tuple[str, str], int],
    table: str,
) -> StreamProfile:
    columns: dict[str, ColumnProfile] = {}
    variants: dict[str, list[str]] = defaultdict(list)
    for name, column in definition["columns"].items():
        values = filled.get((table, name))
        if values is None or name.startswith("_dlt_") or name in _PLATFORM:
            continue
        if column.get("variant"):
            if values:
                variants[name.partition(_VARIANT)[0]].append(render_type(column))
            continue
        columns[name] = ColumnProfile(
            type=render_type(column),
            filled=values,
            nullable=bool(column.get("nullable", True)),
            description=one_line(column.get("description")),
        )
    for name, types in variants.items():
        columns[name] = _with_variants(columns.get(name), types)
    return StreamProfile(
        rows=rows,
        columns=columns,
        primary_key=tuple(
            name for name, one in definition["columns"].items() if one.get("primary_key")
        ),
        parent=definition.get("parent") or "",
    )


def _with_variants(column: ColumnProfile | None, types: list[str]) -> ColumnProfile:
    known = column or ColumnProfile(type="", filled=0)
    return replace(known, variants=tuple(sorted(types)))


def render_type(column: Mapping[str, Any]) -> str:
    """Return the logical type of one of dlt's columns: ``decimal(12,2)``; empty for none yet."""
    kind = column.get("data_type") or ""
    if kind == "decimal" and column.get("precision") is not None:
        return f"decimal({column['precision']},{column.get('scale') or 0})"
    if kind == "timestamp" and column.get("timezone") is False:
        return "timestamp_ntz"
    return str(kind)
