"""A project of four connectors, each with marked secrets, over sources that do as they are told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import sqlalchemy as sa

from tests.canary.search import find_in_text, find_leaks, mark
from tests.faults.processes import find_processes, kill_all

PROJECT = """\
version: 1
project_id: canary
defaults: {owner: team, write: append, retries: {max: 0}}
destinations:
  lake:
    type: ducklake
    catalog: "%(catalog)s"
    data_path: data/lake
    secrets: {password: "env:CANARY_LAKE"}
"""
CONNECTORS = {
    "tapped": """\
engine: meltano
source: tap-canary
config: {told: "%(told)s", login: {password: "${password}"}}
secrets: {token: "env:CANARY_TAP", password: "file:secrets/tap"}
""",
    "asked": """\
engine: dlt
source: rest_api
config:
  client: {base_url: "%(url)s", auth: {type: bearer, token: "${token}"}}
secrets: {token: "env:CANARY_API", key: "command:cat secrets/key"}
""",
    "queried": """\
engine: dlt
source: sql_database
config: {credentials: "%(database)s"}
secrets: {password: "env:CANARY_SQL"}
""",
    "called": """\
engine: dlt
source: python:canary_source:rows
config: {told: "%(told)s", token: "${token}"}
secrets: {token: "%(token)s"}
""",
}
STREAMS = {"asked": '{config: {path: rows, params: {key: "${key}"}}}'}
SOURCE = """\
import base64, json, logging, pathlib, sys, time
import dlt

@dlt.resource(name="rows")
def rows(told, token):
    file = pathlib.Path(told)
    print(f"starting with {token!r}")
    logging.getLogger(__name__).warning("token %s", json.dumps(token))
    sys.stderr.write(base64.b64encode(f"user:{token}".encode()).decode() + "\\n")
    while file.read_text() == "wait":
        file.with_suffix(".waits").touch()
        time.sleep(0.05)
    yield {"id": 1}
    if file.read_text() == "fail":
        raise ValueError(f"refused {token} at https://user:{token}@x/y")
"""
NAMES = tuple(CONNECTORS)
SECRETS = {
    "CANARY_TAP": mark("tap"),
    "CANARY_API": mark("api", odd=False),
    "CANARY_SQL": mark("sql", odd=False),
    "CANARY_LAKE": mark("lake", odd=False),
}
OF_PYTHON = "CANARY_PYTHON"


@dataclass(frozen=True)
class Nest:
    """The project at ``root``, and beside it all that its processes can write to."""

    root: Path
    told: Path
    database: sa.URL
    printed: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """With a home and a folder for temporary files that are looked through, too."""
        homes = {name: str(self.root.with_name("home")) for name in ("HOME", "XDG_STATE_HOME")}
        return {**os.environ, **SECRETS, **homes, "TMPDIR": str(self.root.with_name("tmp"))}

    def tell(self, word: str) -> None:
        """Say what all sources do: ``ok``, ``fail``, ``wait``."""
        self.told.with_suffix(".waits").unlink(missing_ok=True)
        self.told.write_text(word)
        engine = sa.create_engine(self.database, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP VIEW IF EXISTS rows")
            wanted = {"ok": "1", "fail": "1 / (id - id)", "wait": "1 + length(pg_sleep(60)::text)"}
            connection.exec_driver_sql(
                f"CREATE VIEW rows AS SELECT id, {wanted[word]} AS x FROM one"
            )
        engine.dispose()

    def hand_python(self, source: str) -> None:
        """Let the secret of the Python connector come from elsewhere than `.env`."""
        (self.root / ".env").unlink()
        file = self.root / "connectors" / "called.yaml"
        file.write_text(file.read_text().replace(f"env:{OF_PYTHON}", source))

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "connector_assets.cli", *words, "--project", str(self.root)],
            env={**self.environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, **more: str) -> int:
        """Run a command to its end; what it prints is looked through at the end, too."""
        with self.start(*words, **more) as process:
            printed, _ = process.communicate()
        self.printed.append(printed)
        return process.returncode

    def run_each(self, *words: str, names: tuple[str, ...] = NAMES) -> dict[str, int]:
        """Run a command for each connector, two at a time; return how each ended."""
        with ThreadPoolExecutor(2) as pool:
            codes = pool.map(lambda name: self.run(*words, name), names)
            return dict(zip(names, codes, strict=True))

    def kill_in_extract(self, name: str) -> None:
        """Start a sync and kill all of it while its source is at work."""
        self.tell("wait")
        with self.start("sync", name) as process:
            wait_until(lambda: self.is_waiting(name) or process.poll() is not None)
            assert process.poll() is None
            # Held still first, so that none of them can tidy up after another.
            for each in find_processes(self.root):
                each.suspend()
            kill_all(self.root)
            printed, _ = process.communicate()
        self.printed.append(printed)
        self.tell("ok")

    def is_waiting(self, name: str) -> bool:
        if name != "queried":
            return self.told.with_suffix(".waits").exists()
        engine = sa.create_engine(self.database, poolclass=sa.NullPool)
        asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        with engine.connect() as connection:
            return bool(connection.exec_driver_sql(asked).scalar())

    def find_leaks(self) -> list[str]:
        """Return where a secret was left, or printed."""
        given = {self.root / ".env", self.root / "secrets" / "tap", self.root / "secrets" / "key"}
        said = [text for text in self.printed if find_in_text(text)]
        return [*find_leaks(self.root.parent, but=frozenset(given)), *said]


def wait_until(held: Callable[[], bool], *, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def write_connectors(root: Path, *, values: Mapping[str, str]) -> None:
    """Write the connector files and the sources of a project."""
    (root / "canary_source.py").write_text(SOURCE)
    (root / "secrets").mkdir()
    (root / "secrets" / "tap").write_text(mark("tap.password"))
    (root / "secrets" / "key").write_text(mark("api.key", odd=False))
    for name, text in CONNECTORS.items():
        streams = f"streams: {{rows: {STREAMS.get(name, '{}')}}}\n"
        head = f"name: {name}\ndestination: lake.{name}\n"
        (root / "connectors" / f"{name}.yaml").write_text(head + text % values + streams)


@contextmanager
def open_nest(
    folder: Path, *, database: str, declare_taps: Callable[[Path], None]
) -> Iterator[Nest]:
    """Make the project in a folder of its own; serve its API as long as the block."""
    root, told = folder / "project", folder / "told.txt"
    for each in ("project/connectors", "home", "tmp"):
        (folder / each).mkdir(parents=True)
    url = sa.make_url(database).set(drivername="postgresql+psycopg")
    shown = url.set(password="PASSWORD").render_as_string(hide_password=False)
    catalog = shown.replace("+psycopg", "")
    with serve_api(told) as address:
        values = {
            "told": str(told),
            "url": address,
            "database": shown.replace("PASSWORD", "${password}"),
            "token": f"env:{OF_PYTHON}",
        }
        (root / "connectors.yaml").write_text(
            PROJECT % {"catalog": catalog.replace("PASSWORD", "${password}")}
        )
        declare_taps(root)
        write_connectors(root, values=values)
        (root / ".env").write_text(f"{OF_PYTHON}={mark('python', odd=False)}\n")
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE one AS SELECT 1 AS id")
        nest = Nest(root=root, told=told, database=url)
        nest.tell("ok")
        yield nest


@contextmanager
def serve_api(told: Path) -> Iterator[str]:
    """Serve rows to who has the token and the key; repeat both to whoever is refused."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = f"{self.headers.get('Authorization')} {unquote(self.path)}"
            while told.read_text() == "wait":
                told.with_suffix(".waits").touch()
                time.sleep(0.05)
            wanted = (SECRETS["CANARY_API"], mark("api.key", odd=False))
            good = told.read_text() == "ok" and all(one in given for one in wanted)
            body = b'[{"id": 1}]' if good else f'{{"error": "not {given}"}}'.encode()
            self.send_response(200 if good else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None: ...

        def handle(self) -> None:
            # Whoever was killed reads no answer.
            try:
                super().handle()
            except OSError:
                return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
