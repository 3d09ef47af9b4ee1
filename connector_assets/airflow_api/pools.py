"""The pools that connectors use, in Airflow: which there should be, and making them so.

A task whose pool Airflow does not have waits for ever. Pools of others are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connector_assets.airflow_api.client import AirflowClient, quote_part
from connector_assets.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool: how many run steps are in it at once."""

    name: str
    slots: int
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChanges:
    """Names of pools: those made, those whose slots were corrected, those that were right."""

    made: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


def list_pools(project: Project) -> tuple[Pool, ...]:
    """Return the pools that the project's connectors use, by name."""
    used = sorted({one.pool for one in project.connectors} - {""})
    words = f"Connectors of {project.id}, see connectors.yaml"
    return tuple(Pool(name=one, slots=project.pools[one], description=words) for one in used)


def render_pool(pool: Pool) -> dict[str, Any]:
    """Return what Airflow is to know of a pool beside its name."""
    return {"slots": pool.slots, "description": pool.description, "include_deferred": False}


def set_pools(client: AirflowClient, pools: tuple[Pool, ...]) -> PoolChanges:
    """Make the pools that Airflow lacks, and give the others their slots; no more than that.

    Raises:
        AirflowError: It does not answer, or refuses; what was set before stays.
    """
    found = {one["name"]: one for one in client.pages("/pools", of="pools")}
    made = tuple(one.name for one in pools if one.name not in found)
    wrong = tuple(
        one.name for one in pools if one.name in found and found[one.name]["slots"] != one.slots
    )
    for pool in pools:
        if pool.name in made:
            client.ask("POST", "/pools", {"name": pool.name, **render_pool(pool)})
        elif pool.name in wrong:
            # Airflow 3.3.2 wants all of it, with the name as `pool`.
            kept = {key: found[pool.name][key] for key in ("description", "include_deferred")}
            body = {"pool": pool.name, "slots": pool.slots, **kept}
            client.ask("PATCH", f"/pools/{quote_part(pool.name)}", body)
    right = tuple(one.name for one in pools if one.name not in (*made, *wrong))
    return PoolChanges(made=made, corrected=wrong, unchanged=right)
