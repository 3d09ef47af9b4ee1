"""The four steps in Dagster: real syncs, selections, failures and retries."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from connector_assets.assets.run_metadata import tell_failure
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.advice import tell_data
from connector_assets.lifecycle.health import Check
from connector_assets.model import Verdict
from tests.assets.conftest import Run, metadata_of

pytestmark = pytest.mark.integration
#: What a failure tells a person to do, by the class of its error.
ADVICE = {"transient": ("next",), "fatal": ("fix", "next")}


def test_run_shows_the_four_steps_and_tells_of_each_stream(run: Run, ledger: Ledger) -> None:
    result = run("shop/orders", "shop/stores")

    assert result.success
    steps = [event.step_key for event in result.all_events if event.is_step_success]
    assert steps == [
        "shop.start_dag",
        "shop.run_dlt",
        "shop.finalize_dag",
        "shop.final_status",
    ]
    answers = {
        f"{one.asset_key.path[-1]} {one.check_name}": one.passed
        for one in result.get_asset_check_evaluations()
    }
    assert answers == {
        **{f"orders {check}": True for check in Check},
        "stores schema": True,
        "stores rows": True,
    }
    (sync,) = ledger.history.recent(environment="dev")
    told = metadata_of(result, "shop/orders")
    assert told["sync_id"] == sync.sync_id
    assert (told["verdict"], told["dagster/row_count"], told["rows_staged"]) == ("succeeded", 2, 2)
    assert (told["cursor_before"], told["cursor_after"]) == ("none", "2")
    assert Path(told["log"]).is_file()
    assert [column.name for column in told["dagster/column_schema"].columns] == ["id", "total"]
    assert told["seconds_load"] > 0


def test_selection_syncs_one_stream_only(run: Run, ledger: Ledger) -> None:
    result = run("shop/stores")

    told = [event.asset_key for event in result.get_asset_materialization_events()]
    assert told == [dg.AssetKey(["shop", "stores"])]
    (sync,) = ledger.history.recent(environment="dev")
    assert [each["stream"] for each in sync.result["streams"]] == ["stores"]


def test_selection_across_connectors_runs_upstream_first(run: Run) -> None:
    result = run("report/rows", "shop/stores")

    assert result.success
    ends = [event.step_key for event in result.all_events if event.is_step_success]
    assert ends.index("shop.final_status") < ends.index("report.start_dag")


def test_transient_failure_is_tried_again_in_the_same_attempt(
    run: Run, root: Path, ledger: Ledger
) -> None:
    (root / "fails.txt").write_text("transient 1")

    result = run("report/rows")

    assert result.success
    assert sum(event.is_step_up_for_retry for event in result.all_events) == 1
    (sync,) = ledger.history.recent(environment="dev")
    assert (sync.verdict, sync.attempt) == (Verdict.SUCCEEDED, 1)


@pytest.mark.parametrize(("kind", "retries"), [("transient", 1), ("fatal", 0)])
def test_failure_is_finalized_and_tells_cause_and_next_command(
    run: Run, root: Path, ledger: Ledger, kind: str, retries: int
) -> None:
    (root / "fails.txt").write_text(f"{kind} 9")

    result = run("report/rows")

    assert not result.success
    assert sum(event.is_step_up_for_retry for event in result.all_events) == retries
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_key == "report.final_status"
    data = failed.step_failure_data.user_failure_data
    assert data is not None
    told = {name: value.value for name, value in data.metadata.items()}
    assert told["verdict"] == "failed"
    assert told["error_class"] == kind
    assert list(told)[: 3 + len(ADVICE[kind])] == ["verdict", "cause", "data", *ADVICE[kind]]
    (sync,) = ledger.history.recent(environment="dev")
    assert told["next"] == f"connectors debug {sync.sync_id[:8]}"
    assert told["data"] == tell_data(sync)
    assert data.description == tell_failure(sync)
    said = "\n".join(f"{name.capitalize()}: {told[name]}" for name in ADVICE[kind])
    assert tell_failure(sync).endswith(f"\n{said}")
    # A run's page shows Markdown as a link to it.
    assert not any(isinstance(one, dg.MarkdownMetadataValue) for one in data.metadata.values())
    assert result.get_asset_materialization_events() == []
    answers = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert answers["sync"] is False
