"""What Dagster shows before anything ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector_assets.assets.build import build_definitions
from connector_assets.lock import Lock, LockedColumn, LockedStream, save_lock
from connector_assets.project import load_project

pytestmark = pytest.mark.integration


def find(definitions: dg.Definitions, key: str) -> Any:
    graph = definitions.get_repository_def().asset_graph
    return graph.get(dg.AssetKey(key.split("/")))


def test_each_stream_is_an_asset_of_its_connectors_group(definitions: dg.Definitions) -> None:
    graph = definitions.get_repository_def().asset_graph

    groups = {key.to_user_string(): graph.get(key).group_name for key in graph.get_all_asset_keys()}

    assert groups == {
        "shop/orders": "shop",
        "shop/stores": "shop",
        "staff/stores": "staff",
        "report/rows": "report",
        "sources/sqlite/source.sqlite": "sources",
        "sources/python/report_source": "sources",
        "broken/odd": "broken_odd",
    }


def test_source_system_and_other_connectors_are_upstream(definitions: dg.Definitions) -> None:
    parents = {
        key: {parent.to_user_string() for parent in find(definitions, key).parent_keys}
        for key in ("shop/orders", "staff/stores", "report/rows")
    }

    assert parents["shop/orders"] == parents["staff/stores"] == {"sources/sqlite/source.sqlite"}
    assert parents["report/rows"] == {
        "sources/python/report_source",
        "shop/orders",
        "shop/stores",
    }


def test_asset_has_table_owner_kinds_schedule_and_its_place_in_the_yaml(
    definitions: dg.Definitions, root: Path
) -> None:
    asset = find(definitions, "shop/orders")

    (place,) = asset.metadata["dagster/code_references"].code_references
    assert (place.file_path, place.line_number) == (str(root / "connectors/shop.yaml"), 9)
    assert asset.metadata["dagster/table_name"] == "lake.shop.orders"
    assert asset.metadata["write"] == "append"
    assert asset.metadata["cursor"] == "id"
    assert asset.owners == ["ada@shop.example"]
    assert find(definitions, "staff/stores").owners == ["team:team"]
    assert asset.kinds == {"dlt", "ducklake"}
    assert "`0 2 * * *` Europe/Berlin" in asset.description


def test_columns_of_the_lock_are_shown_before_the_first_run(root: Path) -> None:
    nested = LockedColumn(type="json", fields={"city": LockedColumn(type="text")})
    key = LockedColumn(type="bigint", nullable=False, description="Of the order.")
    columns = {"id": key, "address": nested}
    stream = LockedStream(columns=columns, primary_key=("id",))
    child = LockedStream(columns={"value": LockedColumn(type="text")})
    save_lock(Lock(connector="shop", streams={"orders": stream, "orders__tags": child}), root=root)

    asset = find(build_definitions(load_project(root, tolerate=True)), "shop/orders")

    schema = asset.metadata["dagster/column_schema"]
    shown = [(one.name, one.type, one.constraints.nullable) for one in schema.columns]
    assert shown == [("address", "json", True), ("address.city", "text", True),
                     ("id", "bigint", False)]  # fmt: skip
    assert [one.description for one in schema.columns] == [None, None, "Of the order."]
    assert asset.metadata["child_tables"] == "lake.shop.orders__tags"
    assert asset.metadata["primary_key"] == "id"


def test_broken_file_is_shown_with_its_error_and_others_are_not_concerned(
    definitions: dg.Definitions,
) -> None:
    broken = find(definitions, "broken/odd")

    assert broken.kinds == {"broken"}
    assert "connectors/odd.yaml:2" in broken.description
    assert "fivetran" in broken.description


def test_broken_lock_breaks_one_connector(root: Path) -> None:
    (root / "locks").mkdir()
    (root / "locks" / "shop.json").write_text("{")

    definitions = build_definitions(load_project(root, tolerate=True))

    assert "not valid JSON" in find(definitions, "broken/shop").description
    assert find(definitions, "staff/stores").group_name == "staff"


def test_definitions_load_no_engine_and_no_other_orchestrator(root: Path) -> None:
    code = (
        "import sys, connector_assets.definitions as found\n"
        "found.defs().get_repository_def().load_all_definitions()\n"
        "print(sorted({'dlt', 'meltano', 'airflow', 'duckdb', 'requests'} & set(sys.modules)))"
    )

    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    assert done.stdout == "[]\n", done.stderr
