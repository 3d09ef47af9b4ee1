"""Runs transactions on the ledger's database: each is whole, and retried for a bounded time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

import sqlalchemy as sa
import tenacity

from connector_assets.errors import ConfigError, ConnectorError, LedgerUnreachable
from connector_assets.ledger.address import build_engine, parse_url, render_place

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Result = TypeVar("Result")
Work = Callable[[sa.Connection], Result]

# Serialization, deadlock, lock timeout, too many connections, shutting down, starting up.
_PASSING = {"40001", "40P01", "55P03", "53300", "57P01", "57P02", "57P03", "25P03"}
_REFUSED = ("authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied")
_LOCKED = ("database is locked", "database table is locked", "database schema is locked")


class Database:
    """One ledger database.

    Everything that reaches it goes through :meth:`read` or :meth:`write`. A transaction whose
    COMMIT was answered by a broken connection runs again, so work must be repeatable.
    """

    def __init__(self, url: str, *, wait: float = 10.0) -> None:
        """Prepare, without connecting; ``wait`` is in seconds.

        Raises:
            ConfigError: The URL is of no database that the ledger runs on.
        """
        address = parse_url(url)
        self.place = render_place(address)
        self.wait = wait
        self.engine = build_engine(address, wait=wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def read(self, work: Work[Result]) -> Result:
        """Return what ``work`` returns, from one consistent snapshot on SQLite.

        Raises:
            LedgerUnreachable: The database did not answer within the bounded wait.
            ConfigError: It refuses the user.
        """
        return self._attempt(work, writes=False)

    def write(self, work: Work[Result]) -> Result:
        """Run ``work`` in one transaction and commit it; roll all of it back if it raises.

        On SQLite the transaction is the only writer from its first statement on; on PostgreSQL
        rows that decide something must be read ``FOR UPDATE``.

        Raises:
            LedgerUnreachable: The database did not answer within the bounded wait.
            ConfigError: It refuses the user.
        """
        return self._attempt(work, writes=True)

    def _attempt(self, work: Work[Result], *, writes: bool) -> Result:
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_delay(self.wait),
            wait=tenacity.wait_random_exponential(multiplier=0.02, max=1.0),
            retry=tenacity.retry_if_exception(_is_passing),
            reraise=True,
        )
        try:
            result: Result = retrying(self._run, work, writes=writes)
        except sa.exc.DBAPIError as error:
            raise self._explain(error) from error
        return result

    def _run(self, work: Work[Result], *, writes: bool) -> Result:
        connecting = self.engine.connect().execution_options(writes=writes)
        with connecting as connection, connection.begin():
            return work(connection)

    def _explain(self, error: sa.exc.DBAPIError) -> Exception:
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no answer"
        if any(sign in reason for sign in _REFUSED) or "not a database" in reason:
            return ConfigError(
                f"the ledger's database refuses: {reason}",
                place=self.place,
                fix="Correct `ledger:` in connectors.yaml, or the rights of its user",
            )
        if not isinstance(error, sa.exc.OperationalError) and not _is_passing(error):
            return error
        return self.unreachable(reason)

    def unreachable(self, reason: str) -> ConnectorError:
        """Return the error for a database that did not answer in time."""
        return LedgerUnreachable(
            f"the ledger cannot be used: {reason}",
            place=self.place,
            fix="Nothing was changed; see to the database or correct `ledger:`, then try again",
        )


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    *,
    values: Mapping[str, Any],
    update: Sequence[str] = (),
) -> bool:
    """Insert a row; where its primary key exists, set the ``update`` columns or do nothing.

    Returns:
        Whether a row was inserted or updated.
    """
    statement = _insert(connection, table).values(**values)
    keys = [column.name for column in table.primary_key.columns]
    if update:
        new = {name: statement.excluded[name] for name in update}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=new)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    # Not rowcount: SQLAlchemy does not promise it for an INSERT.
    return connection.execute(statement.returning(*table.primary_key.columns)).first() is not None


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    # A dialect takes 40 ms to import; the one in use is loaded already.
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def read_clock(connection: sa.Connection) -> datetime:
    """Return the time that all users of this ledger share.

    PostgreSQL's own clock, because its users are several machines; on SQLite they are one.
    """
    if connection.dialect.name == "postgresql":
        now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return now.astimezone(UTC)
    return datetime.now(UTC)


def _is_passing(error: BaseException) -> bool:
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _PASSING:
        return True
    reason = str(error.orig)
    if any(sign in reason for sign in _LOCKED):
        return True
    # psycopg gives no code to a connection that was never made; SQLite knows no codes at all.
    unmade = isinstance(error, sa.exc.OperationalError) and _has_no_code(error.orig)
    return unmade and not any(sign in reason for sign in _REFUSED)


def _has_no_code(error: BaseException | None) -> bool:
    return getattr(error, "sqlstate", "absent") is None
