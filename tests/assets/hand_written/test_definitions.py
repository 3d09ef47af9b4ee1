"""Hand-written assets as Dagster shows them, beside the other connectors and to the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import dagster_dlt.constants
import pytest

from airflow_bridge.compile import build_groups
from airflow_bridge.group import Place
from connector_assets.assets import dlt_assets
from connector_assets.assets.build import build_definitions
from connector_assets.assets.dlt_assets import ConnectorDltResource
from connector_assets.engines import python_source
from connector_assets.ledger.store import Ledger
from connector_assets.lock import Lock, LockedColumn, LockedStream, save_lock
from connector_assets.model import Verdict
from connector_assets.project import load_project
from tests.assets.conftest import metadata_of
from tests.assets.hand_written.conftest import Load
from tests.assets.hand_written.project import command, edit

pytestmark = [
    pytest.mark.integration,
    # Dagster's own, of every resource that is a class.
    pytest.mark.filterwarnings("ignore:The `__fields__` attribute:DeprecationWarning"),
]


def lock_issues(root: Path) -> None:
    kinds = {"id": "bigint", "updated": "bigint", "title": "text", "repository": "text"}
    columns = {name: LockedColumn(type=kind) for name, kind in kinds.items()}
    columns["id"] = LockedColumn(type="bigint", nullable=False)
    issues = LockedStream(columns=columns, primary_key=("id",), cursor="updated")
    labels = LockedStream(columns={"id": LockedColumn(type="bigint")})
    save_lock(Lock(connector="github", streams={"issues": issues, "labels": labels}), root=root)


def test_specs_are_those_of_any_other_connector(root: Path, load: Load) -> None:
    lock_issues(root)
    assets = load("github_assets").github_assets
    file = root / "connectors" / "github.yaml"
    file.write_text(file.read_text().replace("dlt_assets:", "python:"))
    graph = build_definitions(load_project(root)).get_repository_def().asset_graph

    for spec in assets.specs:
        twin = graph.get(spec.key)
        shown = {k: v for k, v in spec.metadata.items() if not k.startswith("dagster_dlt/")}
        assert shown.pop("engine") == "dlt/dlt_assets:github_assets:github_assets"
        expected = dict(twin.metadata)
        assert expected.pop("engine") == "dlt/python:github_assets:github_assets"
        assert shown == expected
        assert {"dagster/column_schema", "dagster/table_name"} <= set(shown)
        assert {dep.asset_key for dep in spec.deps} == twin.parent_keys
        assert (spec.group_name, spec.kinds, spec.owners) == (
            twin.group_name,
            twin.kinds,
            twin.owners,
        )
        assert spec.tags == twin.tags
    assert {spec.key.to_user_string() for spec in assets.specs} == {
        "github/issues",
        "github/labels",
    }


def test_definitions_merge_with_those_of_the_project(root: Path, load: Load) -> None:
    later = "name: later\nengine: dlt\nsource: python:github_source:github\ndepends_on: [github]\n"
    later += (
        "destination: lake.later\nconfig: {repository: a}\nstreams: {labels: {write: replace}}\n"
    )
    (root / "connectors" / "later.yaml").write_text(later)

    graph = load("definitions").defs.get_repository_def().asset_graph

    groups = {key.to_user_string(): graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups == {
        "github/issues": "github",
        "github/labels": "github",
        "later/labels": "later",
        "sources/python/github_assets": "sources_python",
        "sources/python/github_source": "sources_python",
    }
    parents = {
        key.to_user_string() for key in graph.get(dg.AssetKey(["later", "labels"])).parent_keys
    }
    assert {"github/issues", "github/labels"} <= parents


def test_definitions_of_the_project_alone_import_no_hand_written_module(root: Path) -> None:
    code = (
        "import sys, connector_assets.definitions as found\n"
        "found.defs().get_repository_def().load_all_definitions()\n"
        "print(sorted({'dlt', 'dagster_dlt', 'github_assets'} & set(sys.modules)))"
    )

    shell = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(shell, cwd=root, capture_output=True, text=True, check=False)

    assert done.stdout == "[]\n", done.stderr


def test_definitions_that_are_not_merged_have_stand_ins(root: Path, load: Load) -> None:
    definitions = build_definitions(load_project(root), stand_ins=True)
    graph = definitions.get_repository_def().asset_graph

    for spec in load("github_assets").github_assets.specs:
        shown = graph.get(spec.key)
        assert (shown.is_executable, shown.group_name) == (False, "github")
        assert shown.description == spec.description
        assert shown.check_keys


def test_airflow_gets_a_group_of_them(root: Path) -> None:
    (group,) = build_groups(load_project(root), folder=root / "dags", place=Place())

    assert (group.name, group.run_step) == ("github", "run_dlt")
    assert [stream.name for stream in group.streams] == ["issues", "labels"]
    assert "dlt_assets:github_assets:github_assets into lake.github" in group.doc


def test_commands_know_the_connector_by_its_name(root: Path, ledger: Ledger) -> None:
    synced = command(root, "sync", "github")
    locked = command(root, "discover", "github", "--lock")
    probed = command(root, "probe", "github")

    assert synced.returncode == 0, synced.stderr
    assert locked.returncode == 0, locked.stderr
    assert probed.returncode == 0, probed.stderr
    assert set(json.loads((root / "locks/github.json").read_text())["streams"]) == {
        "issues",
        "labels",
    }
    (sync,) = ledger.history.recent(environment="dev")
    assert (sync.connector, sync.verdict) == ("github", Verdict.SUCCEEDED)


def test_engine_reads_the_file_for_the_environment_of_its_sync(root: Path) -> None:
    edit(root / "connectors.yaml", "version: 1", "version: 1\nenvironments: {dev: {}, test: {}}")
    edit(root / "connectors.yaml", "project_id", "default_environment: dev\nproject_id")
    file = root / "connectors" / "github.yaml"
    edit(file, "  labels: {write: replace}\n", "")
    file.write_text(
        f"{file.read_text()}environments: {{test: {{streams: {{labels: {{write: replace}}}}}}}}\n"
    )

    # The function makes `labels` too, which only one of the environments has.
    synced = command(root, "sync", "github", "--env", "test")
    probed = command(root, "probe", "github", "--env", "test")

    assert synced.returncode == 0, synced.stderr
    assert probed.returncode == 0, probed.stdout


def test_row_count_is_there_already(root: Path, load: Load) -> None:
    edit(root / "github_assets.py", "(context=context)", "(context=context).fetch_row_count()")

    result = dg.materialize(
        [load("github_assets").github_assets], resources={"dlt": ConnectorDltResource()}
    )

    assert metadata_of(result, "github/issues")["dagster/row_count"] == 2


def test_names_of_dagster_dlt_are_those_that_the_engine_reads() -> None:
    read = (python_source.SOURCE_KEY, python_source.PIPELINE_KEY, dlt_assets.TRANSLATOR_KEY)

    assert read == (
        dagster_dlt.constants.META_KEY_SOURCE,
        dagster_dlt.constants.META_KEY_PIPELINE,
        dagster_dlt.constants.META_KEY_TRANSLATOR,
    )


def test_without_dagster_dlt_the_extra_is_named() -> None:
    code = (
        "import sys\n"
        "sys.modules['dagster_dlt'] = None\n"
        "from connector_assets.errors import ConfigError\n"
        "try:\n    import connector_assets.assets.dlt_assets\n"
        "except ConfigError as error:\n    print(error.fix)"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )

    assert done.stdout == "Run: pip install 'connector-assets[dagster]'\n", done.stderr
