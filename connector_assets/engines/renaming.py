"""A connector's pipeline under another name: dlt's state and schemas, with their tables renamed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_assets.destinations.restore import restore
from connector_assets.engines.refresh import find_root
from connector_assets.engines.staging import open_pipeline
from connector_assets.naming import table_name

if TYPE_CHECKING:
    from dlt import Pipeline

    from connector_assets.destinations.load import LoadTarget
    from connector_assets.model import Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """What is called otherwise from now on: streams and dlt's sources, each with its new name.

    ``formerly`` is what the connector is called in the destination; its own name where it stays.
    """

    formerly: str
    streams: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """A pipeline of the new name, the version of the state in it, and tables that are renamed."""

    pipeline: Pipeline
    version: int
    tables: Mapping[str, str]


def open_renamed(
    connector: Connector, renaming: Renaming, *, folder: Path, target: LoadTarget
) -> Reopened:
    """Return the connector's pipeline in ``folder``, with what the destination has by the old name.

    Its schemas have the new names; its state is of the old one, without positions. Writes nothing
    to the destination.

    Raises:
        FileLocked: Another process has the DuckDB file.
        TransientSyncError: The destination is not reached.
    """
    kind, dataset = connector.destination.kind, connector.dataset
    beside = folder.with_name(f"{folder.name}-formerly")
    former = open_pipeline(beside, connector=renaming.formerly, dataset=dataset, kind=kind)
    version = restore(
        former,
        destination=connector.destination,
        secrets=target.secrets,
        connector=renaming.formerly,
    )
    pipeline = open_pipeline(folder, connector=connector.name, dataset=dataset, kind=kind)
    tables: dict[str, str] = {}
    for name in former.schemas.list_schemas():
        tables |= _take_schema(pipeline, former.schemas[name], renaming=renaming)
    usual = former.default_schema_name
    if usual:
        vars(pipeline)["default_schema_name"] = renaming.sources.get(usual, usual)
        with pipeline.managed_state() as state:
            # The newest state of a pipeline is the one with the highest number.
            state["_state_version"] = former.state["_state_version"]
    return Reopened(pipeline=pipeline, version=version, tables=tables)


def _take_schema(pipeline: Pipeline, schema: Any, *, renaming: Renaming) -> dict[str, str]:
    """Save a schema with the new names in a pipeline; return its tables that have other names."""
    from dlt.common.schema import Schema

    content: dict[str, Any] = deepcopy(schema.to_dict())
    tables = _list_renamed(content["tables"], streams=renaming.streams)
    content["tables"] = _rename_tables(content["tables"], renamed=tables, streams=renaming.streams)
    # Keys of parents that are handed down to child tables.
    handed = content["normalizers"].get("json", {}).get("config", {}).get("propagation", {})
    if "tables" in handed:
        handed["tables"] = {tables.get(name, name): one for name, one in handed["tables"].items()}
    if content["name"] in renaming.sources:
        content["name"] = renaming.sources[content["name"]]
        content["previous_hashes"] = []
    pipeline.schemas.save_schema(Schema.from_dict(content))
    return {old: new for old, new in tables.items() if old != new}


def _list_renamed(known: Mapping[str, Any], *, streams: Mapping[str, str]) -> dict[str, str]:
    """Return the tables of renamed streams that a schema knows, child tables too, by old name."""
    roots = {table_name(old): table_name(new) for old, new in streams.items()}
    return {
        table: roots[root] + table.removeprefix(root)
        for table in known
        if (root := find_root(table, known)) in roots
    }


def _rename_tables(
    known: Mapping[str, Any], *, renamed: Mapping[str, str], streams: Mapping[str, str]
) -> dict[str, Any]:
    gone = set(renamed.values()) - set(renamed)
    tables: dict[str, Any] = {}
    for name, table in known.items():
        if name in gone:
            continue
        changed = {**table, "name": renamed.get(name, name)}
        if "parent" in changed:
            changed["parent"] = renamed.get(changed["parent"], changed["parent"])
        if name in renamed and changed.get("resource") in streams:
            changed["resource"] = streams[changed["resource"]]
        tables[changed["name"]] = changed
    return tables
