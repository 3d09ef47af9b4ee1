"""A query of PostgreSQL read as Arrow: COPY in binary, by DuckDB's extension, no row in Python.

Its reader is fast, and changes some values without a word: NaN in a decimal becomes 0, decimals
without declared digits become doubles, char(n) loses its blanks, real becomes another double. Such
columns are selected in a form that it keeps, or are guarded; where there is none, nothing is read
this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn, TypeGuard

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connector_assets.destinations.postgres_query import fetch_batches
from connector_assets.engines.arrow_batches import build_empty, gather
from connector_assets.engines.sql_columns import MOST_DIGITS, Query, select_text
from connector_assets.errors import BadRecord

#: Drivers that are libpq themselves: what connects one of them connects DuckDB's extension.
_DRIVERS = ("psycopg", "psycopg2")
_LITERALS = (int, float, Decimal, str, date)
_AS_THEY_ARE = (sa.Integer, sa.Boolean, sa.LargeBinary, sa.DateTime, sa.Date, sa.Time, sa.Double)
_NAN: sa.ColumnElement[Any] = sa.literal_column("'NaN'::numeric")
_FIX = "Leave the column out with `excluded_columns`, or read a view that casts it."


class CannotCopyError(Exception):
    """A query that cannot be read this way, with the reason; no row of it has been read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A query, and what its rows become: the columns of ``schema``, in that order.

    ``sql`` gives one column more: which of the ``guarded`` ones has a NaN in the row.
    """

    conninfo: str = field(repr=False)
    sql: str = field(repr=False)
    schema: pa.Schema
    guarded: tuple[str, ...]


def plan_copy(
    query: Query, table: sa.Table, *, engine: Engine, schema: pa.Schema, values: tuple[Any, ...]
) -> Copy:
    """Return how a query of all columns of ``table`` is copied; connects to nothing.

    ``schema`` is what the rows have to become, ``values`` are those in the query's conditions.

    Raises:
        CannotCopyError: There is a column that would not arrive as it is, or a condition that
            cannot be written down, or the driver connects by other means.
    """
    selected, guarded = [], []
    for column in table.columns:
        selected.append(_select(column, engine).label(column.name))
        if _is_decimal(column.type) and column.type.precision:
            guarded.append(column)
    if any(value is not None and not isinstance(value, _LITERALS) for value in values):
        raise CannotCopyError("its cursor stands at a value that has no literal")
    cases = [(column == _NAN, index) for index, column in enumerate(guarded)]
    guard = sa.case(*cases) if cases else sa.null()
    full = query.with_only_columns(*selected, sa.cast(guard, sa.Integer).label(_name_guard(table)))
    try:
        compiled = full.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})
    except (sa.exc.CompileError, NotImplementedError, TypeError, ValueError) as error:
        raise CannotCopyError("its query cannot be written without parameters") from error
    return Copy(
        conninfo=_build_conninfo(engine),
        # The compiler doubles each % for a driver that fills in values.
        sql=str(compiled) % (),
        schema=pa.schema([schema.field(column.name) for column in table.columns]),
        guarded=tuple(column.name for column in guarded),
    )


def read_copy(copy: Copy) -> Iterator[pa.Table]:
    """Yield the rows as tables, one without rows if there are none; connects when it is begun.

    Raises:
        CannotCopyError: The first rows could not be read.
        BadRecord: A value would not arrive as it is.
        sqlalchemy.exc.DBAPIError: The database failed later.
    """
    rows = 0
    try:
        for table in gather(fetch_batches(copy.sql, conninfo=copy.conninfo)):
            yield _convert(table, copy, before=rows)
            rows += table.num_rows
    except OSError as error:
        if not rows:
            raise CannotCopyError(f"COPY failed: {error}") from error
        _raise_failure(str(error))
    if not rows:
        yield build_empty(copy.schema)


def _select(column: sa.Column[Any], engine: Engine) -> sa.ColumnElement[Any]:
    """Return the form of a column that DuckDB's reader keeps."""
    kind = column.type
    text = select_text(column, engine.dialect)
    if text is not None:
        return text
    if isinstance(kind, _AS_THEY_ARE) or type(kind) in (sa.TEXT, sa.VARCHAR):
        return column
    if isinstance(kind, sa.CHAR):
        # A cast to text would take its blanks too.
        return sa.func.textin(sa.func.bpcharout(column))
    if isinstance(kind, sa.String | sa.Uuid):
        return sa.cast(column, sa.Text)
    if isinstance(kind, sa.Float):
        # The double of the digits that the database shows, as a driver that reads text has it.
        return sa.cast(sa.cast(column, sa.Text), sa.Double)
    if _is_decimal(kind):
        return column if kind.precision else sa.cast(column, sa.Text)
    raise CannotCopyError(f"column {column.name!r} is {kind}")


def _is_decimal(kind: Any) -> TypeGuard[sa.Numeric[Any]]:
    """Tell whether a type is of decimals that DuckDB has too."""
    if not isinstance(kind, sa.Numeric) or not kind.asdecimal:
        return False
    return kind.precision is None or 0 <= (kind.scale or 0) <= kind.precision <= MOST_DIGITS


def _name_guard(table: sa.Table) -> str:
    name = "nan_in"
    while name in table.columns:
        name += "_"
    return name


def _build_conninfo(engine: Engine) -> str:
    if engine.dialect.name != "postgresql" or engine.driver not in _DRIVERS:
        raise CannotCopyError(f"the driver {engine.driver} has no COPY that is known here")
    _, options = engine.dialect.create_connect_args(engine.url)
    # Text in another encoding would come as it is.
    words = {key: value for key, value in options.items() if isinstance(value, str | int)}
    given = {**words, "client_encoding": "UTF8"}
    return " ".join(f"{key}={_escape(str(value))}" for key, value in given.items())


def _escape(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _convert(table: pa.Table, copy: Copy, *, before: int) -> pa.Table:
    *columns, guard = table.columns
    if guard.null_count < len(guard):
        index = pc.index(pc.is_valid(guard), value=True).as_py()
        name = copy.guarded[guard[index].as_py()]
        raise BadRecord(
            f"column {name!r} holds NaN, which a decimal cannot hold unchanged",
            place=f"row {before + index + 1}",
            fix=_FIX,
        )
    arrays = [
        _cast(column, each, before=before)
        for column, each in zip(columns, copy.schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=copy.schema)


def _cast(column: pa.ChunkedArray, to: pa.Field, *, before: int) -> pa.ChunkedArray:
    try:
        return column.cast(to.type)
    except pa.ArrowInvalid as error:
        failed = (at for at in range(len(column)) if not _casts(column.slice(at, 1), to.type))
        raise BadRecord(
            f"column {to.name!r} has a value that {to.type} cannot hold unchanged",
            place=f"row {before + next(failed) + 1}",
            fix=_FIX,
        ) from error


def _casts(value: pa.ChunkedArray, kind: pa.DataType) -> bool:
    with suppress(pa.ArrowInvalid):
        value.cast(kind)
        return True
    return False


def _raise_failure(words: str) -> NoReturn:
    """Raise what the driver would have raised."""
    lost = ("connection", "terminat", "cancel", "SSL", "timeout")
    kind = sa.exc.OperationalError if any(word in words for word in lost) else sa.exc.DataError
    raise kind(None, None, RuntimeError(words))
