"""Compares what the plan says with what Dagster, the compiled files and Airflow make of it.

Each seam is compared by itself, so that one cause is told once: the plan with the files, the files
with Airflow, the plan with the Dagster graph, the ledger's last syncs with both views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_bridge.airflow_side import (
    AirflowDags,
    fetch_run_state,
    list_runs,
    read_dags,
    read_events,
)
from airflow_bridge.differences import (
    Difference,
    Facts,
    Kind,
    Side,
    compare_facts,
    compare_names,
    list_facts,
    sort_differences,
)
from airflow_bridge.group import Group, GroupError, fingerprint, parse_group
from airflow_bridge.names import FOLDER
from airflow_bridge.pool_side import compare_pools
from connector_assets.airflow_api.client import AirflowClient
from connector_assets.airflow_api.runs import asset_name, find_run, make_root
from connector_assets.ledger.records import SyncRow, View
from connector_assets.lifecycle.setting import Setting, make_sync_id

#: What ended so recently may not be told yet.
_JUST_NOW = timedelta(seconds=60)
_COMPILE = "connectors bridge compile"
_READ = "Wait until Airflow has read the files again; does its folder of DAGs have them?"
_MIRROR = "Dagster's daemon tells of it: is it running? (connectors up)"
#: Syncs that Dagster was told of: (asset's connector and stream, sync id, attempt) -> verdict.
ToldByDagster = Mapping[tuple[str, str, str, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The differences, what was compared, and why a side was not."""

    differences: tuple[Difference, ...]
    connectors: int
    syncs: int
    sides: tuple[Side, ...]
    not_compared: Mapping[Side, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What there is to compare; None for a side that is not there.

    ``groups`` are the plan's, ``graph`` what the Dagster asset graph says of each.
    """

    groups: Sequence[Group]
    graph: Mapping[str, Facts]
    folder: Path
    airflow: AirflowClient | None = None
    told: ToldByDagster | None = None
    not_compared: Mapping[Side, str]


def verify(setting: Setting, sides: Sides, *, syncs: int = 50) -> Compared:
    """Compare all sides that there are.

    Raises:
        AirflowError: Airflow does not answer, or refuses.
        LedgerUnreachable: The ledger does not answer.
    """
    rows = _list_syncs(setting, limit=syncs)
    found = [*_verify_files(sides), *_verify_graph(sides)]
    if sides.told is not None:
        found += _verify_told(setting, rows, told=sides.told)
    if sides.airflow is not None:
        dags = read_dags(sides.airflow)
        found += [*_verify_dags(sides, dags), *compare_pools(setting.project, sides.airflow)]
        found += _verify_runs(setting, rows, sides.airflow, dags=dags, limit=syncs)
    asked = {Side.DAGSTER: True, Side.AIRFLOW: sides.airflow is not None}
    return Compared(
        differences=sort_differences(iter(found)),
        connectors=len(sides.groups),
        syncs=len(rows),
        sides=(Side.PLAN, Side.FILES, *(side for side, held in asked.items() if held)),
        not_compared=sides.not_compared,
    )


def _list_syncs(setting: Setting, *, limit: int) -> list[SyncRow]:
    """Return the last syncs that have ended, long enough ago that both views can know."""
    environment = setting.project.environment
    known = {connector.name for connector in setting.project.connectors}
    settled = datetime.now(UTC) - _JUST_NOW
    pending = {
        row.sync_id
        for view in View
        for row in setting.ledger.outbox.pending(view, environment=environment, limit=1000)
        if row.at > settled
    }
    rows = setting.ledger.history.recent(environment=environment, limit=limit)
    return [
        row for row in rows if row.verdict and row.connector in known and row.sync_id not in pending
    ]


def _verify_files(sides: Sides) -> Iterator[Difference]:
    """Compare the plan with the compiled files."""
    files = {path.stem: path for path in (sides.folder / FOLDER).glob("*.json")}
    between = (Side.PLAN, Side.FILES)
    fix = dict.fromkeys((Kind.MISSING_DAG, Kind.LEFTOVER_DAG), _COMPILE)
    expected = {group.name for group in sides.groups}
    yield from compare_names(expected=expected, found=set(files), between=between, fix=fix)
    for group in sides.groups:
        if group.name not in files:
            continue
        try:
            written = _read_file(files[group.name])
        except GroupError as error:
            yield _tell_broken(group.name, Side.FILES, problem=str(error))
            continue
        # Where the steps run is said when it is compiled, and is no part of the plan.
        meant = replace(group, place=written.place)
        meant = replace(meant, fingerprint=fingerprint(meant))
        yield from compare_facts(
            group.name,
            expected=list_facts(meant),
            found=list_facts(written),
            between=between,
            fix=_COMPILE,
        )


def _verify_graph(sides: Sides) -> Iterator[Difference]:
    """Compare the plan with the Dagster asset graph."""
    for group in sides.groups:
        yield from compare_facts(
            group.name,
            expected=list_facts(group),
            found=sides.graph.get(group.name, {Kind.STREAMS_MISMATCH: []}),
            between=(Side.PLAN, Side.DAGSTER),
            fix="Do your own definitions include the project's? (docs/dagster.md)",
        )


def _verify_dags(sides: Sides, dags: AirflowDags) -> Iterator[Difference]:
    """Compare the compiled files with what Airflow has read."""
    groups = dict[str, Group | None]()
    for path in (sides.folder / FOLDER).glob("*.json"):
        # One that cannot be read is told of where the plan is compared.
        try:
            groups[path.stem] = _read_file(path)
        except GroupError:
            groups[path.stem] = None
    between = (Side.FILES, Side.AIRFLOW)
    fix = {Kind.MISSING_DAG: _READ, Kind.LEFTOVER_DAG: _READ}
    found = {*dags.facts, *dags.errors}
    yield from compare_names(expected=set(groups), found=found, between=between, fix=fix)
    for name in sorted({*groups} & found):
        group = groups[name]
        if name in dags.errors:
            problem = dags.errors[name].strip().splitlines()[-1]
            yield _tell_broken(name, Side.AIRFLOW, problem=problem)
        elif group is not None:
            yield from compare_facts(
                name,
                expected=list_facts(group),
                found=dags.facts[name],
                between=between,
                fix=_READ,
            )


def _verify_told(
    setting: Setting, rows: Sequence[SyncRow], *, told: ToldByDagster
) -> Iterator[Difference]:
    """Compare the ledger's syncs with the events in Dagster."""
    for row in rows:
        connector = setting.project.connector(row.connector)
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


def _verify_runs(
    setting: Setting,
    rows: Sequence[SyncRow],
    client: AirflowClient,
    *,
    dags: AirflowDags,
    limit: int,
) -> Iterator[Difference]:
    """Compare the ledger's syncs with the DAG runs and asset events in Airflow."""
    events = read_events(client, limit=2 * limit)
    for row in rows:
        run = find_run(row.root_run_id)
        state = fetch_run_state(client, *run) if run else None
        if run and state is None:
            yield _tell_sync(Kind.SYNC_MISSING_IN_AIRFLOW, row, Side.AIRFLOW)
        elif row.verdict and row.verdict.good:
            yield from _verify_events(row, events)
        elif state == "success" and "undone_by" not in row.result:
            yield _tell_sync(Kind.VERDICT_MISMATCH, row, Side.AIRFLOW, found=state)
    for name in dags.facts:
        yield from _verify_ledger(setting, client, name, limit=min(limit, 20))


def _verify_events(
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


def _verify_ledger(
    setting: Setting, client: AirflowClient, dag: str, *, limit: int
) -> Iterator[Difference]:
    """Tell of DAG runs that the ledger has no sync of."""
    environment = setting.project.environment
    settled = datetime.now(UTC) - _JUST_NOW
    for run in list_runs(client, dag, limit=limit):
        root = make_root(dag, run["dag_run_id"])
        sync_id = make_sync_id(root, connector=dag, environment=environment)
        ended = datetime.fromisoformat(run["end_date"])
        if ended < settled and not setting.ledger.syncs.evidence(sync_id):
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


def _tell_broken(name: str, side: Side, *, problem: str) -> Difference:
    return Difference(
        kind=Kind.BROKEN_DAG,
        connector=name,
        expected_by=Side.PLAN if side is Side.FILES else Side.FILES,
        found_in=side,
        found=problem,
        fix=_COMPILE,
    )


def _read_file(path: Path) -> Group:
    return parse_group(path.read_text(encoding="utf-8", errors="replace"), file=path.name)
