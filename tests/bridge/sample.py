"""A group as compile makes it, with everything that one can have; a project to compile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_bridge.group import Group, GroupSchedule, GroupStream, fingerprint
from airflow_bridge.names import stream_asset

SHOP = Group(
    name="shop",
    project_id="shop",
    project="../..",
    environment="prod",
    engine="dlt",
    run_step="run_dlt",
    streams=(
        GroupStream(name="orders", asset=stream_asset("shop", "orders"), table="lake.shop.orders"),
        GroupStream(name="stores", asset=stream_asset("shop", "stores"), table="lake.shop.stores"),
    ),
    schedule=GroupSchedule(cron="30 2 * * *", timezone="Europe/Berlin"),
    retries=3,
    retry_wait=45.0,
    timeout=1800.0,
    pool="shop_api",
    owner="ada@shop.example",
    tags=("dlt", "lake"),
    doc="# shop\n\nSyncs the shop: Größe, 数.\n",
    plan="a41f" * 16,
)


def vary(**changes: Any) -> Group:
    """Return the group with changes, and the fingerprint that it has then."""
    changed = replace(SHOP, **changes)
    return replace(changed, fingerprint=fingerprint(changed))


def write_project(root: Path) -> None:
    """Write the files of the connectors shop, staff and report, and of a broken one, odd."""
    # It stands beside what needs Dagster, which the fast tests would load as well.
    from tests.assets.conftest import write_project as write

    write(root)
