"""The dlt engine: stages a connector's source and watches what its resources emit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from connector_assets.destinations.package import StagedStream
from connector_assets.engines.emission import Emission
from connector_assets.engines.exact import add_checks
from connector_assets.engines.progress import Progress
from connector_assets.engines.rest_source import is_dependent, lets_through
from connector_assets.engines.sources import build_source, list_offered
from connector_assets.engines.staging import stage
from connector_assets.errors import ConfigError, StreamMissing
from connector_assets.faults import fault_point, is_armed
from connector_assets.naming import snake_case

if TYPE_CHECKING:
    from dlt import Pipeline

    from connector_assets.model import Connector, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What was staged, and by table the primary key that the source names now.

    ``fields`` are those that rows or Arrow tables had, or that a SCHEMA declares, as the source
    names them. The staged files do not tell: dlt adds every column that the table knows. ``nested``
    are fields that came as objects or lists, ``schemas`` what a SCHEMA says, by table too.
    ``gone`` are declared streams that the source had and does not have any more, ``offered`` all
    that it has; None where it does not list them.
    """

    streams: tuple[StagedStream, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields: Mapping[str, set[str]] = field(default_factory=dict)
    nested: Mapping[str, set[str]] = field(default_factory=dict)
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    offered: tuple[str, ...] | None = None


def stage_dlt(
    connector: Connector,
    *,
    pipeline: Pipeline,
    secrets: Mapping[str, str],
    progress: Progress | None = None,
    known: Collection[str] = (),
) -> Staged:
    """Stage every stream of a connector in the pipeline's working directory; load nothing.

    ``emitted`` counts what each resource gave, before incremental de-duplication; ``staged`` what
    the package holds of its root table. Of ``known`` streams the gate is told what they lost.

    Raises:
        BadRecord: A value would not arrive as it is.
        StreamMissing: The source does not have one of the streams.
        DriftBlocked: Rows of a known stream have no key.
    """
    progress = progress or Progress(None)
    source = build_source(connector, secrets=secrets, known=known)
    seen = {item.name: _build_emission(item, connector, known=known) for item in connector.streams}
    for name, emission in seen.items():
        _watch(source.resources[name], emission, name=name, progress=progress)
    add_checks(source, streams=connector.streams, of=pipeline)
    with _explained(connector, seen=seen):
        staged = stage(pipeline, source, enter=progress.enter)
    for emission in seen.values():
        emission.check_cursor()
    streams = tuple(
        StagedStream(
            stream=item.name,
            table=item.table,
            write=item.write,
            primary_key=_find_key(pipeline, table=item.table),
            emitted=seen[item.name].rows,
            staged=staged.get(item.table, 0),
        )
        for item in connector.streams
    )
    return replace(_describe(connector, source, seen=seen), streams=streams)


def _build_emission(item: Stream, connector: Connector, *, known: Collection[str]) -> Emission:
    follows = lets_through(item, connector, known=known)
    return Emission(item, known=item.name in known, follows=follows)


@contextmanager
def _explained(connector: Connector, *, seen: Mapping[str, Emission]) -> Iterator[None]:
    """Turn what a resource raises into our error.

    An address that is not there is no missing stream where the stream has given rows already, as
    of an API that says so of the page after the last; nor where it is asked for each row of another
    stream.
    """
    try:
        yield
    except Exception as error:
        # SQLAlchemy and requests come with it: only where there is something to explain.
        from connector_assets.engines.dlt_errors import explain

        ours = explain(error, connector)
        item = connector.stream(ours.stream)
        began = item is not None and (seen[item.name].rows > 0 or is_dependent(item))
        if isinstance(ours, StreamMissing) and began:
            ours = ConfigError.from_record({**ours.to_record(), "type": "ConfigError"})
        if ours is error:
            raise
        raise ours from error


def _describe(connector: Connector, source: Any, *, seen: Mapping[str, Emission]) -> Staged:
    """Return what the source said of its streams, by table."""
    tables = {item.table: item.name for item in connector.streams}
    return Staged(
        fields={table: seen[name].fields for table, name in tables.items()},
        nested={table: seen[name].nested for table, name in tables.items()},
        keys={table: _read_key(source.resources[name]) for table, name in tables.items()},
        offered=list_offered(connector, source),
    )


def _find_key(pipeline: Pipeline, *, table: str) -> tuple[str, ...]:
    """Return the primary key as the table has it: normalised, and the source's own too."""
    columns = pipeline.default_schema.tables.get(table, {}).get("columns", {})
    return tuple(name for name, column in columns.items() if column.get("primary_key"))


def _read_key(resource: Any) -> tuple[str, ...]:
    """Return the primary key that a resource has now; the table keeps one that it had before."""
    columns = resource.compute_table_schema().get("columns", {})
    return tuple(snake_case(name) for name, one in columns.items() if one.get("primary_key"))


def _watch(resource: Any, emission: Emission, *, name: str, progress: Progress) -> None:
    armed = is_armed("extract")

    def watch(item: Any) -> Any:
        progress.advance("extract", name, rows=emission.take(item))
        if armed and emission.rows > 1:
            fault_point("extract")
        return item

    # 1: right after the resource itself, before the incremental step drops rows.
    resource.add_map(watch, insert_at=1)
