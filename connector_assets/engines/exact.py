"""The type contract of dlt's engine: what a resource gives is checked before dlt stages it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dlt.common.libs import is_pandas_frame, is_polars_frame
from dlt.common.libs.pyarrow import is_arrow_item

from connector_assets.engines.exact_arrow import ArrowCheck
from connector_assets.engines.exact_rows import RowCheck
from connector_assets.engines.exact_values import open_value

#: As deep as dlt makes tables, unless a resource or its source says otherwise.
_NESTING = 1000


def add_checks(source: Any, *, tables: Mapping[str, str], of: Any) -> None:
    """Add the check to each stream's resource; ``tables`` are theirs, ``of`` is the pipeline.

    Rows pass as they are, or are refused. A table passes with its columns cast to the types that
    hold the same values in the destination, or is refused. In both cases with a BadRecord.
    """
    stored = of.schemas[source.name].tables if source.name in of.schema_names else {}
    known = {name: table["columns"] for name, table in stored.items()}
    for stream, table in tables.items():
        resource = source.resources[stream]
        limits = (resource.max_table_nesting, source.max_table_nesting, _NESTING)
        rows = RowCheck(
            stream,
            table=table,
            known=known,
            declared=resource.compute_table_schema().get("columns", {}),
            nesting=next(each for each in limits if each is not None),
        )
        # The last step: those of the source's own may mend a value.
        resource.add_map(_build_check(rows, ArrowCheck(stream)))


def _build_check(rows: RowCheck, tables: ArrowCheck) -> Callable[[Any], Any]:
    def check(item: Any) -> Any:
        if isinstance(item, dict):
            rows.check(item)
            return item
        found = _to_arrow(item)
        if found is not None:
            return tables.check(found)
        # A model or a dataclass, which dlt turns into a row later.
        opened = open_value(item)
        if isinstance(opened, dict):
            rows.check(opened)
        return item

    return check


def _to_arrow(item: Any) -> Any:
    if is_arrow_item(item):
        return item
    if is_pandas_frame(item):
        from dlt.common.libs.pandas import pandas_to_arrow

        return pandas_to_arrow(item)
    if is_polars_frame(item):
        from dlt.common.libs.polars import polars_to_arrow

        return polars_to_arrow(item)
    return None
