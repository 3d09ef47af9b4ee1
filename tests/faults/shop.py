"""A project folder with one connector over a source that can be changed and counts its reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import yaml

from connector_assets.destinations.locks import build_patience
from connector_assets.faults import VARIABLE as FAULT
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.project import Project, load_project

from .content import Dump, dump_destination
from .processes import find_worker, kill_all, wait_for

DATASET = "shop_data"
_SOURCE = '''
"""The rows of source.json, one resource per key; each read is noted in reads.log.

While failures.json has more for a stream than it was read, a read fails so.
"""
import json
from pathlib import Path

import dlt
import requests

HERE = Path(__file__).parent


def tables():
    return [_resource(name) for name in _load()]


def _load():
    return json.loads((HERE / "source.json").read_text())


def _fail(name):
    file = HERE / "failures.json"
    planned = json.loads(file.read_text()) if file.exists() else {}
    reads = (HERE / "reads.log").read_text().split().count(name)
    if reads <= planned.get(name, 0):
        kinds = {"transient": requests.exceptions.ConnectionError, "fatal": ValueError}
        raise kinds[planned["kind"]](f"read {reads} of {name} was cut off")


def _resource(name):
    @dlt.resource(name=name)
    def rows():
        with (HERE / "reads.log").open("a") as file:
            file.write(name + "\\n")
        _fail(name)
        yield from _load()[name]

    return rows
'''


def order(number: int, *, updated: int = 0, items: int = 2) -> dict[str, Any]:
    """A row with a child table."""
    lines = [{"sku": f"{number}-{item}", "pieces": item + 1} for item in range(items)]
    return {"id": number, "updated": updated or number, "total": number * 1.5, "items": lines}


FIRST = {
    "orders": [order(number) for number in range(1, 5)],
    "visits": [{"id": number, "updated": number, "page": f"p{number}"} for number in range(1, 4)],
}
# One row changed, its children too, and two are new.
LATER = {
    "orders": [order(1), order(2, updated=9, items=3), order(3), order(4), order(10), order(11)],
    "visits": [{"id": number, "updated": number, "page": f"q{number}"} for number in range(1, 6)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A project in ``root`` with the connector ``shop``; ``destination`` as in connectors.yaml.

    ``project`` and ``connector`` are further keys of connectors.yaml and connectors/shop.yaml;
    ``started`` are the commands that were started.
    """

    root: Path
    destination: Mapping[str, Any]
    write: str = "merge"
    project: Mapping[str, Any] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    connector: Mapping[str, Any] = field(default_factory=dict)

    def create(self) -> Shop:
        """Write all files of the project."""
        (self.root / "connectors").mkdir(parents=True, exist_ok=True)
        (self.root / "shop_source.py").write_text(_SOURCE)
        self.offer(FIRST)
        self.declare()
        return self

    def declare(self) -> None:
        """Write connectors.yaml and the connector's file."""
        defaults = {"owner": "team", "retries": {"max": 0}}
        project = {"version": 1, "project_id": "faults", "defaults": defaults}
        project |= {"destinations": {"lake": dict(self.destination)}, **self.project}
        (self.root / "connectors.yaml").write_text(yaml.safe_dump(project, sort_keys=False))
        rules = {"write": self.write, "primary_key": "id"}
        rules |= {} if self.write == "replace" else {"cursor": "updated"}
        connector: dict[str, Any] = {
            "name": "shop",
            "engine": "dlt",
            "source": "python:shop_source:tables",
        }
        connector |= {"destination": f"lake.{DATASET}", "defaults": rules}
        connector |= {"streams": {"orders": {}, "visits": {}}, **self.connector}
        file = self.root / "connectors" / "shop.yaml"
        file.write_text(yaml.safe_dump(connector, sort_keys=False))

    def offer(self, rows: Mapping[str, Any]) -> None:
        """Let the source have these rows."""
        (self.root / "source.json").write_text(json.dumps(rows))

    def fail(self, *, kind: str, **times: int) -> None:
        """Let the first reads of some streams fail: transient or fatal."""
        (self.root / "failures.json").write_text(json.dumps({"kind": kind, **times}))

    def having(self, **changes: Any) -> Shop:
        """Return the same project with other declarations, written."""
        changed = replace(self, **changes)
        changed.declare()
        return changed

    def reads(self) -> list[str]:
        """Return the streams that were read from the source so far."""
        log = self.root / "reads.log"
        return log.read_text().split() if log.exists() else []

    def load(self, environment: str | None = None) -> Project:
        """Return the project as its files are now."""
        return load_project(self.root, environment=environment)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Open the project's ledger."""
        with Ledger.open(self.load().ledger_url) as ledger:
            yield ledger

    @contextmanager
    def setting(self, environment: str | None = None) -> Iterator[Setting]:
        """Open what the steps work with."""
        project = self.load(environment)
        with Ledger.open(project.ledger_url) as ledger:
            yield Setting(project=project, ledger=ledger)

    def sync(self, *, name: str = "shop", environment: str | None = None, **asked: Any) -> SyncRow:
        """Sync in this process; ``asked`` goes into the StartRequest."""
        with self.setting(environment) as setting:
            request = StartRequest(root_run_id=uuid4().hex, **asked)
            return run_sync(setting, setting.project.connector(name), request=request)

    def start(
        self, *words: str, name: str = "shop", fault: str = "", **environment: str
    ) -> subprocess.Popen[str]:
        """Start ``connectors sync`` as a process, broken at ``fault``; ``words`` are options."""
        return self.command(
            "sync", name, *words, **environment, **({FAULT: fault} if fault else {})
        )

    def command(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start a ``connectors`` command for this project."""
        program = (sys.executable, "-m", "connector_assets.cli")
        process = subprocess.Popen(
            [*program, *words, "--project", str(self.root), "--json"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def last(self) -> SyncRow:
        """Return the newest sync of the connector."""
        with self.ledger() as ledger:
            return ledger.history.recent(environment=self.load().environment, connector="shop")[0]

    def verdict_of(self, sync_id: str) -> str | None:
        """Return how a sync ended; None while it is open."""
        with self.ledger() as ledger:
            return ledger.history.find(sync_id).verdict

    def dump(self) -> Dump:
        """Return everything in the destination."""
        # A process that was killed holds its file until the kernel is done with it.
        for attempt in build_patience():
            with attempt:
                return dump_destination(self.load().destination("lake"))
        raise AssertionError("unreachable: the last attempt raises")

    def log(self) -> str:
        """Return the logs of all syncs so far."""
        files = (self.root / ".connectors" / "artifacts" / "logs").glob("*/*.jsonl")
        return "".join(file.read_text() for file in files)

    def close(self) -> None:
        """End whatever of the project is still running."""
        kill_all(self.root)
        for process in self.started:
            if process.stdout and not process.stdout.closed:
                process.communicate(timeout=30)


def hold(
    shop: Shop, *, point: str, **environment: str
) -> tuple[subprocess.Popen[str], psutil.Process]:
    """Start a sync whose worker stops at ``point``; return the step's process and the worker."""
    sync = shop.start(fault=f"{point}:stop", **environment)
    worker = find_worker(sync.pid)
    wait_for(lambda: worker.status() == psutil.STATUS_STOPPED)
    return sync, worker


def end(sync: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Return the exit code of a command and the last object that it printed."""
    output, errors = sync.communicate(timeout=120)
    assert output, errors
    return sync.returncode, json.loads(output.splitlines()[-1])
