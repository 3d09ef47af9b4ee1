"""The DAG run that a sync belongs to: how the ledger keeps it, and where Airflow shows it."""

from __future__ import annotations

from urllib.parse import quote

_PREFIX = "airflow"
_DAGSTER = "dagster__"


def asset_name(connector: str, stream: str) -> str:
    """Return the name of a stream's asset in Airflow."""
    return f"{connector}/{stream}"


def name_dagster_run(run: str) -> str:
    """Return the id of the DAG run that a run of Dagster starts."""
    return f"{_DAGSTER}{run}"


def find_dagster_run(root_run_id: str) -> str | None:
    """Return the run of Dagster that started a sync's DAG run; None where it was somebody else."""
    found = find_run(root_run_id)
    if found is None or not found[1].startswith(_DAGSTER):
        return None
    return found[1].removeprefix(_DAGSTER)


def name_trigger(run: str) -> str:
    """Return who started a DAG run that the schedule did not."""
    return "dagster" if run.startswith(_DAGSTER) else "manual"


def make_root(dag: str, run: str) -> str:
    """Return what a sync keeps of the DAG run that started it."""
    return f"{_PREFIX}:{dag}:{run}"


def find_run(root_run_id: str) -> tuple[str, str] | None:
    """Return the DAG and the run that a sync was started by; None where it was not by Airflow."""
    prefix, _, rest = root_run_id.partition(":")
    dag, separator, run = rest.partition(":")
    return (dag, run) if prefix == _PREFIX and separator else None


def run_url(url: str, *, dag: str, run: str) -> str:
    """Return the page of a DAG run in the Airflow at ``url``."""
    return f"{url.rstrip('/')}/dags/{quote(dag, safe='')}/runs/{quote(run, safe='')}"
