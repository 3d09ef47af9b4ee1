"""A full refresh: which positions a source is not given, and which tables are emptied for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from connector_assets.model import Connector, Refresh
from connector_assets.singer.stage import STATE_KEY

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
        tables += (table for table in known if _find_root(table, known) in roots)
    return tuple(dict.fromkeys(tables))


def forget_positions(pipeline: Pipeline, connector: Connector, *, refresh: Refresh) -> None:
    """Take out of a pipeline's state what its source would continue from.

    Of all streams, it is the whole state: what a source keeps beside its streams goes too. Of some,
    it is what has their names; the positions of the others stay. Writes into the pipeline's folder
    alone: a load brings the change to the destination.
    """
    if not refresh or not pipeline.state.get("sources"):
        return
    with pipeline.managed_state() as state:
        if refresh is Refresh.ALL:
            state["sources"] = {}
            return
        names = set(_list_resources(connector))
        for source in state["sources"].values():
            _drop(source.get("resources"), names=names)
            kept = source.get(STATE_KEY)
            # The oldest taps have no `bookmarks` around them.
            _drop(kept.get("bookmarks") or kept if kept else None, names=names)


def _find_root(table: str, known: Mapping[str, Any]) -> str:
    while parent := known.get(table, {}).get("parent"):
        table = parent
    return table


def _list_resources(connector: Connector) -> Iterator[str]:
    """Yield the names under which a state keeps the positions of a connector's streams."""
    for stream in connector.streams:
        yield stream.name
        if connector.source == "filesystem":
            from connector_assets.engines.file_source import name_listing

            yield name_listing(stream)


def _drop(positions: MutableMapping[str, Any] | None, *, names: set[str]) -> None:
    for name in names & set(positions or ()):
        assert positions is not None
        del positions[name]
