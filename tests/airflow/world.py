"""A project whose source does as it is told, an Airflow that runs it, and what both views show."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import psutil
import pytest

from airflow_bridge.compile import compile_project
from airflow_bridge.servers import Local, Running, serve_airflow
from connector_assets.airflow_api.runs import make_root
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting
from connector_assets.project import Project, load_project

PROJECT = """\
version: 1
project_id: states
defaults: {owner: team, write: append, retries: {max: 1, wait: 1}, max_wait: 2}
destinations:
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
  file: {type: duckdb, path: data/file.duckdb}
"""
CONNECTOR = """\
name: %(name)s
engine: dlt
source: python:told_source:rows
config: {case: %(name)s}
destination: %(destination)s.%(name)s
streams:
  rows: {cursor: id}
alerts: {urls: ["json://127.0.0.1:%(port)d/%(name)s"]}
%(more)s
"""
# Does what `told/CASE.json` says, one word for each call; the last one is done again.
SOURCE = """\
import json, pathlib, time
import dlt

@dlt.resource(name="rows")
def rows(case):
    file = pathlib.Path(f"told/{case}.json")
    words = json.loads(file.read_text()) if file.exists() else ["yield"]
    word = words.pop(0) if len(words) > 1 else words[0]
    file.write_text(json.dumps(words or [word]))
    if word == "transient":
        raise ConnectionError("the source is away")
    if word == "fatal":
        raise ValueError("the source is odd")
    if word == "wait":
        pathlib.Path(f"told/{case}.waits").touch()
        while not pathlib.Path(f"told/{case}.go").exists():
            time.sleep(0.05)
    yield {"id": 2 if word == "text" else 1, "total": "a" if word == "text" else 1}
"""
SLOW = """\
import pathlib, sys, time

case = sys.argv[1]
pathlib.Path(f"told/{case}.waits").touch()
while not pathlib.Path(f"told/{case}.go").exists():
    time.sleep(0.05)
print("a secret")
"""
T = TypeVar("T")
ENDED = frozenset({"success", "failed"})
SETTINGS = {
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
    # How long a DAG may be gone from the files before it is taken for deleted.
    "DAG_PROCESSOR__STALE_DAG_THRESHOLD": "20",
    "SCHEDULER__PARSING_CLEANUP_INTERVAL": "5",
    # What a scheduler that was killed had going is looked for after five minutes otherwise.
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
}


@dataclass(frozen=True)
class World:
    """The project, its Airflow, its ledger, and what was told, by connector and by sync."""

    root: Path
    airflow: Running
    ledger: Ledger
    alerts: dict[str, list[str]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        return load_project(self.root, tolerate=True)

    @property
    def setting(self) -> Setting:
        return Setting(project=self.project, ledger=self.ledger)

    def compile(self) -> None:
        compile_project(self.project, folder=self.root / "dags")

    def list_dags(self) -> list[str]:
        return [one["dag_id"] for one in self.airflow.client.pages("/dags", of="dags")]

    def tell(self, name: str, *words: str) -> None:
        """Say what a connector's source does, call by call."""
        (self.root / "told" / f"{name}.json").write_text(json.dumps(words))

    def let_go(self, name: str) -> None:
        (self.root / "told" / f"{name}.go").touch()

    def waits(self, name: str) -> bool:
        return (self.root / "told" / f"{name}.waits").exists()

    def start(self, name: str) -> str:
        return self.airflow.client.trigger(name)

    def post_event(self, asset: str) -> None:
        """Let an asset have an event, as if its stream had been synced."""
        client = self.airflow.client
        (found,) = (one for one in client.pages("/assets", of="assets") if one["name"] == asset)
        client.ask("POST", "/assets/events", {"asset_id": found["id"]})

    def runs(self, name: str) -> list[str]:
        """Return the ids of a connector's DAG runs."""
        found = self.airflow.client.pages(f"/dags/{name}/dagRuns", of="dag_runs")
        return [one["dag_run_id"] for one in found]

    def end(self, name: str, run: str, *, seconds: float = 150) -> str:
        """Wait until a DAG run has ended and return how."""
        self.wait_until(
            lambda: self.airflow.client.run(name, run)["state"] in ENDED, seconds=seconds
        )
        return str(self.airflow.client.run(name, run)["state"])

    def clear(self, name: str, run: str, **how: Any) -> None:
        """Clear tasks of a run, as a person does who wants them to run again."""
        body = {"dry_run": False, "dag_run_id": run, "only_failed": False, **how}
        self.airflow.client.ask("POST", f"/dags/{name}/clearTaskInstances", body)

    def settle(self, name: str, run: str) -> None:
        """Wait until a run has ended and none of its tasks is busy: somebody interfered."""
        quiet = {"success", "failed", "skipped", "upstream_failed"}
        self.wait_until(
            lambda: (
                self.end(name, run) and set(self.airflow.client.tasks(name, run).values()) <= quiet
            )
        )

    def run(self, name: str) -> str:
        """Run a connector's DAG to its end and return the run's id."""
        run = self.start(name)
        self.end(name, run)
        return run

    def sync(self, name: str, run: str) -> SyncRow | None:
        """Return the sync of a DAG run, None where it started none."""
        rows = self.ledger.history.recent(environment="dev", connector=name, limit=10)
        root = make_root(name, run)
        return next((one for one in rows if one.root_run_id == root), None)

    def let_lease_age(self, *, minutes: int) -> None:
        """Let every lease have been set down so many minutes ago."""
        with closing(sqlite3.connect(self.root / ".connectors" / "ledger.db")) as ledger, ledger:
            ledger.execute(
                "UPDATE leases SET expires_at = datetime(expires_at, ?)", (f"-{minutes} minutes",)
            )

    def find_processes(self, *words: str) -> list[psutil.Process]:
        """Return the processes of this Airflow with these words in their command lines."""
        found = []
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                names = [Path(word).name for word in process.cmdline()]
                if all(word in names for word in words) and "guard.py" not in names:
                    found.append(process)
        return found

    def find_step(self, step: str, word: str) -> psutil.Process | None:
        """Return the process of a step's command, by a word of its command line."""
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if ["step", step] == words[3:5] and word in words and str(self.root) in words:
                return process
        return None

    def wait_until(self, held: Callable[[], T], *, seconds: float = 90) -> T:
        deadline = time.monotonic() + seconds
        while not (found := held()):
            self.airflow.servers.check()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return found


@contextmanager
def open_world(
    root: Path, *, connectors: Mapping[str, str], project_too: str = ""
) -> Iterator[World]:
    """Make a project of connectors, by name with what they say beside the usual; start Airflow."""
    for folder in ("connectors", "told", "dags"):
        (root / folder).mkdir()
    (root / "connectors.yaml").write_text(PROJECT + project_too)
    (root / "told_source.py").write_text(SOURCE)
    (root / "slow.py").write_text(SLOW)
    local = Local(
        dags=root / "dags",
        port=0,
        settings=SETTINGS,
        servers=("api-server", "scheduler", "dag-processor"),
    )
    alerts: dict[str, list[str]] = {}
    with (
        ExitStack() as until_then,
        _take_alerts(alerts) as port,
        Ledger.open(f"sqlite:///{root / '.connectors' / 'ledger.db'}") as ledger,
        pytest.MonkeyPatch.context() as patch,
    ):
        # A file that is locked is waited for this long, in seconds.
        patch.setenv("CONNECTORS_LOCK_WAIT", "3")
        for name, more in connectors.items():
            kind = "file" if name == "destination_locked" else "lake"
            values = {"name": name, "destination": kind, "port": port, "more": more}
            (root / "connectors" / f"{name}.yaml").write_text(CONNECTOR % values)
        project = load_project(root)
        compile_project(project, folder=root / "dags")
        running = until_then.enter_context(serve_airflow(project, local=local))
        world = World(root=root, airflow=running, ledger=ledger, alerts=alerts)
        world.wait_until(lambda: set(connectors) <= set(world.list_dags()))
        yield world


@contextmanager
def _take_alerts(alerts: dict[str, list[str]]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            alerts.setdefault(self.path.strip("/"), []).append(body["title"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
