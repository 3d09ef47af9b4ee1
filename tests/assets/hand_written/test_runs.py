"""Hand-written assets run by the same steps, gate and load as any other connector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector_assets.destinations.connect import connected
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.health import Check
from connector_assets.model import DriftKind, Verdict
from connector_assets.project import load_project
from tests.assets.conftest import metadata_of
from tests.assets.hand_written.conftest import Run
from tests.assets.hand_written.project import ISSUES, command, edit, write_rows

pytestmark = [
    pytest.mark.integration,
    # Dagster's own, of every resource that is a class.
    pytest.mark.filterwarnings("ignore:The `__fields__` attribute:DeprecationWarning"),
]


def read(root: Path, *, destination: str = "lake") -> list[tuple[Any, ...]]:
    place = load_project(root).destination(destination)
    with connected(place, secrets={}) as connection:
        query = "SELECT id, title, repository FROM github.issues ORDER BY id"
        return connection.execute(query).fetchall()


def failure_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    data = failed.step_failure_data.user_failure_data
    assert data is not None, failed.step_failure_data
    return {name: value.value for name, value in data.metadata.items()}


@pytest.mark.parametrize("destination", ["lake", "warehouse"])
def test_run_loads_and_tells_as_any_other_connector(
    run: Run, root: Path, ledger: Ledger, destination: str
) -> None:
    edit(root / "connectors" / "github.yaml", "lake.github", f"{destination}.github")

    result = run()

    assert result.success
    (sync,) = ledger.history.recent(environment="dev")
    assert (sync.verdict, sync.trigger) == (Verdict.SUCCEEDED, "dagster")
    assert read(root, destination=destination) == [(1, "a", "acme/shop"), (2, "b", "acme/shop")]
    told = metadata_of(result, "github/issues")
    assert told["sync_id"] == sync.sync_id
    assert (told["verdict"], told["dagster/row_count"], told["rows_staged"]) == ("succeeded", 2, 2)
    assert (told["cursor_before"], told["cursor_after"]) == ("none", "20")
    assert told["dagster/table_name"] == f"{destination}.github.issues"
    assert told["seconds_load"] > 0
    assert Path(told["log"]).is_file()
    answers = {
        f"{one.asset_key.path[-1]} {one.check_name}": one.passed
        for one in result.get_asset_check_evaluations()
    }
    assert answers == {
        **{f"issues {check}": True for check in Check},
        "labels schema": True,
        "labels rows": True,
    }


def test_second_run_reads_from_where_the_first_one_was(run: Run, root: Path) -> None:
    run()
    write_rows(root, [*ISSUES, {"id": 3, "updated": 30, "title": "c"}])

    told = metadata_of(run("github/issues", "github/labels"), "github/issues")

    # The row at the boundary is dropped by dlt: it came before.
    assert (told["rows_emitted"], told["rows_staged"], told["dagster/row_count"]) == (3, 1, 3)
    assert (told["cursor_before"], told["cursor_after"]) == ("20", "30")


def test_selection_syncs_one_stream_only(run: Run, ledger: Ledger) -> None:
    result = run("github/labels")

    told = [event.asset_key for event in result.get_asset_materialization_events()]
    assert told == [dg.AssetKey(["github", "labels"])]
    (sync,) = ledger.history.recent(environment="dev")
    assert [each["stream"] for each in sync.result["streams"]] == ["labels"]


def test_drift_blocks_the_run_and_is_released_by_the_command(
    run: Run, root: Path, ledger: Ledger
) -> None:
    run()
    write_rows(root, [{"id": 3, "updated": 30, "title": "c", "stars": "many"}])

    told = failure_of(run("github/issues", "github/labels"))
    before = read(root)
    (held,) = ledger.packages.held(environment="dev")
    done = command(root, "approve", "github", "--release")

    assert told["verdict"] == "blocked"
    assert "stars" in told["drift"]
    assert "connectors approve github --release" in told["next"]
    assert len(before) == 2
    assert held.connector == "github"
    assert done.returncode == 0, done.stderr
    assert len(read(root)) == 3


def test_stream_that_the_source_lost_is_told(run: Run, root: Path, ledger: Ledger) -> None:
    run()
    edit(root / "github_source.py", "return issues, labels", "return issues")

    told = failure_of(run("github/issues"))

    assert told["verdict"] == "blocked"
    (event,) = ledger.drift.find(environment="dev")
    assert (event.kind, event.stream) == (DriftKind.STREAM_REMOVED, "labels")


def test_transient_failure_is_tried_again_in_the_same_attempt(
    run: Run, root: Path, ledger: Ledger
) -> None:
    (root / "fails.txt").write_text("transient 1")

    result = run()

    assert result.success
    assert sum(event.is_step_up_for_retry for event in result.all_events) == 1
    (sync,) = ledger.history.recent(environment="dev")
    assert (sync.verdict, sync.attempt) == (Verdict.SUCCEEDED, 1)


@pytest.mark.parametrize(("kind", "retries"), [("transient", 1), ("fatal", 0)])
def test_failure_is_finalized_and_tells_cause_and_next_command(
    run: Run, root: Path, ledger: Ledger, kind: str, retries: int
) -> None:
    (root / "fails.txt").write_text(f"{kind} 9")

    result = run()

    told = failure_of(result)
    assert sum(event.is_step_up_for_retry for event in result.all_events) == retries
    assert (told["verdict"], told["error_class"]) == ("failed", kind)
    assert told["data"].endswith("as they were before this sync")
    assert "connectors debug" in told["next"]
    assert result.get_asset_materialization_events() == []
    assert ledger.leases.holder("github", environment="dev") is None


@pytest.mark.fault
@pytest.mark.parametrize("point", ["extract", "before_commit", "after_commit"])
def test_killed_engine_leaves_all_or_nothing(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    run()
    write_rows(
        root,
        [*ISSUES, {"id": 3, "updated": 30, "title": "c"}, {"id": 4, "updated": 40, "title": "d"}],
    )
    with monkeypatch.context() as armed:
        armed.setenv("CONNECTORS_FAULT", f"{point}:kill")
        run("github/issues", "github/labels")
    between = len(read(root))

    result = run("github/issues", "github/labels")

    assert between == (4 if point == "after_commit" else 2)
    assert result.success
    assert [row[0] for row in read(root)] == [1, 2, 3, 4]
