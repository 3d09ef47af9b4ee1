"""dlt's own load jobs over one shared connection inside one outer transaction.

The only module that touches dlt's internals: the sql clients of dlt 1.31's DuckDB and DuckLake
destinations are handed a connection and may neither open, begin, commit, roll back nor close it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.schema import Schema
from dlt.common.schema.utils import get_columns_names_with_prop
from dlt.destinations.exceptions import DatabaseTerminalException
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.impl.duckdb.factory import duckdb as duckdb_factory
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient
from dlt.destinations.impl.ducklake.configuration import (
    DuckLakeClientConfiguration,
    DuckLakeCredentials,
)
from dlt.destinations.impl.ducklake.ducklake import DuckLakeClient, DuckLakeMergeFollowupJob
from dlt.destinations.impl.ducklake.factory import ducklake as ducklake_factory
from dlt.destinations.impl.ducklake.sql_client import DuckLakeDBApiCursorImpl
from dlt.destinations.sql_client import raise_database_error
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from connector_assets.destinations.merging import count_shares, split_merge
from connector_assets.faults import fault_point
from connector_assets.limits import MEMORY
from connector_assets.model import DestinationKind

#: Where dlt's merges call the table ``d`` and its staged rows ``s``.
_ALIAS = re.compile(r'(?<![\w".])([ds])(?=[.\s])')


class _SharedConnection:
    """The connection of the running transaction; one per process and load."""

    connection: duckdb.DuckDBPyConnection | None = None
    #: What aborted the transaction: every later statement only says that it is aborted.
    error: duckdb.Error | None = None
    #: What merges keep to, in bytes.
    memory: int = MEMORY
    lock = threading.RLock()


class AtomicSqlClient(DuckDbSqlClient):
    """A sql client that lives inside somebody else's transaction."""

    _conn: Any

    def open_connection(self) -> duckdb.DuckDBPyConnection:
        """Take the shared connection."""
        connection = _SharedConnection.connection
        if connection is None:
            raise RuntimeError("no transaction is open: load inside shared_connection()")
        self._conn = connection
        return connection

    def close_connection(self) -> None:
        """Let go of the shared connection; it stays open."""
        self._conn = None

    @contextmanager
    def begin_transaction(self) -> Iterator[Any]:
        """Do nothing: the outer transaction is open."""
        yield self

    def commit_transaction(self) -> None:
        """Do nothing: the outer transaction commits once, at the end."""

    def rollback_transaction(self) -> None:
        """Do nothing: an error ends the outer transaction."""

    @contextmanager
    @raise_database_error
    def execute_query(self, query: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Run one statement; unlike dlt's, an error does not roll back behind our back."""
        parameters = args or kwargs or None
        text = query.replace("%s", "?") if parameters else query
        with _SharedConnection.lock:
            yield self.cursor_impl(_execute(self._conn, text, parameters))


def _execute(connection: Any, text: Any, parameters: Any) -> Any:
    try:
        return connection.execute(text, parameters)
    except duckdb.ProgrammingError:
        # A statement that was refused, such as one on a table that is not there; dlt asks so.
        raise
    except duckdb.Error as error:
        _SharedConnection.error = _SharedConnection.error or error
        # dlt takes some of these for transient, and would try the job again and again.
        raise DatabaseTerminalException(error) from error


class _LakeSqlClient(AtomicSqlClient):
    cursor_impl = DuckLakeDBApiCursorImpl


class _OurMerge:
    """A merge bounded in memory, whose aliases no column can have.

    DuckDB takes ``d."id"`` for a part of column d.

    With a JSON column ``d`` or ``s``, rows with the same key would stay, or the merge would fail.
    https://github.com/dlt-hub/dlt/blob/devel/dlt/destinations/sql_jobs.py
    """

    @classmethod
    def generate_sql(cls, table_chain: Any, sql_client: Any) -> list[str]:
        made: list[str] = super().generate_sql(table_chain, sql_client)  # type: ignore[misc] # dlt's
        clear = [_ALIAS.sub(r"_dlt_\1", statement) for statement in made]
        # Rows of a child table do not have the key.
        return _split(clear, table_chain[0], sql_client) if len(table_chain) == 1 else clear


def _split(statements: list[str], table: Any, sql_client: Any) -> list[str]:
    _, staged = sql_client.get_qualified_table_names(table["name"])
    # The client is not open yet when dlt makes the job.
    with _SharedConnection.lock:
        counted = _execute(_SharedConnection.connection, f"SELECT count(*) FROM {staged}", None)
        rows = int(counted.fetchone()[0])
    keys = get_columns_names_with_prop(table, "primary_key")
    columns, memory = len(table["columns"]), _SharedConnection.memory
    shares = count_shares(rows=rows, columns=columns, memory=memory)
    return split_merge(statements, staged=staged, keys=keys, shares=shares)


class _MergeJob(_OurMerge, SqlMergeFollowupJob):
    pass


class _LakeMergeJob(_OurMerge, DuckLakeMergeFollowupJob):
    pass


class _OurClient:
    """What both destinations' clients do otherwise; and where tests break a load."""

    merge_job: type[SqlMergeFollowupJob]
    sql_client: Any

    def _create_merge_followup_jobs(self, table_chain: Any) -> list[Any]:
        return [self.merge_job.from_table_chain(table_chain, self.sql_client)]

    def _get_column_def_sql(self, c: Any, table: Any = None) -> str:
        # Whether a column may be NULL is the lock's to say, and the gate's: a table that refuses
        # NULL could take no column that became NOT NULL, and no row after it is so no more.
        # https://github.com/dlt-hub/dlt/blob/devel/dlt/destinations/impl/duckdb/duck.py
        ours = c if c["name"].startswith("_dlt_") else {**c, "nullable": True}
        sql: str = super()._get_column_def_sql(ours, table)  # type: ignore[misc] # of dlt's client
        return sql

    def create_load_job(self, *args: Any, **kwargs: Any) -> Any:
        fault_point("first_load_job")
        return super().create_load_job(*args, **kwargs)  # type: ignore[misc] # of dlt's client

    def complete_load(self, load_id: str) -> None:
        fault_point("last_load_job")
        super().complete_load(load_id)  # type: ignore[misc] # of dlt's client


class _AtomicDuckDbClient(_OurClient, DuckDbClient):
    merge_job = _MergeJob

    def __init__(
        self,
        schema: Schema,
        config: DuckDbClientConfiguration,
        capabilities: DestinationCapabilitiesContext,
    ) -> None:
        super().__init__(schema, config, capabilities)
        theirs = self.sql_client
        self.sql_client = AtomicSqlClient(
            theirs.dataset_name, theirs.staging_dataset_name, config.credentials, capabilities
        )


class _AtomicDuckLakeClient(_OurClient, DuckLakeClient):
    merge_job = _LakeMergeJob

    def __init__(
        self,
        schema: Schema,
        config: DuckLakeClientConfiguration,
        capabilities: DestinationCapabilitiesContext,
    ) -> None:
        super().__init__(schema, config, capabilities)
        theirs = self.sql_client
        self.sql_client = _LakeSqlClient(
            theirs.dataset_name, theirs.staging_dataset_name, config.credentials, capabilities
        )


class _AtomicDuckDb(duckdb_factory):
    @property
    def client_class(self) -> type[DuckDbClient]:
        return _AtomicDuckDbClient


class _AtomicDuckLake(ducklake_factory):
    @property
    def client_class(self) -> type:
        return _AtomicDuckLakeClient


def build_destination(kind: DestinationKind, *, name: str, folder: Path) -> Any:
    """Return the dlt destination for one connector's pipeline; it opens no database by itself.

    The paths given to dlt below ``folder`` are never opened: connections come from
    :func:`shared_connection` alone.
    """
    if kind is DestinationKind.DUCKDB:
        return _AtomicDuckDb(f"{folder / 'never-opened.duckdb'}", destination_name=name)
    credentials = DuckLakeCredentials(
        ducklake_name=name,
        catalog=f"sqlite:///{folder / 'never-opened.sqlite'}",
        storage=f"{folder / 'never-opened'}",
    )
    return _AtomicDuckLake(credentials=credentials, destination_name=name)


@contextmanager
def shared_connection(
    connection: duckdb.DuckDBPyConnection, *, memory: int = MEMORY
) -> Iterator[None]:
    """Give every dlt client of this process ``connection`` for the length of the block.

    Merges are made in shares that ``memory``, in bytes, is enough for.

    Raises:
        duckdb.Error: What aborted the transaction, instead of what dlt made of it.
    """
    if _SharedConnection.connection is not None:
        raise RuntimeError("a load is already running in this process")
    _SharedConnection.connection, _SharedConnection.error = connection, None
    _SharedConnection.memory = memory
    try:
        yield
    except Exception as error:
        if _SharedConnection.error is not None:
            raise _SharedConnection.error from error
        raise
    finally:
        _SharedConnection.connection = None
