"""Existing Meltano projects work as they are: what is declared there holds, and is inherited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector_assets.errors import ConfigError

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration

ORDERS = stream("orders", cursor="id")
FULL = """
version: 1
default_environment: staging
project_id: an-old-one
requires_meltano: ">=3"
include_paths: ["./sub projects/*.meltano.yml"]
env: {TOP: from-the-top}
elt: {buffer_size: 20971520}
state_backend: {uri: "s3://not-there/states"}
database_uri: "postgresql://nobody@127.0.0.1:1/none"
environments:
- name: dev
  config:
    plugins:
      extractors:
      - name: tap-base
        config: {region: dev-region}
- name: staging
  config:
    plugins:
      extractors:
      - name: tap-base
        config: {region: staging-region}
        select: ["orders.name"]
jobs:
- {name: all, tasks: ["tap-shop connector-lake", "tap-base connector-lake"]}
schedules:
- {name: daily, interval: "@daily", job: all}
plugins:
  extractors:
  - name: tap-base
    namespace: tap_base
    executable: ./taps/tap-well-behaved
    capabilities: [catalog, discover, state]
    settings:
    - {name: since, kind: date_iso8601, value: "2024-01-01T00:00:00Z"}
    - {name: region}
    - {name: password, kind: password}
    - {name: folder}
    - {name: streams, kind: object}
    config: {folder: "$MELTANO_PROJECT_ROOT/data", top: "$TOP"}
    metadata: {orders: {note: from-the-project}}
  loaders:
  - {name: connector-lake, namespace: target_x, executable: target-x}
  mappers:
  - name: mapper-x
    namespace: mapper_x
    executable: mapper-x
    mappings: [{name: hide, config: {rules: []}}]
  utilities:
  - {name: dbt-x, namespace: dbt_x, executable: dbt-x}
"""
INCLUDED = """
schedules:
plugins:
  extractors:
  - name: tap-shop
    inherit_from: tap-base
    config: {region: included, extra: yes}
    select: ["orders.*", "!orders.price", "customers.*"]
"""


@pytest.fixture
def old(tmp_path: Path, declare_taps: Any) -> Bench:
    root = tmp_path / "old project"
    (root / "sub projects").mkdir(parents=True)
    (root / "meltano.yml").write_text(FULL)
    (root / "sub projects" / "shop.meltano.yml").write_text(INCLUDED)
    declare_taps(root)
    return Bench(root)


def names(rows: list[dict[str, Any]]) -> set[str]:
    """Return the columns that have a value."""
    found = {name for row in rows for name, value in row.items() if value is not None}
    return {name for name in found if not name.startswith("_")}


def add(root: Path, **extras: Any) -> None:
    """Add to what tap-shop says."""
    file = root / "sub projects" / "shop.meltano.yml"
    content = yaml.safe_load(file.read_text())
    content["plugins"]["extractors"][0].update(extras)
    del content["schedules"]
    file.write_text(yaml.safe_dump(content))


def test_an_old_project_runs_with_what_it_declares(old: Bench) -> None:
    declared = connector("tap-shop", ORDERS, config={"extra": "from-the-connector"})

    old.stage(declared)

    config = old.config_of_tap()
    overlay = old.root / ".connectors" / "meltano" / "shop"
    assert config == {
        "since": "2024-01-01T00:00:00Z",
        "region": "included",
        "folder": f"{overlay}/data",
        "top": "from-the-top",
        "extra": "from-the-connector",
    }
    assert names(old.rows(declared, "orders")) == {"id", "name", "updated_at"}
    assert old.state(declared)["facts"]["orders"]["note"] == "from-the-project"


@pytest.mark.parametrize(
    ("environment", "region", "columns"),
    [
        ("dev", "dev-region", {"id", "name", "updated_at", "price"}),
        ("staging", "staging-region", {"id", "name"}),
        ("prod", None, {"id", "name", "updated_at", "price"}),
    ],
)
def test_the_environment_of_the_run_decides_even_where_meltano_has_none(
    old: Bench, environment: str, region: str | None, columns: set[str]
) -> None:
    declared = connector("tap-base", ORDERS)
    state = old.write_state({"bookmarks": {"orders": {"id": 8}}})

    old.stage(declared, environment=environment, state=state)

    assert old.config_of_tap().get("region") == region
    rows = old.rows(declared, "orders")
    assert ([row["id"] for row in rows], names(rows)) == ([9, 10], columns)


def test_the_connector_comes_before_variables_and_those_before_the_project(
    old: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old.root / ".env").write_text("TAP_BASE_FOLDER=from-dotenv\nTAP_BASE_PASSWORD=wrong\n")
    monkeypatch.setenv("TAP_BASE_REGION", "from-a-variable")
    monkeypatch.setenv("TAP_BASE__SELECT", '["customers.*"]')
    monkeypatch.setenv("MELTANO_ENVIRONMENT", "staging")
    declared = connector(
        "tap-base", ORDERS, config={"since": "2020-01-01"}, secrets={"password": "env:P"}
    )
    monkeypatch.setenv("TAP_BASE_SINCE", "1999-01-01")

    manifest = old.stage(declared, secrets={"password": "right"})

    config = old.config_of_tap()
    assert config["since"] == "2020-01-01"
    assert (config["region"], config["folder"]) == ("from-a-variable", "from-dotenv")
    assert config["password"] == "right"
    assert list(manifest["streams"]) == ["orders"]


def test_config_reaches_the_tap_as_it_is(old: Bench) -> None:
    given: dict[str, Any] = {
        "whole": 7,
        "float": 1.5,
        "yes": True,
        "text": "007",
        "empty": "",
        "json": '{"a": 1}',
        "none": [None],
        "list": ["${token}", {"deep": "x ${token} y"}],
        "object": {"a": {"b": [1, 2]}, "c": {}},
        "not a reference": "$${token}",
        "domain": "ACME\\${user}",
        "dollars": "a$$b $ {x}",
    }
    secrets = {"token": "$HOME ${user}", "user": "Jo", "user-2": "dash", "user_2": "underscore"}
    declared = connector("tap-base", ORDERS, config=given, secrets=dict.fromkeys(secrets, "env:X"))

    old.stage(declared, secrets=secrets)

    config = old.config_of_tap()
    assert {name: config[name] for name in given} == {
        **given,
        "list": ["$HOME ${user}", {"deep": "x $HOME ${user} y"}],
        "not a reference": "${token}",
        "domain": "ACME\\Jo",
    }
    assert (config["user-2"], config["user_2"]) == ("dash", "underscore")


def test_a_stream_that_the_project_filters_out_is_refused(old: Bench) -> None:
    add(old.root, select_filter=["customers"])

    with pytest.raises(ConfigError, match="excludes the stream 'orders'") as caught:
        old.stage(connector("tap-shop", ORDERS))

    assert "select_filter" in caught.value.fix


def test_a_catalog_of_the_projects_own_has_to_say_what_the_connector_says(old: Bench) -> None:
    # Meltano applies no rules to it: neither selection nor cursor.
    metadata = {"selected": True, "replication-method": "FULL_TABLE"}
    entry = {
        "tap_stream_id": "orders",
        "schema": {"properties": {"id": {"type": "integer"}}},
        "metadata": [
            {"breadcrumb": [], "metadata": metadata},
            {"breadcrumb": ["properties", "id"], "metadata": {"inclusion": "automatic"}},
        ],
    }
    (old.root / "own.json").write_text(json.dumps({"streams": [entry]}))
    add(old.root, catalog="own.json")

    with pytest.raises(ConfigError, match="'orders' with another replication-method") as caught:
        old.stage(connector("tap-shop", ORDERS))

    assert "`catalog`" in caught.value.fix
    assert old.stage(connector("tap-shop", stream("orders")))["streams"]["orders"]["staged"] == 10


def test_a_secret_in_the_config_of_a_stream_becomes_metadata(old: Bench) -> None:
    orders = stream("orders", config={"filter": "owner = '${owner}'"})
    declared = connector("tap-base", orders, secrets={"owner": "env:O"})

    old.stage(declared, secrets={"owner": "Zoë"})

    assert old.state(declared)["facts"]["orders"]["filter"] == "owner = 'Zoë'"
    assert "owner" not in old.config_of_tap()
