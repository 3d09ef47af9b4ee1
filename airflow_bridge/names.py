"""Every id of the Airflow view, each made in one place."""

from __future__ import annotations

from urllib.parse import quote

#: The folder of the groups' files, and the DAG file beside it.
FOLDER = "connectors"
LOADER = "connectors.py"


def dag_id(group: str) -> str:
    """Return the id of a group's DAG: the connector's name."""
    return group


def asset_name(connector: str, stream: str) -> str:
    """Return the name of a stream's asset."""
    return f"{connector}/{stream}"


def asset_uri(connector: str, stream: str) -> str:
    """Return the URI of a stream's asset; the same in every environment and on every machine."""
    return f"x-connector://{connector}/{quote(stream, safe='')}"


def root_run_id(dag: str, run: str) -> str:
    """Return what a sync keeps of the DAG run that started it."""
    return f"airflow:{dag}:{run}"
