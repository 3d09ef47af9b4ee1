"""The dlt engine: stages a connector's source and counts what its resources emitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector_assets.destinations.load import StagedStream
from connector_assets.engines.sources import build_source
from connector_assets.engines.staging import stage
from connector_assets.faults import fault_point

if TYPE_CHECKING:
    from dlt import Pipeline

    from connector_assets.model import Connector


def stage_dlt(
    connector: Connector, *, pipeline: Pipeline, secrets: Mapping[str, str]
) -> tuple[StagedStream, ...]:
    """Stage every stream of a connector in the pipeline's working directory; load nothing.

    ``emitted`` counts what each resource gave, before incremental de-duplication; ``staged`` what
    the package holds of its root table.

    Raises:
        ConfigError: The source or one of its streams is not there.
    """
    source = build_source(connector, secrets=secrets)
    emitted: Counter[str] = Counter()
    for item in connector.streams:
        _count(source.resources[item.name], name=item.name, emitted=emitted)
    staged = stage(pipeline, source)
    return tuple(
        StagedStream(
            stream=item.name,
            table=item.table,
            write=item.write,
            primary_key=item.primary_key,
            emitted=emitted[item.name],
            staged=staged.get(item.table, 0),
        )
        for item in connector.streams
    )


def _count(resource: Any, *, name: str, emitted: Counter[str]) -> None:
    def count(item: Any) -> Any:
        # Arrow tables and frames come whole; everything else row by row.
        emitted[name] += getattr(item, "num_rows", 1)
        fault_point("extract")
        return item

    # 1: right after the resource itself, before the incremental step drops rows.
    resource.add_map(count, insert_at=1)
