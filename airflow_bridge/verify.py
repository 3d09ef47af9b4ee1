"""Compares what the plan says with what Dagster, the compiled files and Airflow make of it.

Each seam is compared by itself, so that one cause is told once: the plan with the files, the files
with Airflow, the plan with the Dagster graph, the ledger's last syncs with both views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_bridge.airflow_side import AirflowDags, read_dags
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
from airflow_bridge.verify_syncs import (
    ToldByDagster,
    compare_runs,
    compare_told,
    pick_syncs,
)
from connector_assets.airflow_api.client import AirflowClient
from connector_assets.lifecycle.setting import Setting

#: What ended so recently may not be told yet.
JUST_NOW = timedelta(seconds=60)
_COMPILE = "connectors bridge compile"
_READ = "Wait until Airflow has read the files again; does its folder of DAGs have them?"


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


def verify(
    setting: Setting, sides: Sides, *, syncs: int = 50, untold: timedelta = JUST_NOW
) -> Compared:
    """Compare all sides that there are, and the last ``syncs`` of them.

    A view has ``untold`` to hear of what ended: until then its silence is no difference.

    Raises:
        AirflowError: Airflow does not answer, or refuses.
        LedgerUnreachable: The ledger does not answer.
    """
    last = pick_syncs(setting, limit=syncs, before=datetime.now(UTC) - untold)
    found = [*_verify_files(sides), *_verify_graph(sides)]
    if sides.told is not None:
        found += compare_told(last, sides.told)
    if sides.airflow is not None:
        dags = read_dags(sides.airflow)
        found += [*_verify_dags(sides, dags), *compare_pools(setting.project, sides.airflow)]
        found += compare_runs(last, sides.airflow, dags=dags)
    asked = {Side.DAGSTER: True, Side.AIRFLOW: sides.airflow is not None}
    return Compared(
        differences=sort_differences(iter(found)),
        connectors=len(sides.groups),
        syncs=len(last.rows),
        sides=(Side.PLAN, Side.FILES, *(side for side, held in asked.items() if held)),
        not_compared=sides.not_compared,
    )


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
