"""Every id of the Airflow view, each made in one place."""

from __future__ import annotations

from urllib.parse import quote

from airflow_bridge.group import GroupAsset
from connector_assets.airflow_api.runs import asset_name

#: The folder of the groups' files, and the DAG file beside it.
FOLDER = "connectors"
LOADER = "connectors.py"
#: What `airflow pools import` takes, beside them.
POOLS = "pools.json"


def dag_id(group: str) -> str:
    """Return the id of a group's DAG: the connector's name."""
    return group


def stream_asset(connector: str, stream: str) -> GroupAsset:
    """Return the asset of a stream; the same in every environment and on every machine."""
    uri = f"x-connector://{connector}/{quote(stream, safe='')}"
    return GroupAsset(name=asset_name(connector, stream), uri=uri)
