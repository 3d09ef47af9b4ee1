"""The pools that connectors use, against those that Airflow has."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bridge.differences import Difference, Kind, Side
from connector_assets.airflow_api.client import AirflowClient
from connector_assets.project import Project

_SET = "connectors bridge pools"


def compare_pools(project: Project, client: AirflowClient) -> Iterator[Difference]:
    """Yield each connector whose pool is not there, or has other slots.

    Raises:
        AirflowError: It does not answer, or refuses.
    """
    users = [one for one in project.connectors if one.pool]
    if not users:
        return
    slots = {one["name"]: one["slots"] for one in client.pages("/pools", of="pools")}
    for one in users:
        expected, found = project.pools[one.pool], slots.get(one.pool)
        if expected != found:
            yield Difference(
                kind=Kind.MISSING_POOL if found is None else Kind.SLOTS_MISMATCH,
                connector=one.name,
                expected_by=Side.PLAN,
                found_in=Side.AIRFLOW,
                expected=f"{one.pool}: {expected}",
                found="" if found is None else f"{one.pool}: {found}",
                fix=_SET,
            )
