"""The dlt engine: stages a connector's source and counts what its resources emitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector_assets.destinations.package import StagedStream
from connector_assets.engines.progress import Progress
from connector_assets.engines.sources import build_source
from connector_assets.engines.staging import stage
from connector_assets.faults import fault_point, is_armed

if TYPE_CHECKING:
    from dlt import Pipeline

    from connector_assets.model import Connector

_ONE_ROW = (1,)


def stage_dlt(
    connector: Connector,
    *,
    pipeline: Pipeline,
    secrets: Mapping[str, str],
    progress: Progress | None = None,
) -> tuple[StagedStream, ...]:
    """Stage every stream of a connector in the pipeline's working directory; load nothing.

    ``emitted`` counts what each resource gave, before incremental de-duplication; ``staged`` what
    the package holds of its root table.

    Raises:
        ConfigError: The source or one of its streams is not there.
    """
    progress = progress or Progress(None)
    source = build_source(connector, secrets=secrets)
    emitted: Counter[str] = Counter()
    for item in connector.streams:
        _count(source.resources[item.name], name=item.name, emitted=emitted, progress=progress)
    staged = stage(pipeline, source, enter=progress.enter)
    return tuple(
        StagedStream(
            stream=item.name,
            table=item.table,
            write=item.write,
            primary_key=_find_key(pipeline, table=item.table),
            emitted=emitted[item.name],
            staged=staged.get(item.table, 0),
        )
        for item in connector.streams
    )


def _find_key(pipeline: Pipeline, *, table: str) -> tuple[str, ...]:
    """Return the primary key as the table has it: normalised, and the source's own too."""
    columns = pipeline.default_schema.tables.get(table, {}).get("columns", {})
    return tuple(name for name, column in columns.items() if column.get("primary_key"))


def _count(resource: Any, *, name: str, emitted: Counter[str], progress: Progress) -> None:
    armed = is_armed("extract")

    def count(item: Any) -> Any:
        # Arrow tables and data frames come whole; everything else row by row.
        rows = getattr(item, "shape", _ONE_ROW)[0]
        emitted[name] += rows
        progress.advance("extract", name, rows=rows)
        if armed and emitted[name] > 1:
            fault_point("extract")
        return item

    # 1: right after the resource itself, before the incremental step drops rows.
    resource.add_map(count, insert_at=1)
