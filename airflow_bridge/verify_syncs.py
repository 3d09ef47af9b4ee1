"""Compares the ledger's last syncs with what Dagster was told, and with what Airflow shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from airflow_bridge.airflow_side import AirflowDags, fetch_run_state, list_runs, read_events
from airflow_bridge.differences import Difference, Kind, Side
from connector_assets.airflow_api.client import AirflowClient
from connector_assets.airflow_api.events import find_unheard
from connector_assets.airflow_api.runs import asset_name, find_run, make_root
from connector_assets.ledger.records import SyncRow, View
from connector_assets.lifecycle.setting import Setting, make_sync_id

_MIRROR = "Dagster's daemon tells of it: is it running? (connectors up)"
#: How many of a DAG's last runs are looked up in the ledger.
_RUNS = 20
#: Syncs that Dagster was told of: (asset's connector and stream, sync id, attempt) -> verdict.
ToldByDagster = Mapping[tuple[str, str, str, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSyncs:
    """The last syncs of a ledger, newest first; what ended after ``before`` may not be told yet."""

    setting: Setting
    rows: tuple[SyncRow, ...]
    limit: int
    before: datetime


def pick_syncs(setting: Setting, *, limit: int, before: datetime) -> LastSyncs:
    """Return the last syncs that have ended; without those that a view may not know yet."""
    environment = setting.project.environment
    known = {connector.name for connector in setting.project.connectors}
    pending = {
        row.sync_id
        for view in View
        for row in setting.ledger.outbox.pending(view, environment=environment, limit=1000)
        if row.at > before
    }
    found = setting.ledger.history.recent(environment=environment, limit=limit)
    rows = tuple(
        row
        for row in found
        if row.verdict and row.connector in known and row.sync_id not in pending
    )
    return LastSyncs(setting=setting, rows=rows, limit=limit, before=before)


def compare_told(last: LastSyncs, told: ToldByDagster) -> Iterator[Difference]:
    """Yield how the ledger's syncs and the events in Dagster differ."""
    for row in last.rows:
        connector = last.setting.project.connector(row.connector)
        missing = differs = False
        shown = ""
        for counts in row.result.get("streams", ()):
            stream = counts["stream"]
            if connector.stream(stream) is None:
                continue
            verdict = told.get((row.connector, stream, row.sync_id, row.attempt))
            missing = missing or verdict is None
            if verdict is not None and verdict != row.verdict:
                differs, shown = True, verdict
        if differs:
            yield _tell_sync(Kind.VERDICT_MISMATCH, row, Side.DAGSTER, found=shown)
        elif missing:
            yield _tell_sync(Kind.SYNC_MISSING_IN_DAGSTER, row, Side.DAGSTER, fix=_MIRROR)


def compare_runs(
    last: LastSyncs, client: AirflowClient, *, dags: AirflowDags
) -> Iterator[Difference]:
    """Yield how the ledger's syncs and Airflow's DAG runs and asset events differ.

    Raises:
        AirflowError: Airflow does not answer, or refuses.
    """
    events = read_events(client, limit=2 * last.limit)
    unheard = find_unheard(last.setting)
    for row in last.rows:
        run = find_run(row.root_run_id)
        state = fetch_run_state(client, *run) if run else None
        if run and state is None:
            yield _tell_sync(Kind.SYNC_MISSING_IN_AIRFLOW, row, Side.AIRFLOW)
        elif row.verdict and row.verdict.good:
            if run or unheard is None or row.ended_at is None or row.ended_at >= unheard:
                yield from _compare_events(row, events)
        elif state == "success" and "undone_by" not in row.result:
            yield _tell_sync(Kind.VERDICT_MISMATCH, row, Side.AIRFLOW, found=state)
    for name in dags.facts:
        yield from _compare_ledger(last, client, name)


def _compare_events(
    row: SyncRow, events: Mapping[str, list[dict[str, object]]]
) -> Iterator[Difference]:
    """Compare a good sync with the events of its streams' assets."""
    for counts in row.result.get("streams", ()):
        extras = events.get(asset_name(row.connector, counts["stream"]))
        if extras is None:
            continue
        of_sync = [
            extra
            for extra in extras
            if (extra.get("sync_id"), extra.get("attempt")) == (row.sync_id, row.attempt)
        ]
        if not of_sync:
            fix = "connectors bridge tell"
            yield _tell_sync(Kind.SYNC_MISSING_IN_AIRFLOW, row, Side.AIRFLOW, fix=fix)
            return
        if all(extra.get("verdict") != row.verdict for extra in of_sync):
            shown = of_sync[0].get("verdict")
            yield _tell_sync(Kind.VERDICT_MISMATCH, row, Side.AIRFLOW, found=shown)
            return


def _compare_ledger(last: LastSyncs, client: AirflowClient, dag: str) -> Iterator[Difference]:
    """Tell of DAG runs that the ledger has no sync of."""
    setting, environment = last.setting, last.setting.project.environment
    for run in list_runs(client, dag, limit=min(last.limit, _RUNS)):
        root = make_root(dag, run["dag_run_id"])
        sync_id = make_sync_id(root, connector=dag, environment=environment)
        ended = datetime.fromisoformat(run["end_date"])
        if ended < last.before and not setting.ledger.syncs.evidence(sync_id):
            yield Difference(
                kind=Kind.SYNC_MISSING_IN_LEDGER,
                connector=dag,
                expected_by=Side.AIRFLOW,
                found_in=Side.LEDGER,
                expected=f"{run['dag_run_id']} ({run['state']})",
                fix="Look at the log of start_dag there: did it reach this ledger?",
            )


def _tell_sync(
    kind: Kind, row: SyncRow, side: Side, *, found: object = None, fix: str = ""
) -> Difference:
    return Difference(
        kind=kind,
        connector=row.connector,
        expected_by=Side.LEDGER,
        found_in=side,
        expected=str(row.verdict),
        found=found,
        sync_id=row.sync_id,
        fix=fix or f"connectors status {row.connector}",
    )
