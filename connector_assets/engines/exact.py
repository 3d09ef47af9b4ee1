"""The type contract of dlt's engine: what a resource gives is checked before dlt stages it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dlt
from dlt.common.libs import is_pandas_frame, is_polars_frame
from dlt.common.libs.pyarrow import is_arrow_item

from connector_assets.engines.exact_arrow import ArrowCheck
from connector_assets.engines.exact_rows import RowCheck
from connector_assets.engines.exact_values import ValueRefusedError, is_scalar, open_value
from connector_assets.model import Stream

#: As deep as dlt makes tables, unless a resource or its source says otherwise.
_NESTING = 1000


def add_checks(source: Any, *, streams: tuple[Stream, ...], of: Any) -> None:
    """Add the check to each stream's resource; ``of`` is the pipeline that will stage them.

    Rows pass as they are, or are refused. A table passes with its columns cast to the types that
    hold the same values in the destination, or is refused. In both cases with a BadRecord.
    """
    stored = of.schemas[source.name].tables if source.name in of.schema_names else {}
    known = {name: table["columns"] for name, table in stored.items()}
    for stream in streams:
        resource = source.resources[stream.name]
        limits = (resource.max_table_nesting, source.max_table_nesting, _NESTING)
        rows = RowCheck(
            stream,
            known=known,
            declared=resource.compute_table_schema().get("columns", {}),
            nesting=next(each for each in limits if each is not None),
        )
        # The last step: those of the source's own may mend a value.
        resource.add_map(_build_check(rows, ArrowCheck(stream)))


def _build_check(rows: RowCheck, tables: ArrowCheck) -> Callable[[Any], Any]:
    def check(item: Any) -> Any:
        if isinstance(item, dict):
            zones = rows.check(item)
            return _mark(item, zones) if zones else item
        found = _to_arrow(item)
        if found is not None:
            return _mark(*tables.check(found))
        return _mark(item, rows.check(_open_row(item)))

    return check


def _open_row(item: Any) -> Mapping[str, Any]:
    """Return the row that dlt makes later of a model, a dataclass, or a value that is none."""
    try:
        opened = item if is_scalar(item) else open_value(item)
    except ValueRefusedError:
        opened = item
    return opened if isinstance(opened, Mapping) else {"value": item}


def _mark(item: Any, zones: Mapping[str, bool]) -> Any:
    """Tell dlt, with an item, which of its times have a zone from now on."""
    if not zones:
        return item
    columns: Any = {
        name: {"name": name, "data_type": "timestamp", "timezone": zone}
        for name, zone in zones.items()
    }
    return dlt.mark.with_hints(item, dlt.mark.make_hints(columns=columns))


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
