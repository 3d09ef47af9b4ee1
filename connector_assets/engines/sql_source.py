"""Tables of a database as dlt resources, each value read exactly or refused.

dlt's own defaults would change some on the way: rows as dictionaries turn NaN into NULL and an
empty binary into another character; parsed JSON loses digits; a time loses its offset. So tables
are read as Arrow, and what neither Arrow nor dlt holds comes as the database's own text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar

import sqlalchemy as sa
from dlt.sources.credentials import ConnectionStringCredentials
from dlt.sources.sql_database import TableLoader, engine_from_credentials, sql_table
from dlt.sources.sql_database.arrow_helpers import row_tuples_to_arrow
from dlt.sources.sql_database.schema_types import sqla_col_to_column_schema
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.types import TypeEngine, UserDefinedType

from connector_assets.errors import BadRecord

_Query = sa.Select[Any]
# Of DuckDB's decimals; a column with more comes as text.
_MOST_DIGITS = 38
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


def build_table(options: Mapping[str, Any], *, rows: bool = True) -> Any:
    """Return the resource of one table or view; ``options`` are those of dlt's ``sql_table``.

    Connects to the database for the table's structure. Without ``rows`` it gives none.
    """
    given: dict[str, Any] = {
        "backend": "pyarrow",
        "table_loader_class": _Loader,
        "type_adapter_callback": adapt_type,
        "query_adapter_callback": adapt_query if rows else _ask_for_nothing,
    }
    # A connection ends with its use, also where that fails.
    engine = {"poolclass": sa.NullPool, **(options.get("engine_kwargs") or {})}
    told: dict[str, Any] = {}
    given["table_adapter_callback"] = lambda table: told.update(_list_comments(table))
    resource = sql_table(**{**given, **options, "engine_kwargs": engine})
    return resource.apply_hints(columns=told) if told else resource


def _list_comments(table: sa.Table) -> dict[str, Any]:
    return {
        column.name: {"name": column.name, "description": column.comment}
        for column in table.columns
        if column.comment
    }


def list_tables(credentials: Any, *, schema: str | None) -> dict[str, dict[str, Any]]:
    """Return dlt's columns of every table and view of a schema, by name; keys are marked."""
    inspector = _inspect(credentials)
    keys: Any = inspector.get_multi_pk_constraint(schema=schema, kind=ObjectKind.ANY)
    found = {}
    for place, columns in inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY).items():
        key = (keys.get(place) or {}).get("constrained_columns") or ()
        found[place[1]] = {
            column["name"]: {**_describe(column), "primary_key": column["name"] in key}
            for column in columns
        }
    return found


def has_table(options: Mapping[str, Any]) -> bool:
    """Tell whether the table or view of a stream's options is in the database."""
    inspector = _inspect(options.get("credentials"))
    return bool(inspector.has_table(str(options["table"]), schema=options.get("schema")))


def _inspect(credentials: Any) -> Any:
    if isinstance(credentials, Mapping):
        credentials = ConnectionStringCredentials(dict(credentials))
    return sa.inspect(engine_from_credentials(credentials, poolclass=sa.NullPool))


def _describe(column: Any) -> dict[str, Any]:
    plain: sa.Column[Any] = sa.Column(column["name"], column["type"], nullable=column["nullable"])
    told = {"description": column["comment"]} if column.get("comment") else {}
    return {**(sqla_col_to_column_schema(plain, "full", adapt_type) or {}), **told}


class _Loader(TableLoader):
    """Gives a table without rows its columns: dlt makes none for a resource that yields nothing."""

    def _convert_result(self, result: Any, backend_kwargs: dict[str, Any]) -> Iterator[Any]:
        names = list(result.keys())
        found = False
        for rows in super()._convert_result(result, backend_kwargs):
            found = True
            yield rows
        if not found and self.backend == "pyarrow":
            columns = {name: self.columns.get(name, {"name": name}) for name in names}
            yield row_tuples_to_arrow([], columns=columns, tz=backend_kwargs.get("tz", "UTC"))


def adapt_type(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type that decides the column's: text for what comes as the database's text."""
    return sa.Text() if _comes_as_text(kind) else kind


def adapt_query(query: _Query, table: sa.Table, _incremental: object, engine: Engine) -> _Query:
    """Return the query with each column selected so that its values arrive unchanged."""
    return query.with_only_columns(*(_select(column, engine.dialect) for column in table.columns))


def _ask_for_nothing(query: _Query, table: sa.Table, incremental: object, engine: Engine) -> _Query:
    return adapt_query(query, table, incremental, engine).limit(0)


def _comes_as_text(kind: TypeEngine[Any]) -> bool:
    if isinstance(kind, sa.Numeric):
        return bool(kind.asdecimal) and (kind.precision or 0) > _MOST_DIGITS
    if isinstance(kind, sa.Time):
        return kind.timezone
    return not isinstance(kind, _MAPPED)


def _select(column: sa.Column[Any], dialect: Dialect) -> sa.ColumnElement[Any]:
    selected: sa.ColumnElement[Any] = column
    if isinstance(column.type, sa.ARRAY) and dialect.name == "postgresql":
        selected = sa.cast(sa.func.to_json(column), sa.Text)
    elif isinstance(column.type, sa.JSON) or _comes_as_text(column.type):
        selected = sa.cast(column, sa.Text)
    elif dialect.name == "sqlite":
        selected = _check_stored(column)
    return selected.label(column.name)


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
