"""Opening a ledger: its tables, its revision, and databases that do not answer."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector_assets.errors import ConfigError, LedgerUnreachable
from connector_assets.ledger.database import Database
from connector_assets.ledger.revision import MIGRATIONS, REVISIONS, ensure_tables, migrate
from connector_assets.ledger.store import Ledger
from connector_assets.ledger.tables import METADATA


def _compare(connection: sa.Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), METADATA))


def _describe(connection: sa.Connection) -> dict[str, Any]:
    """Return all that the database tells of its tables, in no order."""
    look = sa.inspect(connection)

    def sort(found: Any) -> list[str]:
        return sorted(str(one) for one in found)

    return {
        name: {
            "columns": sort(look.get_columns(name)),
            "key": look.get_pk_constraint(name),
            "references": sort(look.get_foreign_keys(name)),
            "indexes": sort(look.get_indexes(name)),
            "unique": sort(look.get_unique_constraints(name)),
        }
        for name in look.get_table_names()
    }


def test_new_ledger_has_the_tables_the_code_declares(ledger_url: str) -> None:
    with Database(ledger_url) as database:
        assert database.read(_compare) == []


def test_migrations_make_what_a_new_ledger_has(new_ledger_url: str) -> None:
    with Database(new_ledger_url) as database:
        database.write(migrate)
        migrated = database.read(_describe)
        database.write(_drop_all)
        ensure_tables(database)

        assert database.read(_describe) == migrated
        assert len(migrated) > 10


def _drop_all(connection: sa.Connection) -> None:
    found = sa.MetaData()
    found.reflect(connection)
    found.drop_all(connection)


def test_revisions_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS)).walk_revisions()

    assert tuple(reversed([script.revision for script in scripts])) == REVISIONS


def test_open_again_imports_no_alembic(ledger_url: str) -> None:
    code = (
        "import sys; from connector_assets.ledger.store import Ledger;"
        "Ledger.open(sys.argv[1]).close(); assert 'alembic' not in sys.modules"
    )

    assert run_python(code, ledger_url).returncode == 0


def test_importing_the_package_is_light() -> None:
    code = "import sys, connector_assets.ledger; assert 'sqlalchemy' not in sys.modules"

    assert run_python(code).returncode == 0


def test_sqlite_runs_durably_in_wal(sqlite_url: str) -> None:
    def pragmas(connection: sa.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    with Database(sqlite_url) as database:
        assert database.read(pragmas) == ["wal", 2, 1]


def test_open_refuses_a_newer_ledger(sqlite_url: str) -> None:
    newer = sa.text("UPDATE alembic_version SET version_num = '9999'")
    with Database(sqlite_url) as database:
        database.write(lambda connection: connection.execute(newer).rowcount)

    with pytest.raises(ConfigError, match="'9999', newer than the"):
        Ledger.open(sqlite_url)


@pytest.mark.parametrize(
    "url",
    ["mysql://u:secret@h/db", "nonsense", "sqlite://", "postgresql://u:secret@h:port/db"],
)
def test_open_refuses_urls_without_showing_passwords(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Ledger.open(url)

    assert "sqlite:////absolute" in caught.value.fix
    assert "secret" not in str(caught.value)


def test_open_without_the_driver_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from connector_assets.ledger.store import Ledger\n"
        "Ledger.open('postgresql://u:secret@h/db')"
    )

    ran = run_python(code)
    last = ran.stderr.split("connector_assets.errors.")[-1]
    assert last.startswith("ConfigError: postgresql://u@h/db: the driver")
    assert "connector-assets[postgres]" in last
    assert "secret" not in ran.stderr


def test_open_of_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"these bytes are not a database" * 100)

    with pytest.raises(ConfigError, match="file is not a database"):
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db", wait=0.5)


def test_open_in_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="folder cannot be made"):
        Ledger.open(f"sqlite:///{tmp_path}/file/ledger.db")


def test_locked_sqlite_is_waited_for_and_then_unreachable(sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()

    with Ledger.open(sqlite_url, wait=0.5) as ledger, pytest.raises(LedgerUnreachable) as caught:
        ledger.alerts.release(environment="prod")

    other.close()
    assert "database is locked" in str(caught.value)
    assert 0.4 < time.monotonic() - started < 5


@pytest.mark.integration
def test_unreachable_postgres_is_given_up_in_time_without_its_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()

    with pytest.raises(LedgerUnreachable) as caught:
        Ledger.open(f"postgresql://user:secret@127.0.0.1:{port}/ledger", wait=1)

    assert time.monotonic() - started < 5
    assert caught.value.place == f"postgresql://user@127.0.0.1:{port}/ledger"
    assert "secret" not in str(caught.value)


@pytest.mark.integration
def test_silent_postgres_is_given_up_in_time() -> None:
    started = time.monotonic()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://user@127.0.0.1:{silent.getsockname()[1]}/ledger"
        with pytest.raises(LedgerUnreachable):
            Ledger.open(url, wait=2)

    assert time.monotonic() - started < 8


@pytest.mark.integration
def test_missing_postgres_database_is_a_config_error(postgres_url: str) -> None:
    url = sa.make_url(postgres_url).set(database="absent")

    with pytest.raises(ConfigError, match='database "absent" does not exist'):
        Ledger.open(url.render_as_string(hide_password=False))


@pytest.mark.integration
def test_dropped_connections_are_made_again(postgres_empty_url: str) -> None:
    drop = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with Ledger.open(postgres_empty_url) as ledger, Database(postgres_empty_url) as other:
        other.write(lambda connection: connection.execute(drop).all())

        assert ledger.history.recent(environment="prod") == []


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own that finds what this one finds."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
