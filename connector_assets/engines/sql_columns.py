"""How each column of a table is selected, so that its values arrive unchanged.

What neither Arrow nor dlt holds comes as the database's own text.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.types import TypeEngine, UserDefinedType

from connector_assets.errors import BadRecord

Query: TypeAlias = sa.Select[Any]
# Of DuckDB's decimals; a column with more comes as text.
MOST_DIGITS = 38
# What dlt maps to a type of its own; everything else it would guess from the first values.
_MAPPED = (
    sa.Uuid,
    sa.Numeric,
    sa.Integer,
    sa.String,
    sa.LargeBinary,
    sa.types._Binary,
    sa.DateTime,
    sa.Date,
    sa.Time,
    sa.JSON,
    sa.ARRAY,
    sa.Boolean,
)


def adapt_type(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type that decides the column's: text for what comes as the database's text."""
    return sa.Text() if _comes_as_text(kind) else kind


def adapt_query(query: Query, table: sa.Table, _incremental: object, engine: Engine) -> Query:
    """Return the query with each column selected so that its values arrive unchanged."""
    return query.with_only_columns(*(_select(column, engine.dialect) for column in table.columns))


def ask_for_nothing(query: Query, table: sa.Table, incremental: object, engine: Engine) -> Query:
    """Return the query without its rows."""
    return adapt_query(query, table, incremental, engine).limit(0)


def _comes_as_text(kind: TypeEngine[Any]) -> bool:
    if isinstance(kind, sa.Numeric):
        return bool(kind.asdecimal) and (kind.precision or 0) > MOST_DIGITS
    if isinstance(kind, sa.Time):
        return kind.timezone
    return not isinstance(kind, _MAPPED)


def _select(column: sa.Column[Any], dialect: Dialect) -> sa.ColumnElement[Any]:
    selected = select_text(column, dialect)
    if selected is None:
        selected = _check_stored(column) if dialect.name == "sqlite" else column
    return selected.label(column.name)


def select_text(column: sa.Column[Any], dialect: Dialect) -> sa.ColumnElement[Any] | None:
    """Return the text that a column arrives as; None where it arrives as what it is."""
    if isinstance(column.type, sa.ARRAY) and dialect.name == "postgresql":
        return sa.cast(sa.func.to_json(column), sa.Text)
    if isinstance(column.type, sa.JSON) or _comes_as_text(column.type):
        return sa.cast(column, sa.Text)
    return None


def _check_stored(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return a column of SQLite, which stores anything anywhere, with its values compared."""
    if isinstance(column.type, sa.Integer):
        return sa.type_coerce(column, _Whole(column.name))
    if isinstance(column.type, sa.Numeric) and column.type.asdecimal:
        return sa.type_coerce(column, _Exact(column.name))
    return column


class _Stored(UserDefinedType[Any]):
    """Values as SQLite has stored them, those of another kind refused."""

    wanted: ClassVar[tuple[type, ...]] = ()

    def __init__(self, column: str) -> None:
        self.column = column

    def result_processor(self, _dialect: Dialect, _coltype: object) -> Callable[[Any], Any]:
        """Return what is applied to each value."""
        return self._convert

    def _convert(self, value: Any) -> Any:
        if value is None or type(value) in self.wanted:
            return value
        raise BadRecord(
            f"column {self.column!r} holds a {type(value).__name__} where its type says otherwise",
            fix="Read a view that casts it, or leave it out with `excluded_columns`.",
        )


class _Whole(_Stored):
    """Integers: Arrow would make 1 of 1.5."""

    cache_ok = True
    wanted = (int,)


class _Exact(_Stored):
    """Decimals: SQLAlchemy would round them to the declared scale."""

    cache_ok = True
    wanted = (int, float)

    def _convert(self, value: Any) -> Decimal | None:
        number = super()._convert(value)
        return None if number is None else Decimal(repr(number))
