"""The plan: JSON and back, the same on every machine, and a fingerprint of what matters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.errors import ConfigError
from connector_assets.lock import Lock, lock_hash, save_lock
from connector_assets.model import (
    Connector,
    Destination,
    DestinationKind,
    DriftKind,
    DriftPolicy,
    Engine,
    NaiveTimes,
    OnEmpty,
    Retries,
    Schedule,
    Stream,
    WriteDisposition,
)
from connector_assets.plan import Plan, plan_connector

from .folder import PROJECT, SHOP, ProjectFolder

ROOT = Path("/srv/project")
TEXT = st.text(max_size=5)
CONFIG = st.dictionaries(
    TEXT,
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    max_size=2,
)
DRIFT = st.dictionaries(st.sampled_from(DriftKind), st.sampled_from(DriftPolicy), max_size=2)
STREAMS = st.builds(
    Stream,
    name=TEXT,
    table=TEXT,
    write=st.sampled_from(WriteDisposition),
    primary_key=st.lists(TEXT, max_size=2).map(tuple),
    cursor=TEXT,
    on_empty=st.sampled_from(OnEmpty),
    min_rows=st.none() | st.integers(0),
    naive_times=st.none() | st.sampled_from(NaiveTimes),
    drift=DRIFT,
    config=CONFIG,
    line=st.integers(0),
)
CONNECTORS = st.builds(
    Connector,
    name=TEXT,
    owner=TEXT,
    engine=st.sampled_from(Engine),
    source=TEXT,
    destination=st.builds(
        Destination,
        name=TEXT,
        kind=st.sampled_from(DestinationKind),
        path=st.sampled_from(["", "/srv/x.duckdb", "/srv/project/x.duckdb"]),
        catalog=st.sampled_from(["", "sqlite:////srv/project/x", "postgresql://h/d"]),
    ),
    dataset=TEXT,
    streams=st.lists(STREAMS, max_size=2).map(tuple),
    config=CONFIG,
    secrets=st.dictionaries(TEXT, TEXT, max_size=2),
    schedule=st.none() | st.builds(Schedule, cron=TEXT),
    depends_on=st.lists(TEXT, max_size=2).map(tuple),
    retries=st.builds(Retries, max=st.integers(0, 9)),
    drift=DRIFT,
    file=st.just(Path("connectors/x.yaml")),
)


@settings(max_examples=25, deadline=None)
@given(CONNECTORS)
def test_plan_survives_json(connector: Connector) -> None:
    plan = Plan(project_id="p", environment="dev", root=ROOT, connector=connector, fingerprint="f")

    text = json.dumps(plan.to_json())

    assert Plan.from_json(json.loads(text), root=ROOT) == plan


def plan_of(folder: ProjectFolder, text: str = SHOP, environment: str | None = None) -> Plan:
    folder.write("connectors/one.yaml", text)
    project = folder.load(environment)
    return plan_connector(project, project.connectors[0])


def test_plan_is_the_one_under_review(folder: ProjectFolder) -> None:
    reviewed = Path(__file__).parent / "plans" / "shop.json"

    plan = plan_of(folder, SHOP + 'schedule: {cron: "0 2 * * *"}\ndrift: {key_removed: warn}\n')

    assert json.dumps(plan.to_json(), indent=2, sort_keys=True) + "\n" == reviewed.read_text()


def test_plan_names_no_folder_of_this_machine_and_no_alert(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", PROJECT.replace("data/lake\n", "../data/lake\n"))
    home = PROJECT.replace("data/files.duckdb", "~/files.duckdb")
    folder.write("connectors.yaml", home.replace("data_path: data", "data_path: ../data"))

    plan = plan_of(folder, f"{SHOP}alerts: {{urls: ['slack://hunter2']}}\n")
    files = plan_of(folder, SHOP.replace("lake.shop", "files.shop"))

    text = json.dumps([plan.to_json(), files.to_json()])
    assert "hunter2" not in text + repr(plan)
    assert str(folder.root.parent) not in text
    assert str(Path.home()) not in text
    assert Plan.from_json(plan.to_json(), root=folder.root) == plan
    assert Plan.from_json(files.to_json(), root=Path("/x")).connector == files.connector


def test_plan_of_a_destination_moved_by_hand_has_the_new_place(folder: ProjectFolder) -> None:
    plan = plan_of(folder, SHOP.replace("lake.shop", "files.shop"))
    moved = replace(plan.connector.destination, path="/srv/moved.duckdb")

    plan = replace(plan, connector=replace(plan.connector, destination=moved))

    assert plan.to_json()["connector"]["destination"]["path"] == "/srv/moved.duckdb"


def test_plan_of_another_version_is_refused(folder: ProjectFolder) -> None:
    record = {**plan_of(folder).to_json(), "version": 2}

    with pytest.raises(ConfigError, match="the plan has version 2, not 1"):
        Plan.from_json(record, root=folder.root)


def same_meaning(text: str) -> list[str]:
    head, streams, tail = text.partition("streams:\n")
    first, second = tail.splitlines()
    backwards = "\n".join(reversed(head.splitlines()))
    return [
        f"# a comment\n\n{text}",
        f"{head}{streams}{second}\n{first}\n",
        f"{streams}{first}\n{second}\n{backwards}\n",
        text.replace("write: merge, primary_key: id", "primary_key: [id], write: 'merge'"),
        f"{text}defaults: {{on_empty: block, min_rows: }}\nretries: {{max: 2}}\ntimeout: 60m\n",
        f"{text}environments: {{prod: {{timeout: 5m}}}}\n",
        f"{text}alerts: {{urls: ['env:X']}}\n",
        f"{text}pause_after: 3\n",
    ]


@pytest.mark.parametrize("at", range(len(same_meaning(SHOP))))
def test_fingerprint_stays_where_the_meaning_does(folder: ProjectFolder, at: int) -> None:
    text = same_meaning(SHOP)[at]
    assert text != SHOP

    assert plan_of(folder, text).fingerprint == plan_of(folder).fingerprint


def test_fingerprint_is_that_of_another_machine(folder: ProjectFolder, tmp_path: Path) -> None:
    elsewhere = ProjectFolder(tmp_path / "other" / "place")
    elsewhere.write("connectors/renamed.yml", SHOP)

    project = elsewhere.load()
    other = plan_connector(project, project.connector("shop"))

    assert other.fingerprint == plan_of(folder).fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: shop", "name: shop2"),
        ("team-commerce", "team-growth"),
        ("v1", "v2"),
        ("rest_api", "python:a.b:c"),
        ("lake.shop", "lake.shop2"),
        ("lake.shop", "files.shop"),
        ("  orders", "  orders2"),
        ("write: merge", "write: append"),
        ("primary_key: id", "primary_key: [id, day]"),
        ("cursor: updated_at", "cursor: created_at"),
        ("path: orders", "path: order"),
        ("path: orders", "path: orders, limit: 1"),
        ("{path: stores}", "{path: stores}, on_empty: allow"),
        ("{path: stores}", "{path: stores}, min_rows: 1"),
        ("{path: stores}", "{path: stores}, min_share: 0"),
        ("{path: stores}", "{path: stores}, drift: {key_removed: warn}"),
        ("owner", 'schedule: {cron: "0 2 * * *"}\nowner'),
        ("owner", "secrets: {a: 'env:A'}\nowner"),
        ("owner", "retries: {wait: 31s}\nowner"),
        ("owner", "timeout: 61m\nowner"),
        ("owner", "max_wait: 0\nowner"),
        ("owner", "environments: {dev: {timeout: 5m}}\nowner"),
        ("  stores", "  more: {write: append}\n  stores"),
    ],
)
def test_fingerprint_changes_with_the_meaning(folder: ProjectFolder, old: str, new: str) -> None:
    assert old in SHOP

    assert plan_of(folder, SHOP.replace(old, new)).fingerprint != plan_of(folder).fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [("acme", "acme2"), ("data/lake.sqlite", "data/l.sqlite"), ("data/lake\n", "data/l\n")],
)
def test_fingerprint_changes_with_the_project(folder: ProjectFolder, old: str, new: str) -> None:
    before = plan_of(folder).fingerprint

    folder.write("connectors.yaml", PROJECT.replace(old, new))

    assert plan_of(folder).fingerprint != before
    assert plan_of(folder, environment="prod").fingerprint != plan_of(folder).fingerprint


def test_lock_is_in_the_plan_and_not_in_its_fingerprint(folder: ProjectFolder) -> None:
    before = plan_of(folder)
    lock = Lock(connector="shop")

    save_lock(lock, root=folder.root)

    after = plan_of(folder)
    assert (before.lock_hash, after.lock_hash) == ("", lock_hash(lock))
    assert after.fingerprint == before.fingerprint


@pytest.mark.parametrize("value", [10**30, -(2**63), 0.1, 1e300, 1.0, True, None, "ü\u2028'\""])
def test_value_of_a_config_comes_back_as_it_was(folder: ProjectFolder, value: Any) -> None:
    text = SHOP.replace("path: stores", f"value: {json.dumps(value, ensure_ascii=False)}")
    plan = plan_of(folder, text)

    back = Plan.from_json(json.loads(json.dumps(plan.to_json())), root=folder.root)

    kept = back.connector.streams[1].config["value"]
    assert (kept, type(kept)) == (value, type(value))
