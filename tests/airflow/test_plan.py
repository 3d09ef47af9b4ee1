"""What the plan says, as Airflow does it: pools, and runs from the beginning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_bridge.differences import Kind
from airflow_bridge.pool_side import compare_pools
from connector_assets.destinations.connect import connected
from tests.airflow.world import World, open_world

pytestmark = pytest.mark.integration
CONNECTORS = {"first": "pool: shared", "second": "pool: shared", "again": ""}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("world")
    with open_world(
        root, connectors=CONNECTORS, project_too="pools: {shared: 1, unused: 3}"
    ) as one:
        yield one


def set_pools(world: World) -> dict[str, list[str]]:
    """Run ``connectors bridge pools`` and return what it did."""
    words = ("bridge", "pools", "--json", "--project", str(world.root))
    access = world.airflow.login.variables(world.airflow.url)
    done = subprocess.run(
        [sys.executable, "-m", "connector_assets.cli", *words],
        env={**os.environ, **access},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def find_differences(world: World) -> list[Kind]:
    return [one.kind for one in compare_pools(world.project, world.airflow.client)]


def list_slots(world: World) -> dict[str, int]:
    pools = world.airflow.client.pages("/pools", of="pools")
    return {one["name"]: one["slots"] for one in pools if one["name"] != "default_pool"}


def find_task(world: World, name: str, run: str) -> dict[str, Any]:
    return world.airflow.client.task_instances(name, run)["run_dlt"]


def test_pools_are_made_and_corrected_and_those_of_others_left_alone(world: World) -> None:
    theirs = {"name": "theirs", "slots": 7, "description": "ours"}
    world.airflow.client.ask("POST", "/pools", theirs)

    missing = find_differences(world)
    made = set_pools(world)
    changed = {"pool": "shared", "slots": 5, "description": "more", "include_deferred": True}
    world.airflow.client.ask("PATCH", "/pools/shared", changed)
    wrong = find_differences(world)
    corrected = set_pools(world)
    again = set_pools(world)

    assert made == {"made": ["shared"], "corrected": [], "unchanged": []}
    assert corrected == {"made": [], "corrected": ["shared"], "unchanged": []}
    assert again == {"made": [], "corrected": [], "unchanged": ["shared"]}
    assert missing == [Kind.MISSING_POOL] * 2
    assert wrong == [Kind.SLOTS_MISMATCH] * 2
    assert find_differences(world) == []
    assert list_slots(world) == {"shared": 1, "theirs": 7}


def test_run_steps_of_one_slot_never_run_at_once(world: World) -> None:
    set_pools(world)
    names = ("first", "second")
    for name in names:
        world.tell(name, "wait")
    runs = {name: world.start(name) for name in names}

    world.wait_until(lambda: any(map(world.waits, names)))
    ahead, behind = sorted(names, key=world.waits, reverse=True)
    world.wait_until(
        lambda: find_task(world, behind, runs[behind])["state"] in ("scheduled", "queued")
    )
    # Time enough for the scheduler to start it, if it would.
    time.sleep(5)
    held_back = not world.waits(behind)
    for name in names:
        world.let_go(name)

    assert held_back
    assert [world.end(name, runs[name]) for name in names] == ["success", "success"]
    first, second = (find_task(world, name, runs[name]) for name in (ahead, behind))
    assert first["end_date"] <= second["start_date"]


def test_run_can_be_a_full_refresh(world: World) -> None:
    before = [world.run("again") for _ in range(2)]

    run = world.airflow.client.trigger("again", conf={"full_refresh": True})
    world.end("again", run)

    counts = []
    for one in (*before, run):
        row = world.sync("again", one)
        assert row is not None
        counts.append((row.result["streams"][0]["staged"], row.result["full_refresh"]))
    # Nothing was new to the second one.
    assert counts == [(1, []), (0, []), (1, ["rows"])]
    with connected(world.project.destination("lake"), secrets={}) as connection:
        assert connection.execute("SELECT count(*) FROM again.rows").fetchall() == [(1,)]
