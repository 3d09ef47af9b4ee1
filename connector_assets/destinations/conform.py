"""Makes a working copy of a package and the tables it goes into agree on every column's type.

And on whether it may be NULL. Whether a type may change is the gate's to say. Once it may, a column
of both becomes the narrowest type that holds the values of both: never a second column beside it,
never a value that a cast changes. Inside the transaction of the load.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from dlt.common.schema import Schema

from connector_assets.audit.observe import join_types
from connector_assets.destinations.connect import quoted
from connector_assets.errors import FatalSyncError
from connector_assets.model import DestinationKind

_LOGICAL = {
    "BIGINT": "bigint",
    "INTEGER": "bigint",
    "SMALLINT": "bigint",
    "TINYINT": "bigint",
    "DOUBLE": "double",
    "FLOAT": "double",
    "VARCHAR": "text",
    "JSON": "json",
    "BOOLEAN": "bool",
    "DATE": "date",
    "BLOB": "binary",
}
_CASTS = {
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "text": "VARCHAR",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "time": "TIME",
    "binary": "BLOB",
}
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)", re.IGNORECASE)
_VARIANT = "__v_"
#: What dlt appends to a dataset's name for the one that it merges by.
STAGING_SUFFIX = "_staging"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One column whose type differs; ``staged`` are the columns of the files, by type."""

    column: str
    target: str
    staged: Mapping[str, str]


def conform(
    connection: duckdb.DuckDBPyConnection, folder: Path, *, dataset: str, kind: DestinationKind
) -> None:
    """Change tables, files and schema of a working copy so that their types are the same.

    Raises:
        FatalSyncError: A value of the table does not fit the new type exactly.
    """
    for load in sorted(folder.glob("*/load/normalized/*")):
        if (load / "schema.json").is_file():
            _conform_load(connection, load, dataset=dataset, kind=kind)


def logical_type(text: str) -> str:
    """Return the logical type of one of DuckDB's; empty for those that are left alone."""
    if text.startswith("TIMESTAMP"):
        return "timestamp"
    if text.startswith("TIME"):
        return "time"
    if found := _DECIMAL.fullmatch(text):
        return f"decimal({found[1]},{found[2]})"
    return _LOGICAL.get(text, "")


def _conform_load(
    connection: duckdb.DuckDBPyConnection, load: Path, *, dataset: str, kind: DestinationKind
) -> None:
    stored = json.loads((load / "schema.json").read_text(encoding="utf-8"))
    files: dict[str, list[Path]] = defaultdict(list)
    for file in sorted((load / "new_jobs").glob("*.parquet")):
        files[file.name.partition(".")[0]].append(file)
    changed = False
    for table, parts in files.items():
        columns = stored["tables"][table]["columns"]
        _allow_null(connection, columns, dataset=dataset, table=table)
        types = _fetch_types(connection, dataset=dataset, table=table)
        for change in list(_find_changes(columns, types)):
            changed = True
            # dlt merges by way of a table of the same name in a dataset of its own.
            for place in (dataset, f"{dataset}{STAGING_SUFFIX}"):
                known = _fetch_types(connection, dataset=place, table=table).get(change.column)
                if known and known != change.target:
                    _convert_table(connection, change, name=(place, table), kind=kind, old=known)
            for part in parts:
                _convert_file(connection, change, file=part)
            _edit_schema(columns, change)
    if changed:
        _write_schema(load, stored)


def _allow_null(
    connection: duckdb.DuckDBPyConnection,
    columns: Mapping[str, Mapping[str, Any]],
    *,
    dataset: str,
    table: str,
) -> None:
    """Let a table's columns be NULL where the package's may be: dlt never changes that."""
    rows = connection.execute(
        "SELECT schema_name, column_name FROM duckdb_columns() WHERE database_name ="
        " current_database() AND schema_name IN (?, ?) AND table_name = ? AND NOT is_nullable",
        [dataset, f"{dataset}{STAGING_SUFFIX}", table],
    ).fetchall()
    for schema, name in rows:
        if columns.get(name, {}).get("nullable", True):
            where = f"{quoted(schema)}.{quoted(table)}"
            connection.execute(f"ALTER TABLE {where} ALTER {quoted(name)} DROP NOT NULL")


def _find_changes(
    columns: Mapping[str, Mapping[str, Any]], types: Mapping[str, str]
) -> Iterator[_Change]:
    variants: dict[str, dict[str, str]] = defaultdict(dict)
    for name, column in columns.items():
        if column.get("variant"):
            variants[name.partition(_VARIANT)[0]][name] = _type_of(column)
    for name, column in columns.items():
        staged_type = _type_of(column)
        if column.get("variant") or not staged_type:
            continue
        staged = {name: staged_type, **variants.get(name, {})}
        known = types.get(name, "")
        found = {*staged.values(), *([known] if known else [])}
        if len(found) > 1:
            target = join_types(found)
            yield _Change(column=name, target=target, staged=staged)


def _type_of(column: Mapping[str, Any]) -> str:
    kind = str(column.get("data_type") or "")
    if kind == "decimal":
        precision, scale = column.get("precision") or 38, column.get("scale")
        return f"decimal({precision},{9 if scale is None else scale})"
    return kind if kind in _CASTS or kind == "json" else ""


def _fetch_types(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, table: str
) -> dict[str, str]:
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name ="
        " current_database() AND schema_name = ? AND table_name = ?",
        [dataset, table],
    ).fetchall()
    return {name: logical for name, kind in rows if (logical := logical_type(kind))}


def _convert_table(
    connection: duckdb.DuckDBPyConnection,
    change: _Change,
    *,
    name: tuple[str, str],
    kind: DestinationKind,
    old: str,
) -> None:
    column, table = quoted(change.column), ".".join(map(quoted, name))
    if (old, change.target) == ("bigint", "double"):
        _check_exact(connection, column=column, table=table)
    cast = _cast(column, old=old, new=change.target)
    if kind is DestinationKind.DUCKDB:
        duck = "JSON" if change.target == "json" else _CASTS.get(change.target, change.target)
        connection.execute(f"ALTER TABLE {table} ALTER {column} TYPE {duck} USING {cast}")
    else:
        # DuckLake only promotes numbers; a table made anew is a part of the same snapshot.
        connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT * REPLACE ({cast} AS {column}) FROM {table}"
        )


def _check_exact(connection: duckdb.DuckDBPyConnection, *, column: str, table: str) -> None:
    row = connection.execute(
        f"SELECT count(*) FROM {table} WHERE CAST(CAST({column} AS DOUBLE) AS HUGEINT) <> {column}"
    ).fetchone()
    if row and row[0]:
        raise FatalSyncError(
            f"{row[0]:,} integers of the column {column} do not fit a floating-point number",
            place=table,
            fix="Nothing was loaded. Declare the column as decimal in the source.",
        )


def _convert_file(connection: duckdb.DuckDBPyConnection, change: _Change, *, file: Path) -> None:
    names = [row[0] for row in connection.execute(_DESCRIBE, [str(file)]).fetchall()]
    present = [name for name in change.staged if name in names]
    if not present:
        return
    values = [_cast(quoted(one), old=change.staged[one], new=change.target) for one in present]
    # Files keep JSON as text, as dlt writes it.
    value = f"coalesce({', '.join(values)})"
    shown = f"CAST({value} AS VARCHAR)" if change.target == "json" else value
    columns = [
        f"{shown} AS {quoted(name)}" if name == change.column else quoted(name)
        for name in names
        if name == change.column or name not in change.staged
    ]
    if change.column not in names:
        columns.append(f"{shown} AS {quoted(change.column)}")
    part = file.with_suffix(".part")
    source = str(file).replace("'", "''")
    target = str(part).replace("'", "''")
    connection.execute(
        f"COPY (SELECT {', '.join(columns)} FROM read_parquet('{source}'))"
        f" TO '{target}' (FORMAT parquet)"
    )
    # The file is a link to the package's own, which stays as it is.
    part.replace(file)


_DESCRIBE = "SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet(?))"


def _cast(value: str, *, old: str, new: str) -> str:
    if old == new:
        return value
    if new == "json":
        return f"to_json({value})"
    return f"CAST({value} AS {_CASTS.get(new, new)})"


def _edit_schema(columns: dict[str, Any], change: _Change) -> None:
    for name in change.staged:
        if name != change.column:
            columns.pop(name, None)
    column = columns[change.column]
    found = _DECIMAL.fullmatch(change.target)
    column["data_type"] = "decimal" if found else change.target
    for key in ("precision", "scale"):
        column.pop(key, None)
    if found:
        column |= {"precision": int(found[1]), "scale": int(found[2])}


def _write_schema(load: Path, stored: Any) -> None:
    schema = Schema.from_dict(stored, bump_version=True)
    text = json.dumps(schema.to_dict(), default=str)
    (load / "schema.json").write_text(text, encoding="utf-8")
    updates = load / "schema_updates.json"
    if updates.is_file():
        content = json.loads(updates.read_text(encoding="utf-8"))
        for table, update in content.items():
            known = stored["tables"].get(table, {}).get("columns", {})
            update["columns"] = {
                name: known[name] for name in update.get("columns", {}) if name in known
            }
        updates.write_text(json.dumps(content), encoding="utf-8")
