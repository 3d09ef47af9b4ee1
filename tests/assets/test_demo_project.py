"""The connectors of the demo in a real Dagster, whose API shows all that each asset is to tell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_assets.assets.servers import serve
from connector_assets.cli import demo_project
from connector_assets.project import load_project
from tests.assets.instance import Instance, metadata

pytestmark = pytest.mark.integration
STREAMS = {
    "airports/airports": {"dlt", "ducklake"},
    "flights/flights": {"meltano", "ducklake"},
    "operations/airlines": {"dlt", "duckdb"},
    "operations/planes": {"dlt", "duckdb"},
    "operations/weather": {"dlt", "duckdb"},
}
#: What the page of each asset tells before a sync, and of a sync.
DEFINED = {
    "dagster/table_name",
    "dagster/column_schema",
    "dagster/code_references",
    "engine",
    "write",
    "primary_key",
}
TOLD = {
    "verdict",
    "sync_id",
    "attempt",
    "environment",
    "log",
    "rows_emitted",
    "rows_staged",
    "rows_in_destination",
    "dagster/row_count",
    "dagster/table_name",
    "dagster/column_schema",
    "seconds_extract",
    "seconds_load",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    demo = tmp_path_factory.mktemp("demo") / "project"
    demo_project.copy_example(demo)
    demo_project.install_tap(demo)
    demo_project.publish_flights(demo, until="2013-01")
    return demo


@pytest.fixture(scope="module")
def instance(folder: Path) -> Iterator[Instance]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYC_API_TOKEN", "a-word-for-this-test")
        with (
            demo_project.serve_airports(folder, environment=os.environ),
            serve(load_project(folder), port=0) as running,
        ):
            yield Instance(running.url)


@pytest.fixture(scope="module")
def materialized(instance: Instance) -> dict[str, Any]:
    """The run of all streams of all connectors, ended."""
    return instance.wait(instance.materialize(*STREAMS), seconds=240)


def test_every_demo_connector_ends_well(materialized: dict[str, Any]) -> None:
    assert materialized["status"] == "SUCCESS", json.dumps(materialized)
    steps = {step["stepKey"]: step["status"] for step in materialized["stepStats"]}
    assert set(steps) == {
        f"{connector}.{step}"
        for connector, run in (
            ("airports", "run_dlt"),
            ("flights", "run_meltano"),
            ("operations", "run_dlt"),
        )
        for step in ("start_dag", run, "finalize_dag", "final_status")
    }


@pytest.mark.usefixtures("materialized")
@pytest.mark.parametrize("key", STREAMS)
def test_page_of_each_stream_tells_all_of_it(instance: Instance, folder: Path, key: str) -> None:
    connector, stream = key.split("/")

    asset = instance.asset(key)

    defined = {entry["label"]: entry for entry in asset["metadataEntries"]}
    (last,) = asset["assetMaterializations"]
    told = metadata(last["metadataEntries"])
    assert set(defined) >= DEFINED
    assert set(told) >= TOLD
    assert (asset["groupName"], set(asset["kinds"])) == (connector, STREAMS[key])
    assert asset["owners"] == [{"team": "team-aviation"}]
    assert {tag["key"]: tag["value"] for tag in asset["tags"]}["connectors/connector"] == connector
    assert "America/New_York" in asset["description"]
    assert defined["dagster/column_schema"]["schema"]["columns"]
    (place,) = defined["dagster/code_references"]["codeReferences"]
    line = Path(place["filePath"]).read_text().splitlines()[place["lineNumber"] - 1]
    assert line.strip().startswith(f"{stream}:")
    assert told["verdict"] == "succeeded"
    assert told["dagster/row_count"] == _count(folder, stream)
    assert Path(told["log"]).is_file()
    assert instance.checks(key)["rows"] is True


def test_cursor_is_told_before_and_after(instance: Instance, materialized: dict[str, Any]) -> None:
    assert materialized["status"] == "SUCCESS"
    (last,) = instance.asset("flights/flights")["assetMaterializations"]

    told = metadata(last["metadataEntries"])

    assert (told["cursor_before"], told["cursor_after"]) == ("none", "2013-01-31")


def _count(folder: Path, stream: str) -> int:
    rows: int = json.loads(demo_project.read_sources(folder))[stream]["rows"]
    return rows
