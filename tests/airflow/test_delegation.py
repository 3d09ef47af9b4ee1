"""Syncs that Airflow runs for the command and for Dagster, and those it is told of."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connector_assets.airflow_api.client import AirflowError
from connector_assets.airflow_api.events import list_events, tell_airflow
from connector_assets.assets.servers import serve
from connector_assets.ledger.records import SyncRow, View
from connector_assets.lifecycle.setting import StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from tests.airflow.world import World, open_world
from tests.assets.instance import Instance, metadata

pytestmark = pytest.mark.integration
CONNECTORS = {
    "good": "",
    "bad": "",
    "odd": "",
    "stopped": "",
    "again": "",
    "elsewhere": "",
    "after": "depends_on: [elsewhere]",
    "late": "",
    "busy": "",
    "held": "",
    "drifts": "",
    "repeated": "",
    "queued": "",
    "twice": "",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("world"), connectors=CONNECTORS) as found:
        yield found


@pytest.fixture(scope="module")
def access(world: World) -> dict[str, str]:
    return world.airflow.login.variables(world.airflow.url)


@pytest.fixture(scope="module")
def dagster(world: World, access: dict[str, str]) -> Iterator[Instance]:
    with serve(world.project, port=0, environment=access) as running:
        yield Instance(running.url)


@pytest.fixture
def sync(world: World, access: dict[str, str]) -> Callable[..., tuple[int, Any]]:
    """`connectors sync --json` as a person types it who has the Airflow's environment."""

    def run(*words: str, **environment: str) -> tuple[int, Any]:
        argv = [sys.executable, "-m", "connector_assets.cli", "sync", *words, "--json"]
        done = subprocess.run(
            argv,
            cwd=world.root,
            env={**os.environ, **access, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)

    return run


def start_sync(world: World, access: dict[str, str], *words: str) -> subprocess.Popen[str]:
    """Start `connectors sync` as a person types it, who reads what it prints."""
    return subprocess.Popen(
        [sys.executable, "-m", "connector_assets.cli", "sync", *words],
        cwd=world.root,
        env={**os.environ, **access},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def last(world: World, name: str) -> SyncRow:
    return world.ledger.history.recent(environment="dev", connector=name, limit=1)[0]


def list_told(world: World, name: str) -> list[dict[str, Any]]:
    """Return the extras of the events of a connector's stream in Airflow."""
    client = world.airflow.client
    (asset,) = (
        one["id"] for one in client.pages("/assets", of="assets") if one["name"] == f"{name}/rows"
    )
    # Not while a DAG run that an event started has not begun.
    for _ in range(50):
        with suppress(AirflowError):
            return [event["extra"] for event in list_events(client, asset)]
        time.sleep(0.2)
    pytest.fail("the events cannot be listed")


def test_command_lets_airflow_run_it_and_ends_by_the_verdict(
    world: World, sync: Callable[..., tuple[int, Any]]
) -> None:
    code, told = sync("good")

    (run,) = world.runs("good")
    assert (code, told["verdict"]) == (0, "succeeded")
    assert world.sync("good", run) == last(world, "good")
    assert run.startswith("cli__")
    assert last(world, "good").trigger == "manual"


def test_command_ends_with_the_code_of_the_failure(
    world: World, sync: Callable[..., tuple[int, Any]]
) -> None:
    world.tell("bad", "fatal")

    code, told = sync("bad")

    assert (code, told["verdict"]) == (8, "failed")
    assert "the source is odd" in told["cause"]


@pytest.mark.parametrize(
    ("words", "environment", "problem", "fix"),
    [
        (["late"], {"CONNECTORS_AIRFLOW_URL": "http://127.0.0.1:1"}, "not answer", "--here"),
        (["late"], {"CONNECTORS_AIRFLOW_PASSWORD": "guessed"}, "401", "--here"),
        (["late", "--no-retry"], {}, "tries a failure again", "--here --no-retry"),
    ],
)
def test_command_says_what_keeps_airflow_from_running_it(
    world: World,
    sync: Callable[..., tuple[int, Any]],
    *,
    words: list[str],
    environment: dict[str, str],
    problem: str,
    fix: str,
) -> None:
    code, told = sync(*words, **environment)

    assert code in (3, 7)
    assert problem in told["error"]["problem"]
    assert fix in told["error"]["fix"]
    assert world.runs("late") == []


def test_paused_and_unknown_dags_are_refused(
    world: World, sync: Callable[..., tuple[int, Any]]
) -> None:
    world.airflow.client.ask("PATCH", "/dags/late", {"is_paused": True})
    try:
        paused = sync("late")
    finally:
        world.airflow.client.ask("PATCH", "/dags/late", {"is_paused": False})
    file = world.root / "connectors" / "late.yaml"
    (world.root / "connectors" / "new.yaml").write_text(file.read_text().replace("late", "new"))
    try:
        unknown = sync("new")
    finally:
        (world.root / "connectors" / "new.yaml").unlink()

    assert (paused[0], unknown[0]) == (3, 3)
    assert "paused" in paused[1]["error"]["problem"]
    assert "connectors bridge compile" in unknown[1]["error"]["fix"]
    assert world.runs("late") == []


def test_dagster_shows_the_steps_that_airflow_runs(world: World, dagster: Instance) -> None:
    run_id = dagster.materialize("odd/rows")
    ended = dagster.wait(run_id)

    (dag_run,) = world.runs("odd")
    row = last(world, "odd")
    assert (ended["status"], dag_run) == ("SUCCESS", f"dagster__{run_id}")
    assert {one["stepKey"]: one["status"] for one in ended["stepStats"]} == {
        f"odd.{step}": "SUCCESS"
        for step in ("start_dag", "run_dlt", "finalize_dag", "final_status")
    }
    assert (row.trigger, row.verdict) == ("dagster", Verdict.SUCCEEDED)
    # The run tells of it, and the sensor does not a second time.
    world.wait_until(
        lambda: world.ledger.outbox.pending(View.DAGSTER, environment="dev") == [], seconds=60
    )
    told = dagster.asset("odd/rows")["assetMaterializations"]
    assert [(one["runId"], metadata(one["metadataEntries"])["sync_id"]) for one in told] == [
        (run_id, row.sync_id)
    ]


def test_failure_in_airflow_fails_the_run_in_dagster_and_again_is_the_next_attempt(
    world: World, dagster: Instance
) -> None:
    world.tell("again", "fatal", "yield")
    failed = dagster.materialize("again/rows")
    assert dagster.wait(failed)["status"] == "FAILURE"

    world.airflow.client.ask(
        "POST", f"/dags/again/dagRuns/dagster__{failed}/clear", {"dry_run": False}
    )
    world.settle("again", f"dagster__{failed}")

    row = last(world, "again")
    assert (row.attempt, row.verdict) == (2, Verdict.SUCCEEDED)
    # Its run has ended: what came after is the sensor's to tell of.
    world.wait_until(lambda: len(dagster.asset("again/rows")["assetMaterializations"]) == 1)


def test_cancelling_in_dagster_ends_the_run_in_airflow(world: World, dagster: Instance) -> None:
    world.tell("stopped", "wait")
    run_id = dagster.materialize("stopped/rows")
    world.wait_until(lambda: world.waits("stopped"))

    dagster.cancel(run_id)

    assert dagster.wait(run_id)["status"] == "CANCELED"
    world.settle("stopped", f"dagster__{run_id}")
    assert last(world, "stopped").verdict is Verdict.CANCELLED
    assert world.find_step("run", last(world, "stopped").sync_id) is None


def test_sync_that_ran_here_is_an_event_and_starts_what_waits_for_it(
    world: World, sync: Callable[..., tuple[int, Any]]
) -> None:
    code, told = sync("elsewhere", "--here")

    (event,) = list_told(world, "elsewhere")
    assert code == 0
    assert world.runs("elsewhere") == []
    assert (event["sync_id"], event["verdict"], event["here"]) == (
        told["sync_id"],
        "succeeded",
        True,
    )
    assert event["rows"]["in_destination"] == 1
    world.settle("after", world.wait_until(lambda: world.runs("after"))[0])


def test_event_is_posted_once_whatever_is_lost(
    world: World, sync: Callable[..., tuple[int, Any]]
) -> None:
    client = world.airflow.client
    sync("late", "--here", CONNECTORS_AIRFLOW_URL="http://127.0.0.1:1")
    assert list_told(world, "late") == []

    # Airflow is back; then the note that it was told is lost, and it is told by two at once.
    tell_airflow(world.setting, client)
    with closing(sqlite3.connect(world.root / ".connectors" / "ledger.db")) as ledger, ledger:
        ledger.execute(
            "DELETE FROM outbox_deliveries WHERE view = 'airflow' AND outbox_id IN "
            "(SELECT id FROM outbox WHERE connector = 'late')"
        )
    again = tell_airflow(world.setting, client)

    assert len(list_told(world, "late")) == 1
    assert again.posted == ()


def test_bad_sync_and_one_that_airflow_ran_are_no_events(world: World) -> None:
    world.tell("bad", "fatal")
    request = StartRequest(root_run_id=uuid4().hex)
    run_sync(world.setting, world.project.connector("bad"), request=request)

    told = tell_airflow(world.setting, world.airflow.client)

    assert told.posted == ()
    assert list_told(world, "bad") == []
    assert len(list_told(world, "good")) == 1
    assert world.ledger.outbox.pending(View.AIRFLOW, environment="dev") == []


def test_what_was_synced_long_before_is_not_told(world: World, tmp_path: Path) -> None:
    before = {name: len(list_told(world, name)) for name in CONNECTORS}
    with closing(sqlite3.connect(world.root / ".connectors" / "ledger.db")) as ledger, ledger:
        ledger.execute("DELETE FROM outbox_deliveries WHERE view = 'airflow'")
        ledger.execute("UPDATE outbox SET at = datetime(at, '-2 hours')")

    told = tell_airflow(world.setting, world.airflow.client)

    assert told.posted == ()
    assert {name: len(list_told(world, name)) for name in CONNECTORS} == before
    assert world.ledger.outbox.pending(View.AIRFLOW, environment="dev") == []


def test_blocked_sync_of_airflow_ends_the_command_as_one_here_does(
    world: World, sync: Callable[..., tuple[int, Any]]
) -> None:
    world.tell("drifts", "yield", "text")
    assert sync("drifts", "--here")[0] == 0

    code, told = sync("drifts")

    assert (code, told["verdict"]) == (6, "blocked")
    assert len(world.runs("drifts")) == 1


def test_command_that_waits_says_for_what_and_leaves_the_run_when_it_is_stopped(
    world: World, access: dict[str, str]
) -> None:
    world.tell("busy", "wait")
    first = world.start("busy")
    world.wait_until(lambda: world.waits("busy"))

    with start_sync(world, access, "busy") as command:
        assert command.stdout is not None
        lines = iter(command.stdout.readline, "")
        waiting = next(line for line in lines if "waiting" in line)
        command.send_signal(signal.SIGINT)
        rest = "".join(lines)

    assert "another run of this DAG is going on" in waiting
    assert command.returncode == 130
    assert "the DAG run goes on" in rest
    world.let_go("busy")
    (own,) = (run for run in world.runs("busy") if run != first)
    assert [world.end("busy", run) for run in (first, own)] == ["success", "success"]


def test_sync_that_runs_here_is_named_to_a_second_one_and_waited_for_by_a_scheduled_one(
    world: World, access: dict[str, str], sync: Callable[..., tuple[int, Any]]
) -> None:
    world.tell("held", "wait")
    here = start_sync(world, access, "held", "--here")
    world.wait_until(lambda: world.waits("held"))
    try:
        refused = sync("held")
        nothing = world.runs("held")
        skipped = sync("held", "--scheduled")
    finally:
        world.let_go("held")
    here.communicate()

    assert here.returncode == 0
    assert (refused[0], nothing) == (9, [])
    assert "is being synced by" in refused[1]["error"]["problem"]
    assert (skipped[0], skipped[1]["verdict"]) == (9, "skipped")


def test_run_executed_again_in_dagster_is_the_next_attempt_and_is_told_once(
    world: World, dagster: Instance
) -> None:
    world.tell("repeated", "fatal", "yield")
    first = dagster.materialize("repeated/rows")
    assert dagster.wait(first)["status"] == "FAILURE"

    second = dagster.again(first)
    assert dagster.wait(second)["status"] == "SUCCESS"

    row = last(world, "repeated")
    assert world.runs("repeated") == [f"dagster__{first}"]
    assert (row.attempt, row.verdict) == (2, Verdict.SUCCEEDED)
    world.wait_until(lambda: world.ledger.outbox.pending(View.DAGSTER, environment="dev") == [])
    told = dagster.asset("repeated/rows")["assetMaterializations"]
    assert [one["runId"] for one in told] == [second]


def test_cancelling_in_dagster_ends_a_run_that_still_waits_for_another(
    world: World, dagster: Instance
) -> None:
    world.tell("queued", "wait")
    first = world.start("queued")
    world.wait_until(lambda: world.waits("queued"))
    run_id = dagster.materialize("queued/rows")
    world.wait_until(lambda: f"dagster__{run_id}" in world.runs("queued"))

    dagster.cancel(run_id)

    assert dagster.wait(run_id)["status"] == "CANCELED"
    assert world.runs("queued") == [first]
    world.let_go("queued")
    assert world.end("queued", first) == "success"


def test_two_that_tell_airflow_at_once_post_one_event(world: World) -> None:
    request = StartRequest(root_run_id=uuid4().hex)
    row = run_sync(world.setting, world.project.connector("twice"), request=request)
    client, setting = world.airflow.client, world.setting

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(tell_airflow, setting, client, wait=30.0) for _ in range(4)]
        told = [one.result() for one in asked]

    assert sum(row.sync_id in one.posted for one in told) == 1
    assert [event["sync_id"] for event in list_told(world, "twice")] == [row.sync_id]
