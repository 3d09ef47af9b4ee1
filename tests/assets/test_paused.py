"""A paused connector in Dagster: what starts by itself is skipped, what a person starts is not."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from connector_assets.ledger.alert_records import Pause
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

pytestmark = pytest.mark.integration
PAUSE = Pause(
    connector="shop",
    environment="dev",
    who="ann",
    why="moving",
    at=datetime(2026, 11, 24, tzinfo=UTC),
)


@pytest.mark.parametrize("tag", ["dagster/schedule_name", "dagster/from_automation_condition"])
def test_run_that_starts_by_itself_is_skipped_with_the_reason(
    definitions: dg.Definitions, ledger: Ledger, tag: str
) -> None:
    ledger.pauses.pause(PAUSE)

    result = materialize(definitions, tags={tag: "x"})

    assert not result.success
    (sync,) = ledger.history.recent(environment="dev")
    assert sync.verdict is Verdict.SKIPPED
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_key == "shop.final_status"
    data = failed.step_failure_data.user_failure_data
    assert data is not None
    told = {name: value.value for name, value in data.metadata.items()}
    assert told["cause"] == "shop is paused since 2026-11-24 00:00Z by ann: moving"
    assert told["next"] == "connectors resume shop"
    assert result.get_asset_materialization_events() == []


def test_run_of_a_person_is_not_skipped(definitions: dg.Definitions, ledger: Ledger) -> None:
    ledger.pauses.pause(PAUSE)

    assert materialize(definitions, tags={}).success
    assert "shop" in ledger.pauses.active(environment="dev")


def materialize(definitions: dg.Definitions, *, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
    job = definitions.resolve_implicit_global_asset_job_def()
    chosen = [dg.AssetKey(["shop", "stores"])]
    return job.execute_in_process(asset_selection=chosen, raise_on_error=False, tags=tags)
