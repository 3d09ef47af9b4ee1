"""Tells Dagster of every sync exactly once: the ledger's outbox becomes asset events.

An event is written and its outbox row is marked in two places. What makes it exactly once is that
the event carries the sync's id, attempt and verdict: a row whose event Dagster has is only marked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    RunsFilter,
)

from connector_assets.airflow_api.runs import find_dagster_run
from connector_assets.assets.checks import evaluate
from connector_assets.assets.keys import asset_key
from connector_assets.assets.run_metadata import describe_end, describe_failure
from connector_assets.errors import ConfigError
from connector_assets.ledger.records import OutboxRow, SyncRow, View
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector, Verdict

Event = AssetMaterialization | AssetObservation | AssetCheckEvaluation

#: Outbox rows of one tick: each costs some queries and a few events.
ROWS = 50
#: How many of an asset's last events are asked for the one of a sync.
_LOOK_BACK = 20
#: Dagster's own tag of a run that executes another one again.
_ROOT_RUN = "dagster/root_run_id"


@dataclass(frozen=True, slots=True)
class Told:
    """An outbox row that may be marked, with the events that Dagster does not have yet."""

    row: OutboxRow
    events: tuple[Event, ...]


def read_outbox(setting: Setting, instance: DagsterInstance) -> Iterator[Told]:
    """Yield what Dagster is to be told, oldest first; marks nothing.

    A sync that a run of Dagster is still busy with is left for later: the run tells of it itself.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    environment = setting.project.environment
    for row in setting.ledger.outbox.pending(View.DAGSTER, environment=environment, limit=ROWS):
        sync = setting.ledger.history.find(row.sync_id)
        if not _is_running(sync, instance):
            events = _build_events(setting, row, _recall(row, sync), instance=instance)
            yield Told(row, tuple(events))


def mark_told(setting: Setting, told: Told) -> None:
    """Note that Dagster has the events of a row; noting it again changes nothing."""
    setting.ledger.outbox.mark_delivered(told.row, view=View.DAGSTER)


def _recall(row: OutboxRow, sync: SyncRow) -> SyncRow:
    """Return a sync as it was when a row was written: a later attempt has a row of its own."""
    told = row.payload
    return replace(
        sync,
        attempt=row.attempt,
        verdict=Verdict(told["verdict"]),
        cause=told["cause"],
        result=told["result"],
        started_at=datetime.fromisoformat(told["started_at"]),
        ended_at=datetime.fromisoformat(told["ended_at"]),
    )


def _is_running(sync: SyncRow, instance: DagsterInstance) -> bool:
    if sync.trigger != "dagster":
        return False
    # One that Airflow runs for a run of Dagster is that run's to tell of, too.
    root = find_dagster_run(sync.root_run_id) or sync.root_run_id
    run = instance.get_run_by_id(root)
    return (run is not None and not run.is_finished) or _is_executed_again(root, instance)


def _is_executed_again(run_id: str, instance: DagsterInstance) -> bool:
    """Tell whether a run that executes another one again, as its next attempt, is going on."""
    again = instance.get_runs(filters=RunsFilter(tags={_ROOT_RUN: run_id}))
    return any(not run.is_finished for run in again)


def _build_events(
    setting: Setting, row: OutboxRow, sync: SyncRow, *, instance: DagsterInstance
) -> Iterator[Event]:
    try:
        connector = setting.project.connector(row.connector)
    except ConfigError:
        # It was taken out of the project since: there is no asset to tell of.
        return
    told = [*_tell(setting, sync, connector, instance=instance)]
    yield from told
    if told:
        yield from evaluate(setting, connector)


def _tell(
    setting: Setting, sync: SyncRow, connector: Connector, *, instance: DagsterInstance
) -> Iterator[AssetMaterialization | AssetObservation]:
    names = {each["stream"] for each in sync.result.get("streams", ())}
    chosen = [stream for stream in connector.streams if stream.name in names]
    good = sync.verdict is not None and sync.verdict.good
    for stream in chosen:
        key = asset_key(connector.name, stream.name)
        if _is_known(sync, key, instance=instance, good=good):
            continue
        if good:
            told = describe_end(setting, sync, stream=stream)
            yield AssetMaterialization(key, metadata=told, description=sync.cause)
        else:
            told = describe_failure(setting, sync, stream=stream)
            yield AssetObservation(key, metadata=told, description=sync.cause)


def _is_known(sync: SyncRow, key: AssetKey, *, instance: DagsterInstance, good: bool) -> bool:
    fetch = instance.fetch_materializations if good else instance.fetch_observations
    # With the verdict: an unknown one can be settled later, which is news.
    wanted = {"sync_id": sync.sync_id, "attempt": sync.attempt, "verdict": str(sync.verdict)}
    for record in fetch(key, limit=_LOOK_BACK).records:
        event = record.asset_materialization if good else record.asset_observation
        found = event.metadata if event else {}
        if {name: getattr(found.get(name), "value", None) for name in wanted} == wanted:
            return True
    return False
