"""What can differ between the plan, its compiled files, both views and the ledger; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_bridge.group import Group
from airflow_bridge.render_facts import SHOWN


class Side(StrEnum):
    """What is compared."""

    PLAN = "plan"
    FILES = "files"
    DAGSTER = "dagster"
    AIRFLOW = "airflow"
    LEDGER = "ledger"


class Kind(StrEnum):
    """A typed difference."""

    MISSING_DAG = "missing_dag"
    LEFTOVER_DAG = "leftover_dag"
    BROKEN_DAG = "broken_dag"
    STALE_FINGERPRINT = "stale_fingerprint"
    SCHEDULE_MISMATCH = "schedule_mismatch"
    TIMEZONE_MISMATCH = "timezone_mismatch"
    STEP_MISMATCH = "step_mismatch"
    RETRIES_MISMATCH = "retries_mismatch"
    TIMEOUT_MISMATCH = "timeout_mismatch"
    OWNER_MISMATCH = "owner_mismatch"
    UPSTREAM_MISMATCH = "upstream_mismatch"
    STREAMS_MISMATCH = "streams_mismatch"
    POOL_MISMATCH = "pool_mismatch"
    MISSING_POOL = "missing_pool"
    SLOTS_MISMATCH = "slots_mismatch"
    SYNC_MISSING_IN_DAGSTER = "sync_missing_in_dagster"
    SYNC_MISSING_IN_AIRFLOW = "sync_missing_in_airflow"
    SYNC_MISSING_IN_LEDGER = "sync_missing_in_ledger"
    VERDICT_MISMATCH = "verdict_mismatch"


#: What a view shows of a DAG, by the difference that it makes.
Facts = Mapping[Kind, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference: what ``expected`` says and ``found`` says otherwise, and what to do."""

    kind: Kind
    connector: str
    expected_by: Side
    found_in: Side
    expected: Any = None
    found: Any = None
    sync_id: str = ""
    fix: str = ""


def list_facts(group: Group) -> Facts:
    """Return what a group says of its DAG."""
    return {
        Kind.STEP_MISMATCH: ["start_dag", group.run_step, "finalize_dag", "final_status"],
        Kind.SCHEDULE_MISMATCH: group.schedule.cron if group.schedule else "",
        Kind.TIMEZONE_MISMATCH: group.schedule.timezone if group.schedule else "",
        Kind.RETRIES_MISMATCH: [group.retries, group.retry_wait],
        Kind.TIMEOUT_MISMATCH: group.timeout,
        Kind.OWNER_MISMATCH: group.owner,
        Kind.UPSTREAM_MISMATCH: sorted(asset.name for asset in group.upstream),
        Kind.STREAMS_MISMATCH: sorted(stream.name for stream in group.streams),
        Kind.POOL_MISMATCH: group.pool,
        Kind.STALE_FINGERPRINT: group.fingerprint[:SHOWN],
    }


def compare_facts(
    connector: str, *, expected: Facts, found: Facts, between: tuple[Side, Side], fix: str
) -> Iterator[Difference]:
    """Yield how two sides differ in what both of them show.

    A fingerprint alone is told only where nothing else explains it.
    """
    differ = [kind for kind in expected if kind in found and expected[kind] != found[kind]]
    told = [kind for kind in differ if kind is not Kind.STALE_FINGERPRINT] or differ
    for kind in told:
        yield Difference(
            kind=kind,
            connector=connector,
            expected_by=between[0],
            found_in=between[1],
            expected=expected[kind],
            found=found[kind],
            fix=fix,
        )


def compare_names(
    *, expected: set[str], found: set[str], between: tuple[Side, Side], fix: Mapping[Kind, str]
) -> Iterator[Difference]:
    """Yield the DAGs that one of two sides lacks."""
    for kind, names in (
        (Kind.MISSING_DAG, expected - found),
        (Kind.LEFTOVER_DAG, found - expected),
    ):
        for name in names:
            yield Difference(
                kind=kind,
                connector=name,
                expected_by=between[0],
                found_in=between[1],
                fix=fix[kind],
            )


def sort_differences(differences: Iterator[Difference]) -> tuple[Difference, ...]:
    """Return differences by connector, side and kind."""
    return tuple(
        sorted(differences, key=lambda one: (one.connector, one.found_in, one.kind, one.sync_id))
    )
