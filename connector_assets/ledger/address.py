"""What a ledger URL means: which database, by which driver, opened how."""

from __future__ import annotations

import json
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from connector_assets.errors import ConfigError

_EXAMPLES = "Write sqlite:////absolute/path/ledger.db or postgresql://user@host/database"
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


def parse_url(url: str) -> URL:
    """Return the URL with its driver written out.

    Raises:
        ConfigError: It is not a URL, or of a database the ledger does not run on.
    """
    try:
        parsed = make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The parser's own words can hold a part of the password.
        raise ConfigError("the ledger's URL cannot be read", fix=_EXAMPLES) from None
    if parsed.drivername in _POSTGRES:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    raise ConfigError(
        f"the ledger cannot run on {parsed.drivername!r} (database {parsed.database!r})",
        fix=_EXAMPLES,
    )


def render_place(url: URL) -> str:
    """Return the URL as messages may show it: no password, no driver, no options."""
    plain = URL.create(
        url.get_backend_name(),
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
    )
    return plain.render_as_string()


def build_engine(url: URL, *, wait: float) -> sa.Engine:
    """Return an engine that has not connected yet; ``wait`` (seconds) bounds each wait of it.

    Raises:
        ConfigError: PostgreSQL's driver is not installed, or the ledger's folder cannot be made.
    """
    if url.get_backend_name() == "sqlite":
        return _build_sqlite(url, wait=wait)
    return _build_postgres(url, wait=wait)


def _create(url: URL, *, connect_args: dict[str, Any]) -> sa.Engine:
    # hide_parameters: a plan or a state must not come out in a message.
    return sa.create_engine(
        url,
        connect_args=connect_args,
        hide_parameters=True,
        json_serializer=partial(json.dumps, allow_nan=False),
    )


def _build_sqlite(url: URL, *, wait: float) -> sa.Engine:
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the ledger's folder cannot be made: {error.strerror}",
            place=str(folder),
            fix="Correct `ledger:` in connectors.yaml or the folder's permissions",
        ) from error
    engine = _create(url, connect_args={"timeout": wait})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own implicit BEGIN would leave table definitions outside transactions.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    # Tokens never come again and alerts go out once also after a power cut: FULL, not NORMAL.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that reads and then writes can fail without waiting (SQLITE_BUSY).
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _build_postgres(url: URL, *, wait: float) -> sa.Engine:
    seconds = max(2, int(wait / 2))
    options = {"connect_timeout": seconds, "tcp_user_timeout": seconds * 1000}
    options = {key: value for key, value in options.items() if key not in url.query}
    try:
        engine = _create(url, connect_args={**options, "application_name": "connectors"})
    except ImportError as error:
        raise ConfigError(
            "the driver of PostgreSQL (psycopg) is not installed",
            place=render_place(url),
            fix="Install `connector-assets[postgres]`",
        ) from error
    # A stopped process must not hold a row against all others for ever.
    limits = {
        "lock_timeout": int(wait * 1000),
        "statement_timeout": int(wait * 3000),
        "idle_in_transaction_session_timeout": int(wait * 3000),
    }
    sa.event.listen(engine, "connect", partial(_limit_postgres, limits=limits))
    return engine


def _limit_postgres(connection: Any, _record: object, *, limits: dict[str, int]) -> None:
    with connection.cursor() as cursor:
        for name, milliseconds in limits.items():
            cursor.execute(f"SET {name} = {milliseconds}")
    connection.commit()
