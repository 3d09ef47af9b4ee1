"""The dlt engine: stages a connector's source and watches what its resources emit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connector_assets.destinations.package import StagedStream
from connector_assets.engines.exact import add_checks
from connector_assets.engines.progress import Progress
from connector_assets.engines.sources import build_source
from connector_assets.engines.staging import stage
from connector_assets.faults import fault_point, is_armed
from connector_assets.naming import snake_case

if TYPE_CHECKING:
    from dlt import Pipeline

    from connector_assets.model import Connector

_ONE_ROW = (1,)


@dataclass(slots=True)
class Emission:
    """What a resource gave: rows, and the fields that they had."""

    rows: int = 0
    fields: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What was staged, and by table the primary key that the source names now.

    ``fields`` are those that rows or Arrow tables had, or that a SCHEMA declares, as the source
    names them. The staged files do not tell: dlt adds every column that the table knows.
    """

    streams: tuple[StagedStream, ...]
    keys: Mapping[str, tuple[str, ...]]
    fields: Mapping[str, set[str]] = field(default_factory=dict)


def stage_dlt(
    connector: Connector,
    *,
    pipeline: Pipeline,
    secrets: Mapping[str, str],
    progress: Progress | None = None,
) -> Staged:
    """Stage every stream of a connector in the pipeline's working directory; load nothing.

    ``emitted`` counts what each resource gave, before incremental de-duplication; ``staged`` what
    the package holds of its root table.

    Raises:
        BadRecord: A value would not arrive as it is.
        ConfigError: The source or one of its streams is not there.
    """
    progress = progress or Progress(None)
    source = build_source(connector, secrets=secrets)
    seen = {item.name: Emission() for item in connector.streams}
    for name, emission in seen.items():
        _watch(source.resources[name], emission, name=name, progress=progress)
    add_checks(source, streams=connector.streams, of=pipeline)
    staged = stage(pipeline, source, enter=progress.enter)
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
    return Staged(
        streams=streams,
        fields={item.table: seen[item.name].fields for item in connector.streams},
        keys={item.table: _read_key(source.resources[item.name]) for item in connector.streams},
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
    fields = emission.fields

    def watch(item: Any) -> Any:
        # Arrow tables and data frames come whole; everything else row by row.
        rows = getattr(item, "shape", _ONE_ROW)[0]
        emission.rows += rows
        if isinstance(item, dict):
            fields.update(item)
        elif columns := getattr(item, "column_names", None):
            fields.update(columns)
        progress.advance("extract", name, rows=rows)
        if armed and emission.rows > 1:
            fault_point("extract")
        return item

    # 1: right after the resource itself, before the incremental step drops rows.
    resource.add_map(watch, insert_at=1)
