"""Tables of a database as dlt resources, each value read exactly or refused.

dlt's own defaults would change some on the way: rows as dictionaries turn NaN into NULL and an
empty binary into another character; parsed JSON loses digits; a time loses its offset. So tables
are read as Arrow, and what neither Arrow nor dlt holds comes as the database's own text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from dlt.sources.credentials import ConnectionStringCredentials
from dlt.sources.sql_database import TableLoader, engine_from_credentials, sql_table
from dlt.sources.sql_database.arrow_helpers import row_tuples_to_arrow
from dlt.sources.sql_database.schema_types import sqla_col_to_column_schema
from sqlalchemy.engine.reflection import ObjectKind

from connector_assets.engines.arrow_batches import read_ahead
from connector_assets.engines.postgres_copy import CannotCopyError, plan_copy, read_copy
from connector_assets.engines.sql_columns import adapt_query, adapt_type, ask_for_nothing
from connector_assets.engines.telling import tell


def build_table(options: Mapping[str, Any], *, rows: bool = True) -> Any:
    """Return the resource of one table or view; ``options`` are those of dlt's ``sql_table``.

    Connects to the database for the table's structure. Without ``rows`` it gives none.
    """
    given: dict[str, Any] = {
        "backend": "pyarrow",
        # What connects a driver with options of its own is not known elsewhere.
        "table_loader_class": _Copier if rows and "engine_kwargs" not in options else _Loader,
        "type_adapter_callback": adapt_type,
        "query_adapter_callback": adapt_query if rows else ask_for_nothing,
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
            yield self._build_empty(names, backend_kwargs)

    def _build_empty(self, names: list[str], backend_kwargs: dict[str, Any]) -> Any:
        columns = {name: self.columns.get(name, {"name": name}) for name in names}
        return row_tuples_to_arrow([], columns=columns, tz=backend_kwargs.get("tz", "UTC"))


class _Copier(_Loader):
    """Reads tables of PostgreSQL by COPY where that is exact, and row by row where it is not."""

    def _load_rows(self, query: Any, backend_kwargs: dict[str, Any]) -> Iterator[Any]:
        if self.engine.dialect.name != "postgresql" or self.backend != "pyarrow":
            yield from super()._load_rows(query, backend_kwargs)
            return
        tables = self._copy(query, backend_kwargs)
        try:
            first = next(tables)
        except CannotCopyError as reason:
            text = f"table {self.table.name!r} is read row by row, which is slower: {reason}"
            tell(text, source="engine")
            tables = super()._load_rows(query, backend_kwargs)
        else:
            yield first
        yield from tables

    def _copy(self, query: Any, backend_kwargs: dict[str, Any]) -> Iterator[Any]:
        if backend_kwargs:
            raise CannotCopyError("`backend_kwargs` are the driver's")
        copy = plan_copy(
            query,
            self.table,
            engine=self.engine,
            schema=self._build_empty(list(self.table.columns.keys()), {}).schema,
            values=(self.last_value, self.end_value),
        )
        yield from read_ahead(read_copy(copy))
