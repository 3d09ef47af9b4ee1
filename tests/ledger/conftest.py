"""A fresh ledger per test, on SQLite and (as an integration test) on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector_assets.ledger.database import Database
from connector_assets.ledger.records import HolderProcess, LeaseRequest, NewSync
from connector_assets.ledger.store import Ledger
from connector_assets.ledger.tables import METADATA

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty ledger file to copy: migrating each one takes ten times as long."""
    file = tmp_path_factory.mktemp("ledger") / "template.db"
    Ledger.open(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def postgres_ledger_url(new_postgres_database: Callable[[], str]) -> str:
    """The URL of a migrated ledger that the tests of this session empty and use in turn."""
    url = new_postgres_database()
    Ledger.open(url).close()
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """The URL of a migrated, empty ledger file."""
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def postgres_empty_url(postgres_ledger_url: str) -> str:
    """The URL of a migrated, empty ledger on PostgreSQL."""
    names = ", ".join(table.name for table in METADATA.sorted_tables)
    truncate = sa.text(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    with Database(postgres_ledger_url) as database:
        database.write(lambda connection: connection.execute(truncate).close())
    return postgres_ledger_url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated, empty ledger, on each database in turn."""
    wanted = {"sqlite": "sqlite_url", "postgres": "postgres_empty_url"}[request.param]
    return str(request.getfixturevalue(wanted))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
def new_ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, on each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new.db"
    return str(request.getfixturevalue("new_postgres_database")())


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An open, empty ledger."""
    with Ledger.open(ledger_url) as opened:
        yield opened


@pytest.fixture
def new_sync() -> Callable[..., NewSync]:
    """A function that makes a sync to open, ``hour`` hours after noon."""

    def make(sync_id: str = "7f3a0001", *, connector: str = "shop", hour: float = 0) -> NewSync:
        return NewSync(
            sync_id=sync_id,
            connector=connector,
            engine="dlt",
            environment="prod",
            destination="lake",
            dataset=connector,
            trigger="manual",
            root_run_id=f"run-{sync_id}",
            fingerprint="a41f",
            plan={"streams": ["orders"]},
            at=NOON + timedelta(hours=hour),
        )

    return make


@pytest.fixture
def request_for() -> Callable[..., LeaseRequest]:
    """A function that makes a request for the lease of ``shop`` in ``prod``."""

    def make(
        sync_id: str = "7f3a0001", *, ttl: float = 60, process: HolderProcess | None = None
    ) -> LeaseRequest:
        return LeaseRequest(
            connector="shop",
            environment="prod",
            sync_id=sync_id,
            ttl=ttl,
            process=process or HolderProcess(host="elsewhere"),
        )

    return make
