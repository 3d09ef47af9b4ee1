"""Brings a ledger's tables to this version of the code; costs one SELECT where they are."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from connector_assets.errors import ConfigError
from connector_assets.ledger import alert_tables, audit_tables, tables
from connector_assets.ledger.database import Database

# Every revision of migrations/versions, oldest first (a test compares the two).
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
MIGRATIONS = Path(__file__).parent / "migrations"

# Any number that no other program on the same PostgreSQL database locks: "conasset" in ASCII.
_LOCK = 0x636F6E6173736574
# Alembic's own: https://alembic.sqlalchemy.org/en/latest/api/runtime.html
_VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_SELECT = sa.select(_VERSION.c.version_num)
#: Whatever is declared is in one metadata, once its module is imported.
_TABLES = (tables.SYNCS, audit_tables.DRIFT, alert_tables.ALERTS)


def ensure_tables(database: Database, *, migrate: bool = True) -> None:
    """Make a new ledger's tables, migrate an older one; safe for processes that open it at once.

    Without ``migrate`` an older one is refused: installations before this one could not open it
    any more.

    Raises:
        ConfigError: A newer version of the code has written this ledger, or it is not to be
            migrated.
        LedgerUnreachable: The database did not answer within the bounded wait.
    """
    found = fetch_revision(database)
    if found == REVISIONS[-1]:
        return
    if found is not None and not migrate:
        raise ConfigError(
            f"the ledger is at revision {found!r}, and this installation needs {REVISIONS[-1]!r}",
            place=database.place,
            fix="In production it is not migrated by itself: when nothing older uses it any more, "
            "run connectors upgrade --apply",
        )
    database.write(_bring_up)


def fetch_revision(database: Database) -> str | None:
    """Return the revision of a ledger, one of :data:`REVISIONS`; None for one without tables.

    Raises:
        ConfigError: A newer version of the code has written this ledger.
        LedgerUnreachable: The database did not answer within the bounded wait.
    """
    found = database.read(_read_revision)
    if found is not None and found not in REVISIONS:
        raise ConfigError(
            f"the ledger is at revision {found!r}, newer than the {REVISIONS[-1]!r} known here",
            place=database.place,
            fix="Install the version of connector-assets that the other users of this ledger have",
        )
    return found


def _read_revision(connection: sa.Connection) -> str | None:
    try:
        found = connection.execute(_SELECT).scalar()
    except sa.exc.DBAPIError as error:
        if _is_missing_table(error):
            return None
        raise
    return None if found is None else str(found)


def _is_missing_table(error: sa.exc.DBAPIError) -> bool:
    code = getattr(error.orig, "sqlstate", None)
    return code == "42P01" or "no such table" in str(error.orig)


def _bring_up(connection: sa.Connection) -> None:
    # Whoever comes second finds nothing to do.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if sa.inspect(connection).has_table(_VERSION.name):
        migrate(connection)
    else:
        _create(connection)


def _create(connection: sa.Connection) -> None:
    """Make the tables of a new ledger as they are now: the same that the migrations make."""
    for metadata in {one.metadata for one in (_VERSION, *_TABLES)}:
        metadata.create_all(connection)
    connection.execute(_VERSION.insert().values(version_num=REVISIONS[-1]))


def migrate(connection: sa.Connection) -> None:
    """Run what is missing of the migrations, from the first one on where there are no tables."""
    # It takes a tenth of a second to import, and the first sync of a project needs none of it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
