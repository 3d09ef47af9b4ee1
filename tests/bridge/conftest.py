"""A compiled project, and groups of every other form beside its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_bridge.compile import compile_project
from airflow_bridge.group import GroupSchedule, render_group
from airflow_bridge.names import stream_asset
from connector_assets.project import load_project
from tests.bridge.sample import vary, write_project

DAILY = GroupSchedule(cron="15 6 * * *", timezone="Europe/Berlin")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of DAGs of a project: three connectors', one of Meltano, one that waits."""
    root = tmp_path_factory.mktemp("project")
    write_project(root)
    compile_project(load_project(root, tolerate=True), folder=root / "dags")
    for group in (
        vary(name="github", engine="meltano", run_step="run_meltano", schedule=DAILY),
        vary(name="later", schedule=None, upstream=(stream_asset("shop", "orders"),), owner=""),
    ):
        text = render_group(group)
        (root / "dags" / "connectors" / f"{group.name}.json").write_text(text, encoding="utf-8")
    return root / "dags"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an Airflow of this module's own."""
    return tmp_path_factory.mktemp("airflow")
