"""Hand-written assets in a real Dagster, web server and daemon: run, cancelled, killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector_assets.assets.servers import serve
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting
from connector_assets.lifecycle.steps import reap
from connector_assets.model import Verdict
from connector_assets.project import load_project
from tests.assets.hand_written.project import write_project
from tests.assets.instance import Instance, metadata
from tests.assets.test_instance import find_engines, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.fault]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("dagster")
    write_project(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLT_DATA_DIR", str(root / "dlt"))
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        yield root


@pytest.fixture(scope="module")
def instance(root: Path) -> Iterator[Instance]:
    with serve(load_project(root), port=0, module="definitions") as running:
        yield Instance(running.url)


@pytest.fixture
def start_waiting(root: Path, instance: Instance) -> Callable[[], str]:
    """A function that starts a run which waits in its engine, and returns the run's id."""

    def start() -> str:
        (root / "waits").unlink(missing_ok=True)
        (root / "wait").touch()
        run_id = instance.materialize("github/issues")
        wait_until((root / "waits").exists, seconds=120)
        return run_id

    return start


def test_run_is_one_op_and_tells_what_the_sync_did(instance: Instance) -> None:
    run = instance.wait(instance.materialize("github/issues", "github/labels"))

    (last,) = instance.asset("github/issues")["assetMaterializations"]
    assert run["status"] == "SUCCESS"
    assert [step["stepKey"] for step in run["stepStats"]] == [
        "github",
        "github__checks",
    ]
    assert metadata(last["metadataEntries"])["verdict"] == "succeeded"
    assert set(instance.checks("github/issues").values()) == {True}


def test_failed_run_fails_the_check_of_the_sync(instance: Instance, root: Path) -> None:
    (root / "fails.txt").write_text("fatal 1")

    run = instance.wait(instance.materialize("github/issues"))

    assert run["status"] == "FAILURE"
    wait_until(lambda: instance.checks("github/issues")["sync"] is False)


def test_cancelled_run_ends_its_engine_and_is_closed_as_cancelled(
    instance: Instance, root: Path, ledger: Ledger, start_waiting: Callable[[], str]
) -> None:
    run_id = start_waiting()

    instance.cancel(run_id)

    assert instance.wait(run_id)["status"] == "CANCELED"
    assert find_engines(root) == []
    (sync,) = ledger.history.recent(environment="dev", limit=1)
    assert sync.verdict is Verdict.CANCELLED
    assert ledger.leases.holder("github", environment="dev") is None


def test_killed_run_ends_its_engine_and_is_closed_by_the_reaper(
    instance: Instance, root: Path, ledger: Ledger, start_waiting: Callable[[], str]
) -> None:
    run_id = start_waiting()
    (engine,) = find_engines(root)
    # The worker's parent is its guard, the guard's parent is the process of the run.
    run = engine.parents()[1]

    run.kill()

    wait_until(lambda: find_engines(root) == [])
    setting = Setting(project=load_project(root), ledger=ledger)
    wait_until(
        lambda: reap(setting) != [] or ledger.leases.holder("github", environment="dev") is None
    )
    (sync,) = ledger.history.recent(environment="dev", limit=1)
    assert sync.verdict is Verdict.FAILED
    assert instance.wait(run_id)["status"] == "FAILURE"


def test_next_run_after_a_killed_one_is_complete(instance: Instance, root: Path) -> None:
    (root / "wait").unlink()

    assert instance.wait(instance.materialize("github/issues"))["status"] == "SUCCESS"
