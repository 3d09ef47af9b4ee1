"""What is in a destination, to be compared: as it stands, or without what differs by chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector_assets.destinations.connect import connected, is_new, quoted
from connector_assets.model import Destination

#: Rows by ``schema.table``; each row maps columns to texts (None for NULL).
Dump = dict[str, list[dict[str, str | None]]]


def dump_destination(destination: Destination, secrets: Mapping[str, str] | None = None) -> Dump:
    """Return all rows of all tables, sorted; empty where nothing was ever loaded."""
    if is_new(destination):
        return {}
    with connected(destination, secrets=secrets or {}) as connection:
        names = connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables()"
            " WHERE database_name = current_database() ORDER BY ALL"
        ).fetchall()
        dump: Dump = {}
        for schema, table in names:
            cursor = connection.execute(
                f"SELECT COLUMNS(*)::VARCHAR FROM {quoted(schema)}.{quoted(table)}"
            )
            columns = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            dump[f"{schema}.{table}"] = sorted(rows, key=_order)
        return dump


def logical(dump: Dump) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the streams' tables, children with their parents' keys for random ids.

    Tables of dlt's and ours are left out: they name loads.
    """
    keys = {
        row["_dlt_id"]: f"{row['id']} of {row['updated']}"
        for rows in dump.values()
        for row in rows
        if row.get("_dlt_id") and "id" in row
    }
    chosen = {name: rows for name, rows in dump.items() if name.partition(".")[2][0] != "_"}
    return {
        name: sorted((_plain(row, keys=keys) for row in rows), key=_order)
        for name, rows in chosen.items()
    }


def check_consistent(dump: Dump, *, dataset: str) -> None:
    """Make sure that rows, dlt's loads, our load records and the state version tell one story."""
    records = dump.get(f"{dataset}._connectors_loads", [])
    stamps = dump.get(f"{dataset}._connectors_state", [])
    loads = {row["load_id"] for row in dump.get(f"{dataset}._dlt_loads", [])}
    known = " ".join(str(row["load_ids"]) for row in records)
    assert all(str(load) in known for load in loads), "a load of dlt's without a record of ours"
    versions = sorted(int(row["state_version"] or 0) for row in records)
    assert len(set(versions)) == len(versions), "two records of one state version"
    assert [int(row["state_version"] or 0) for row in stamps] == versions[-1:]
    own = {name: rows for name, rows in dump.items() if name.startswith(f"{dataset}.")}
    for name, rows in own.items():
        ids = [row["_dlt_id"] for row in rows if "_dlt_id" in row]
        assert len(set(ids)) == len(ids), f"{name} has a row twice"
        assert {row["_dlt_load_id"] for row in rows if "_dlt_load_id" in row} <= loads
        if rows and "_dlt_parent_id" in rows[0]:
            parent = name.rpartition("__")[0]
            parents = {row["_dlt_id"] for row in dump[parent]}
            assert {row["_dlt_parent_id"] for row in rows} <= parents, f"{name} has orphans"


def _plain(row: Mapping[str, Any], *, keys: Mapping[str | None, str]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in ("_dlt_id", "_dlt_load_id")}
    above = ("_dlt_parent_id", "_dlt_root_id")
    return {name: keys.get(kept[name]) if name in above else kept[name] for name in kept}


def _order(row: Mapping[str, Any]) -> str:
    return repr(sorted(row.items()))
