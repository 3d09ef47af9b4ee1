"""A full refresh: which positions a source is not given, and which tables are emptied for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector_assets import positions
from connector_assets.model import Connector, Refresh

if TYPE_CHECKING:
    from dlt import Pipeline


def list_tables(pipeline: Pipeline, connector: Connector) -> tuple[str, ...]:
    """Return the tables of a connector's streams, with the child tables that the schemas know.

    The pipeline has the destination's schemas, so that no table with rows is left out.
    """
    roots = {stream.table: stream.name for stream in connector.streams}
    tables = list(roots)
    for name in pipeline.schemas.list_schemas():
        known = pipeline.schemas[name].tables
        tables += (table for table in known if find_root(table, known) in roots)
    return tuple(dict.fromkeys(tables))


def forget_positions(pipeline: Pipeline, connector: Connector, *, refresh: Refresh) -> None:
    """Take out of a pipeline's state what its source would continue from.

    Of all streams, it is the whole state: what a source keeps beside its streams goes too. Of some,
    it is what has their names; the positions of the others stay. Writes into the pipeline's folder
    alone: a load brings the change to the destination.
    """
    if not refresh or not pipeline.state.get("sources"):
        return
    streams = () if refresh is Refresh.ALL else list_resources(connector)
    with pipeline.managed_state() as state:
        state["sources"] = positions.forget_positions(state, streams=streams)["sources"]


def list_resources(connector: Connector) -> tuple[str, ...]:
    """Return the names under which a state keeps the positions of a connector's streams."""
    names = [stream.name for stream in connector.streams]
    if connector.source == "filesystem":
        from connector_assets.engines.file_source import name_listing

        names += map(name_listing, connector.streams)
    return tuple(names)


def find_root(table: str, known: Mapping[str, Any]) -> str:
    """Return the table that a child table belongs to, over all levels; others belong to none."""
    while parent := known.get(table, {}).get("parent"):
        table = parent
    return table
