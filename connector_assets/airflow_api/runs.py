"""The DAG run that a sync belongs to: how the ledger keeps it, and where Airflow shows it."""

from __future__ import annotations

from urllib.parse import quote

_PREFIX = "airflow"


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
