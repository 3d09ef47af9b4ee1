"""Faults that a sync can have, each made with the real systems."""

from __future__ import annotations

import http.server
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest
import yaml

from connector_assets.faults import VARIABLE
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import steps
from connector_assets.lifecycle.debugging import examine, render
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.project import load_project

PROJECT = """\
version: 1
project_id: shop
environments: {dev: {}, other: {}}
default_environment: dev
defaults: {owner: team, retries: {max: 0}, timeout: 60}
destinations:
  file: {type: duckdb, path: data/file.duckdb}
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
"""
DATABASE = """\
name: shop
engine: dlt
source: sql_database
config: {credentials: "sqlite:///source.sqlite"}
destination: %s.shop
streams: {orders: {write: merge, primary_key: id, cursor: %s}}
"""
API = """\
name: shop
engine: dlt
source: rest_api
config: {client: {base_url: "%s", auth: {type: bearer, token: "${token}"}}}
secrets: {token: "env:%s"}
destination: file.shop
streams: {orders: {write: append, config: {path: orders, paginator: {type: single_page}}}}
"""
TAP = """\
name: shop
engine: meltano
source: %s
timeout: %s
destination: file.shop
streams: {orders: {write: append}}
"""


class Shop:
    """A project whose one connector is made to fail."""

    def __init__(self, root: Path, ledger: Ledger, declare: Callable[[Path], None]) -> None:
        self.root, self.ledger, self._declare = root, ledger, declare
        (root / "connectors").mkdir()
        (root / "connectors.yaml").write_text(PROJECT)

    def setting(self, environment: str = "dev") -> Setting:
        project = load_project(self.root, environment=environment)
        return Setting(project=project, ledger=self.ledger)

    def write(self, connector: str) -> None:
        (self.root / "connectors" / "shop.yaml").write_text(connector)

    def declare_taps(self) -> None:
        self._declare(self.root)

    def sync(self, environment: str = "dev") -> str:
        """Sync and return the sync's id."""
        setting = self.setting(environment)
        request = StartRequest(root_run_id=uuid4().hex)
        return run_sync(setting, setting.project.connector("shop"), request=request).sync_id

    def fill(self, *statements: str, destination: str = "file", cursor: str = "id") -> None:
        """Let the source be a database in which these statements were run."""
        self.write(DATABASE % (destination, cursor))
        with closing(sqlite3.connect(self.root / "source.sqlite")) as database, database:
            for statement in statements:
                database.execute(statement)

    def examine(self, sync_id: str) -> dict[str, Any]:
        return render(examine(self.setting(), sync_id))


Act = Callable[[Shop, pytest.MonkeyPatch], str]
TABLE = "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)"
ROWS = "INSERT INTO orders SELECT value, value FROM json_each('[%s]')"


@contextmanager
def serve(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve an API for the length of the block; yield its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def send(
    request: http.server.BaseHTTPRequestHandler, status: int, body: bytes, **headers: str
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def ask(shop: Shop, patch: pytest.MonkeyPatch, address: str) -> str:
    patch.setenv("TOKEN", "a-token-of-the-shop")
    # dlt tries again by itself, for half a minute.
    patch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    shop.write(API % (address, "TOKEN"))
    return shop.sync()


def answer_with(status: int, **headers: str) -> Act:
    def act(shop: Shop, patch: pytest.MonkeyPatch) -> str:
        with serve(lambda request: send(request, status, b"", **headers)) as address:
            return ask(shop, patch, address)

    return act


def answer_without_rows(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    rows = [b'[{"id": 1}, {"id": 2}]', b"[]"]
    with serve(lambda request: send(request, 200, rows.pop(0))) as address:
        ask(shop, patch, address)
        return ask(shop, patch, address)


def reset_in_a_page(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b'[{"id": 1},')
        request.wfile.flush()
        # No time to say goodbye: the other side sees a reset.
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        request.close_connection = True
        request.connection.close()

    with serve(answer) as address:
        return ask(shop, patch, address)


def have_no_name(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    return ask(shop, patch, "http://shop.invalid")


def speak_no_tls(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    with serve(lambda request: send(request, 200, b"[]")) as address:
        return ask(shop, patch, address.replace("http:", "https:"))


def miss_a_secret(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    shop.write(API % ("http://127.0.0.1:1", "NOT_THERE"))
    return shop.sync()


def miss_a_plugin(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    extractor = {"name": "tap-gone", "namespace": "tap_gone", "pip_url": "tap-gone==1.0"}
    content = {"environments": [{"name": "dev"}], "plugins": {"extractors": [extractor]}}
    (shop.root / "meltano.yml").write_text(yaml.safe_dump(content))
    shop.write(TAP % ("tap-gone", 60))
    return shop.sync()


def load_elsewhere(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    shop.fill(TABLE, ROWS % "1,2")
    shop.sync()
    return shop.sync("other")


def have_the_file_open(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    shop.fill(TABLE, ROWS % "1,2")
    shop.sync()
    patch.setenv("CONNECTORS_LOCK_WAIT", "1")
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    command = [sys.executable, "-c", code, str(shop.root / "data" / "file.duckdb")]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        sync_id = shop.sync()
        holder.communicate("\n")
    return sync_id


def have_a_newer_catalog(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    shop.fill(TABLE, ROWS % "1,2", destination="lake")
    shop.sync()
    with closing(sqlite3.connect(shop.root / "data" / "lake.sqlite")) as catalog, catalog:
        catalog.execute("UPDATE ducklake_metadata SET value = '99.0' WHERE key = 'version'")
    return shop.sync()


def change_a_type(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    shop.fill(TABLE, ROWS % "1,2")
    shop.sync()
    text = "CREATE TABLE orders (id INTEGER PRIMARY KEY, total TEXT)"
    shop.fill("DROP TABLE orders", text, "INSERT INTO orders VALUES (3, 'three')")
    return shop.sync()


def lose_the_key(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    shop.fill(
        "CREATE TABLE orders (id INTEGER, at INTEGER)",
        "INSERT INTO orders VALUES (1, 1)",
        cursor="at",
    )
    shop.sync()
    shop.fill("UPDATE orders SET id = NULL, at = 2", cursor="at")
    return shop.sync()


def kill_at(point: str) -> Act:
    def act(shop: Shop, patch: pytest.MonkeyPatch) -> str:
        shop.fill(TABLE, ROWS % "1,2")
        patch.setenv(VARIABLE, f"{point}:kill")
        return shop.sync()

    return act


def kill_finalize(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    shop.fill(TABLE, ROWS % "1,2")
    setting = shop.setting()
    request = StartRequest(root_run_id=uuid4().hex)
    started = steps.start(setting, setting.project.connector("shop"), request=request)
    steps.run(setting, started.sync_id)
    return started.sync_id


def diverge(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    shop.fill(TABLE, ROWS % "1,2")
    shop.sync()
    with duckdb.connect(str(shop.root / "data" / "file.duckdb")) as connection:
        connection.execute("UPDATE shop._connectors_state SET state_version = 0")
    return shop.sync()


def hang(shop: Shop, patch: pytest.MonkeyPatch) -> str:
    shop.declare_taps()
    shop.write(TAP % ("tap-hangs", 12))
    return shop.sync()


CASES: dict[str, Act] = {
    "wrong token (401)": answer_with(401),
    "expired token": answer_with(
        401, WWW_Authenticate='Bearer error="invalid_token", error_description="token expired"'
    ),
    "missing scope (403)": answer_with(403),
    "missing scope that answers 200 with an empty list": answer_without_rows,
    "429 storm": answer_with(429),
    "503": answer_with(503),
    "name of the source unknown (DNS)": have_no_name,
    "no trusted connection (TLS)": speak_no_tls,
    "connection reset in a page": reset_in_a_page,
    "plugin not installed": miss_a_plugin,
    "destination of another environment": load_elsewhere,
    "secret missing": miss_a_secret,
    "DuckDB file held by another process": have_the_file_open,
    "DuckLake catalog of a newer version": have_a_newer_catalog,
    "type of a column changed": change_a_type,
    "key vanished": lose_the_key,
    "killed while it extracts": kill_at("extract"),
    "killed while it loads": kill_at("before_commit"),
    "killed after the commit, before finalize": kill_finalize,
    "state diverged": diverge,
    "tap that hangs": hang,
}
