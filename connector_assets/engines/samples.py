"""What a person sees of a drift's rows: how many it concerns, and the masked shape of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from connector_assets.audit.drift import Drift
from connector_assets.model import DriftKind
from connector_assets.singer.messages import mask

#: Rows that are shown of each drift, and the columns of each.
_ROWS, _COLUMNS = 3, 6
_VARIANT = "__v_"
_PLATFORM = ("_dlt_", "_singer_")
#: Drift that shows in the rows that have a value; other drift shows in any row.
_BY_VALUE = frozenset({DriftKind.COLUMN_ADDED, DriftKind.TYPE_CHANGED, DriftKind.TYPE_WIDENED})


def sample_drift(
    package: Path, drift: Drift, *, table: str, key: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Return the rows of a package that a drift is about, counted and masked; None for none.

    ``rows`` it concerns, ``of`` all rows of the table, ``shown``: up to three of them as they came,
    the shapes of their values by column, the drifted column and the ``key`` first.
    """
    files = [str(file) for file in sorted(package.glob(f"*/load/normalized/*/new_jobs/{table}.*"))]
    # A tenth of a second to import: only where there is something to show.
    from pyarrow import ArrowInvalid

    try:
        return _read_sample(files, drift, key=key) if files else None
    except ArrowInvalid:
        # Files of types that have nothing in common: what is judged does not depend on this.
        return None


def _read_sample(files: Sequence[str], drift: Drift, *, key: Sequence[str]) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.dataset as pds
    import pyarrow.parquet as pq

    schema = pa.unify_schemas([pq.read_schema(file) for file in files])
    dataset = pds.dataset(files, schema=schema, format="parquet")
    column = drift.column[0] if drift.column else ""
    about = _find_columns(schema.names, column, kind=drift.kind)
    there = [pds.field(name).is_valid() for name in about if drift.kind in _BY_VALUE]
    where = reduce(or_, there) if there else None
    names = [name for name in schema.names if not name.startswith(_PLATFORM)]
    head = dataset.scanner(columns=names, filter=where).head(_ROWS)
    first = [name for name in (column, *key) if name]
    return {
        "rows": dataset.count_rows(filter=where),
        "of": dataset.count_rows(),
        "shown": [_mask(row, first=first) for row in head.to_pylist()],
    }


def _find_columns(names: Sequence[str], column: str, *, kind: DriftKind) -> list[str]:
    """Return the file's columns that a drift is about: a type that came beside the usual, alone."""
    variants = [name for name in names if name.startswith(f"{column}{_VARIANT}")]
    if kind is DriftKind.TYPE_CHANGED and variants:
        return variants
    return [name for name in (column, *variants) if name in names]


def _mask(row: Mapping[str, Any], *, first: Sequence[str]) -> dict[str, str | None]:
    """Return the shapes of a row's values, those of ``first`` before others, in few columns."""
    values: dict[str, Any] = dict.fromkeys(first)
    for name, value in row.items():
        column = name.partition(_VARIANT)[0]
        values[column] = value if value is not None else values.get(column)
    shown = list(values.items())[: max(_COLUMNS, len(first))]
    return {name: None if value is None else mask(str(value)) for name, value in shown}
