"""A real Dagster, web server and daemon: runs that end well, fail, are cancelled, are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from connector_assets.assets.servers import serve
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict
from connector_assets.project import load_project
from tests.assets.conftest import write_project
from tests.assets.instance import Instance, metadata

pytestmark = [pytest.mark.integration, pytest.mark.fault]
SLOW = """\
name: slow
engine: dlt
source: python:slow_source:rows
destination: lake.slow
streams:
  rows: {}
"""
SLOW_SOURCE = """\
import pathlib, time
import dlt

@dlt.resource(name="rows")
def rows():
    yield {"id": 1}
    pathlib.Path("slow.started").touch()
    while not pathlib.Path("slow.go").exists():
        time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dagster")
    write_project(root)
    (root / "connectors" / "slow.yaml").write_text(SLOW)
    (root / "slow_source.py").write_text(SLOW_SOURCE)
    return root


@pytest.fixture(scope="module")
def instance(root: Path) -> Iterator[Instance]:
    with serve(load_project(root, tolerate=True), port=0) as running:
        yield Instance(running.url)


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{root / '.connectors' / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def start_slow(root: Path, instance: Instance) -> Callable[[], str]:
    """A function that starts a run which waits in its engine, and returns the run's id."""

    def start() -> str:
        for name in ("slow.started", "slow.go"):
            (root / name).unlink(missing_ok=True)
        run_id = instance.materialize("slow/rows")
        wait_until((root / "slow.started").exists)
        return run_id

    return start


def wait_until(held: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def find_engines(root: Path) -> list[psutil.Process]:
    """Return the processes of engines that work in the project."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if "engines.worker" in words and str(root) in words and "guard.py" not in words:
            found.append(process)
    return found


def test_asset_shows_where_it_comes_from_and_what_its_last_sync_did(
    instance: Instance, root: Path
) -> None:
    run = instance.wait(instance.materialize("shop/orders"))

    asset = instance.asset("shop/orders")
    defined = {entry["label"]: entry for entry in asset["metadataEntries"]}
    (last,) = asset["assetMaterializations"]
    told = metadata(last["metadataEntries"])
    assert run["status"] == "SUCCESS"
    assert [step["stepKey"].split(".")[1] for step in run["stepStats"]] == [
        "start_dag",
        "run_dlt",
        "finalize_dag",
        "final_status",
    ]
    assert asset["groupName"] == "shop"
    assert asset["dependencyKeys"] == [{"path": ["sources", "sqlite", "source.sqlite"]}]
    assert asset["owners"] == [{"email": "ada@shop.example"}]
    (place,) = defined["dagster/code_references"]["codeReferences"]
    assert place["filePath"] == str(root / "connectors" / "shop.yaml")
    assert told["verdict"] == "succeeded"
    assert told["dagster/row_count"] == 2
    assert told["cursor_after"] == "2"


def test_failed_run_tells_the_cause_in_its_last_step(instance: Instance, root: Path) -> None:
    (root / "fails.txt").write_text("fatal 1")

    run = instance.wait(instance.materialize("report/rows"))

    assert run["status"] == "FAILURE"
    (failed,) = [
        event
        for event in run["eventConnection"]["events"]
        if event["__typename"] == "ExecutionStepFailureEvent"
    ]
    assert failed["stepKey"] == "report.final_status"
    assert metadata(failed["failureMetadata"]["metadataEntries"])["verdict"] == "failed"


def test_transient_failure_is_tried_again_in_the_same_run(instance: Instance, root: Path) -> None:
    (root / "fails.txt").write_text("transient 1")

    run = instance.wait(instance.materialize("report/rows"))

    kinds = [event["__typename"] for event in run["eventConnection"]["events"]]
    assert run["status"] == "SUCCESS"
    assert kinds.count("ExecutionStepUpForRetryEvent") == 1


def test_cancelled_run_ends_its_engine_and_is_closed_as_cancelled(
    instance: Instance, root: Path, ledger: Ledger, start_slow: Callable[[], str]
) -> None:
    run_id = start_slow()

    instance.cancel(run_id)

    assert instance.wait(run_id)["status"] == "CANCELED"
    assert find_engines(root) == []
    (sync,) = ledger.history.recent(environment="dev", connector="slow", limit=1)
    assert sync.verdict is Verdict.CANCELLED
    assert ledger.leases.holder("slow", environment="dev") is None


def test_killed_run_is_closed_by_the_reaper(
    instance: Instance, root: Path, ledger: Ledger, start_slow: Callable[[], str]
) -> None:
    run_id = start_slow()
    (engine,) = find_engines(root)
    # The worker's parent is its guard, the guard's parent is the process of the run.
    run = engine.parents()[1]

    run.kill()

    wait_until(lambda: find_engines(root) == [])
    command = [
        sys.executable,
        "-m",
        "connector_assets.cli",
        "reap",
        "--json",
        "--project",
        str(root),
    ]
    wait_until(lambda: json.loads(subprocess.check_output(command)) != [])
    (sync,) = ledger.history.recent(environment="dev", connector="slow", limit=1)
    assert sync.verdict is Verdict.FAILED
    assert instance.wait(run_id)["status"] == "FAILURE"


def test_next_run_after_a_killed_one_is_complete(instance: Instance, root: Path) -> None:
    (root / "slow.go").touch()

    assert instance.wait(instance.materialize("slow/rows"))["status"] == "SUCCESS"
