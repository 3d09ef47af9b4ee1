"""What Airflow shows, read over its REST API: its DAGs, their runs, and the events of assets."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from airflow_bridge.differences import Facts, Kind
from airflow_bridge.names import LOADER
from airflow_bridge.render_facts import FINGERPRINT, MARGIN
from connector_assets.airflow_api.client import AirflowClient, AirflowError, quote_part

_USUAL_POOL = "default_pool"
_TRIES, _NOT_FOUND, _BROKEN = 20, 404, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowDags:
    """The DAGs of a project's DAG file by name, and the files with an import error."""

    facts: Mapping[str, Facts]
    errors: Mapping[str, str] = field(default_factory=dict)


def read_dags(client: AirflowClient) -> AirflowDags:
    """Return what Airflow has of the connectors' DAG file.

    Raises:
        AirflowError: It does not answer, or refuses.
    """
    names = [
        dag["dag_id"]
        for dag in client.pages("/dags", of="dags")
        if (dag.get("relative_fileloc") or "").endswith(LOADER)
    ]
    errors = {
        error["filename"].rpartition("/")[2].removesuffix(".json"): error["stack_trace"]
        for error in client.pages("/importErrors", of="import_errors")
        if error["filename"].endswith(".json")
    }
    return AirflowDags(facts={name: _read_dag(client, name) for name in names}, errors=errors)


def fetch_run_state(client: AirflowClient, dag: str, run: str) -> str | None:
    """Return the state of a DAG run; None where Airflow has none of the id."""
    try:
        return str(client.run(dag, run)["state"])
    except AirflowError as error:
        if error.status == _NOT_FOUND:
            return None
        raise


def list_runs(client: AirflowClient, dag: str, *, limit: int) -> list[dict[str, Any]]:
    """Return the last runs of a DAG that have ended, newest first."""
    asked = client.pages(f"/dags/{quote_part(dag)}/dagRuns", of="dag_runs", order_by="-run_after")
    return [run for run in islice(asked, limit) if run["state"] in ("success", "failed")]


def read_events(client: AirflowClient, *, limit: int) -> dict[str, list[dict[str, Any]]]:
    """Return the extras of the last events of every asset of ours, by the asset's name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for asset in client.pages("/assets", of="assets"):
        if asset["group"] == "connector":
            found[asset["name"]] = _list_extras(client, asset["id"], limit=limit)
    return found


def _read_dag(client: AirflowClient, name: str) -> Facts:
    path = f"/dags/{quote_part(name)}"
    dag = client.ask("GET", f"{path}/details")
    tasks = {task["task_id"]: task for task in client.ask("GET", f"{path}/tasks")["tasks"]}
    run: Mapping[str, Any] = next((tasks[key] for key in tasks if key.startswith("run_")), {})
    pool = run.get("pool", _USUAL_POOL)
    timeout = _seconds(run.get("execution_timeout"))
    assets = dag["asset_expression"]
    fingerprint = re.search(FINGERPRINT.format(r"(\w+)"), dag["doc_md"] or "")
    owner = run.get("owner", "")
    return {
        Kind.STEP_MISMATCH: _order(tasks),
        Kind.SCHEDULE_MISMATCH: dag["timetable_summary"] if dag["timetable_periodic"] else "",
        Kind.RETRIES_MISMATCH: [int(run.get("retries", 0)), _seconds(run.get("retry_delay"))],
        Kind.TIMEOUT_MISMATCH: None if timeout is None else timeout - MARGIN.total_seconds(),
        Kind.OWNER_MISMATCH: "" if owner == "connectors" else owner,
        Kind.UPSTREAM_MISMATCH: sorted(_list_assets(assets)),
        Kind.STREAMS_MISMATCH: sorted(dag["params"]["streams"]["schema"]["items"]["enum"]),
        Kind.POOL_MISMATCH: "" if pool == _USUAL_POOL else pool,
        Kind.STALE_FINGERPRINT: fingerprint[1] if fingerprint else "",
    }


def _order(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the ids of tasks, those upstream first."""
    left, found = dict(tasks), list[str]()
    while left:
        later = {each for task in left.values() for each in task["downstream_task_ids"]}
        first = sorted(set(left) - later) or sorted(left)
        found += first
        left = {key: task for key, task in left.items() if key not in first}
    return found


def _list_assets(expression: Any) -> Iterator[str]:
    if isinstance(expression, Mapping):
        if "asset" in expression:
            yield expression["asset"]["name"]
            return
        expression = list(expression.values())
    for below in expression if isinstance(expression, list) else ():
        yield from _list_assets(below)


def _seconds(delta: Mapping[str, Any] | None) -> float | None:
    if delta is None:
        return None
    return float(delta["days"] * 86_400 + delta["seconds"] + delta["microseconds"] / 1e6)


def _list_extras(client: AirflowClient, asset: int, *, limit: int) -> list[dict[str, Any]]:
    # Airflow 3.3.2 cannot list them while a DAG run that one of them started has not begun.
    for tried in range(_TRIES):
        try:
            asked = client.pages(
                "/assets/events", of="asset_events", asset_id=asset, order_by="-timestamp"
            )
            return [event.get("extra") or {} for event in islice(asked, limit)]
        except AirflowError as error:
            if error.status < _BROKEN or tried == _TRIES - 1:
                raise
            time.sleep(0.5)
    raise AssertionError
