"""Each case of docs/airflow-states.md, made to happen in a real Airflow."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import dagster as dg
import psutil
import pytest

from connector_assets.assets.mirror import mark_told, read_outbox
from connector_assets.ledger.alert_records import Pause
from connector_assets.lifecycle import steps
from connector_assets.lifecycle.setting import StartRequest
from tests.airflow.expected import Shown, read_table
from tests.airflow.world import World, open_world

pytestmark = [pytest.mark.integration, pytest.mark.fault]
TABLE = read_table()
Act = Callable[[World, str], str]


def succeed(world: World, name: str) -> str:
    return world.run(name)


def find_nothing_new(world: World, name: str) -> str:
    world.run(name)
    return world.run(name)


def fail(world: World, name: str) -> str:
    world.tell(name, "fatal")
    return world.run(name)


def use_up_retries(world: World, name: str) -> str:
    world.tell(name, "transient")
    return world.run(name)


def succeed_when_tried_again(world: World, name: str) -> str:
    world.tell(name, "transient", "yield")
    return world.run(name)


def miss_a_secret(world: World, name: str) -> str:
    return world.run(name)


def drift(world: World, name: str) -> str:
    world.run(name)
    world.tell(name, "text")
    return world.run(name)


def find_the_lease_taken(world: World, name: str) -> str:
    """A run that nobody started by hand waits for a sync that is running elsewhere, in vain."""
    connector = world.project.connector(name)
    other = steps.start(world.setting, connector, request=StartRequest(root_run_id=uuid4().hex))
    world.post_event("upstream/rows")
    (run,) = world.wait_until(lambda: world.runs(name))
    world.end(name, run)
    steps.finalize(world.setting, other.sync_id)
    return run


def find_the_lease_taken_by_hand(world: World, name: str) -> str:
    connector = world.project.connector(name)
    other = steps.start(world.setting, connector, request=StartRequest(root_run_id=uuid4().hex))
    run = world.run(name)
    steps.finalize(world.setting, other.sync_id)
    return run


def find_it_paused(world: World, name: str) -> str:
    """A run that nobody started by hand finds that its connector is paused."""
    pause = Pause(connector=name, environment="dev", who="ann", why="moving", at=datetime.now(UTC))
    world.ledger.pauses.pause(pause)
    run = world.airflow.client.trigger(name, conf={"scheduled": True})
    world.end(name, run)
    return run


def take_too_long(world: World, name: str) -> str:
    world.tell(name, "wait")
    return world.run(name)


def kill_start(world: World, name: str) -> str:
    """The process of the task is killed while start_dag asks for a secret."""
    run = world.start(name)
    world.wait_until(lambda: world.waits(name))
    command = world.find_step("start", name)
    assert command is not None
    kill_task_of(command)
    assert_gone(world, command)
    world.let_go(name)
    world.end(name, run)
    return run


def kill_run(world: World, name: str) -> str:
    run, command = wait_in_run(world, name)
    kill_task_of(command)
    assert_gone(world, command)
    world.let_go(name)
    world.end(name, run)
    return run


def kill_supervisor(world: World, name: str) -> str:
    """The process that Airflow watches a task with is killed: nobody reports the task's end."""
    run, command = wait_in_run(world, name)
    task = find_task_of(command)
    (supervisor,) = [task.parent()]
    assert supervisor is not None
    supervisor.kill()
    task.kill()
    assert_gone(world, command)
    world.let_go(name)
    world.end(name, run)
    return run


def mark_failed(world: World, name: str) -> str:
    run, command = wait_in_run(world, name)
    world.airflow.client.ask("PATCH", f"/dags/{name}/dagRuns/{quote(run)}", {"state": "failed"})
    assert_gone(world, command)
    world.settle(name, run)
    return run


def mark_run_success(world: World, name: str) -> str:
    run, command = wait_in_run(world, name)
    path = f"/dags/{name}/dagRuns/{quote(run)}/taskInstances/run_dlt"
    world.airflow.client.ask("PATCH", path, {"new_state": "success"})
    assert_gone(world, command)
    world.settle(name, run)
    return run


def clear_all(world: World, name: str) -> str:
    run = world.run(name)
    world.clear(name, run)
    world.settle(name, run)
    return run


def clear_run(world: World, name: str) -> str:
    run = world.run(name)
    world.clear(name, run, task_ids=["run_dlt"], include_downstream=True)
    world.settle(name, run)
    return run


def clear_run_only(world: World, name: str) -> str:
    run = world.run(name)
    world.clear(name, run, task_ids=["run_dlt"])
    world.settle(name, run)
    return run


def clear_failed(world: World, name: str) -> str:
    world.tell(name, "fatal")
    run = world.run(name)
    world.tell(name, "yield")
    world.clear(name, run, only_failed=True)
    world.settle(name, run)
    return run


def start_twice(world: World, name: str) -> str:
    first, second = world.start(name), world.start(name)
    assert [world.end(name, run) for run in (first, second)] == ["success", "success"]
    return second


def lock_the_destination(world: World, name: str) -> str:
    """Another process has the DuckDB file open at the first try."""
    run, _ = wait_in_run(world, name)
    with hold_file(world.root / "data" / "file.duckdb"):
        world.let_go(name)
        world.wait_until(lambda: world.airflow.client.tasks(name, run)["run_dlt"] == "up_for_retry")
    world.end(name, run)
    return run


def lose_the_ledger(world: World, name: str) -> str:
    """Nobody can write into the ledger for a minute."""
    run, _ = wait_in_run(world, name)
    with closing(sqlite3.connect(world.root / ".connectors" / "ledger.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        world.let_go(name)
        time.sleep(60)
        other.rollback()
    world.end(name, run)
    return run


def compile_again(world: World, name: str) -> str:
    run, _ = wait_in_run(world, name)
    file = world.root / "connectors" / f"{name}.yaml"
    file.write_text(file.read_text() + "timeout: 1234\n")
    world.compile()
    time.sleep(8)
    world.let_go(name)
    world.end(name, run)
    return run


def kill_scheduler(world: World, name: str) -> str:
    """The scheduler is killed while the engine works, and is started again when it is over."""
    run, command = wait_in_run(world, name)
    scheduler = world.airflow.commands["airflow scheduler"]
    for process in world.find_processes("airflow", "scheduler"):
        process.kill()
    while not world.airflow.servers.ended:
        time.sleep(0.1)
    world.airflow.servers.restart(scheduler)
    world.let_go(name)
    world.end(name, run)
    assert_gone(world, command)
    return run


def delete_connector(world: World, name: str) -> str:
    """The connector and its DAG go while its engine works; what it loaded is told all the same."""
    run, command = wait_in_run(world, name)
    (world.root / "connectors" / f"{name}.yaml").unlink()
    world.compile()
    world.wait_until(lambda: name not in world.list_dags(), seconds=120)
    world.let_go(name)
    assert_gone(world, command)
    world.wait_until(
        lambda: world.airflow.client.tasks(name, run)["run_dlt"] == "success", seconds=30
    )
    world.let_lease_age(minutes=3)
    steps.reap(world.setting)
    return run


def wait_in_run(world: World, name: str) -> tuple[str, psutil.Process]:
    """Start a run whose source waits; return its id, and the process of the run step's command."""
    world.tell(name, "wait", "yield")
    run = world.start(name)
    world.wait_until(lambda: world.waits(name))
    row = world.sync(name, run)
    assert row is not None
    command = world.find_step("run", row.sync_id)
    assert command is not None
    return run, command


def find_task_of(command: psutil.Process) -> psutil.Process:
    """Return the process of the Airflow task that runs a step: the parent of the step's guard."""
    guard = command.parent()
    assert guard is not None
    task = guard.parent()
    assert task is not None
    return task


def kill_task_of(command: psutil.Process) -> None:
    find_task_of(command).kill()


def assert_gone(world: World, command: psutil.Process) -> None:
    """No engine outlives its step."""
    world.wait_until(lambda: not command.is_running() or command.status() == "zombie", seconds=40)


@contextmanager
def hold_file(file: Path) -> Iterator[None]:
    """Have a DuckDB file open in another process."""
    code = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True);"
        "sys.stdin.read()"
    )
    file.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield
        process.communicate()


CASES: dict[str, Act] = {
    "success": succeed,
    "nothing new": find_nothing_new,
    "source fails": fail,
    "retries exhausted": use_up_retries,
    "retry succeeds": succeed_when_tried_again,
    "secret missing": miss_a_secret,
    "drift blocks": drift,
    "lease held": find_the_lease_taken,
    "lease held, started by hand": find_the_lease_taken_by_hand,
    "paused": find_it_paused,
    "timeout": take_too_long,
    "start killed": kill_start,
    "run killed": kill_run,
    "run's supervisor killed": kill_supervisor,
    "run marked failed by hand": mark_failed,
    "run task marked success by hand": mark_run_success,
    "whole run cleared after success": clear_all,
    "run task cleared with what follows": clear_run,
    "run task cleared alone": clear_run_only,
    "only failed tasks cleared": clear_failed,
    "two triggers at once": start_twice,
    "destination locked": lock_the_destination,
    "ledger away for a minute": lose_the_ledger,
    "compiled again during a run": compile_again,
    "connector deleted during a run": delete_connector,
    # The last one: whoever comes after it would have a scheduler of another age.
    "scheduler killed and restarted": kill_scheduler,
}


#: What the connectors of some cases say beside the usual.
MORE = {
    "secret missing": 'secrets: {token: "env:NOT_THERE"}',
    "lease held": "depends_on: [upstream]",
    "timeout": "timeout: 4\nretries: {max: 0}",
    "start killed": f'secrets: {{slow: "command:{sys.executable} slow.py start_killed"}}',
    "destination locked": "retries: {max: 3, wait: 5}",
    "ledger away for a minute": "retries: {max: 3, wait: 20}",
}


def name_of(case: str) -> str:
    return re.sub(r"\W+", "_", case)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    connectors = {"upstream": "", **{name_of(case): MORE.get(case, "") for case in CASES}}
    with open_world(tmp_path_factory.mktemp("airflow"), connectors=connectors) as opened:
        yield opened


@pytest.mark.parametrize("case", CASES)
def test_case_is_shown_as_the_table_says(world: World, case: str) -> None:
    name = name_of(case)

    run = CASES[case](world, name)

    assert show(world, name, run) == TABLE[case][1], tell_story(world, name, run)


def test_table_says_measured_of_these_cases() -> None:
    assert {case for case, (measured, _) in TABLE.items() if measured} == set(CASES)


def tell_story(world: World, name: str, run: str) -> str:
    """Return what a sync that went another way says of itself, for whoever reads the failure."""
    row = world.sync(name, run)
    return f"attempt {row.attempt}: {row.cause} {row.result}" if row else "no sync"


def show(world: World, name: str, run: str) -> Shown:
    """Return what all sides show of a connector's last sync."""
    tasks = {step: state or "none" for step, state in world.airflow.client.tasks(name, run).items()}
    row = world.sync(name, run)
    return Shown(
        dag_run=world.airflow.client.run(name, run)["state"],
        start_dag=tasks["start_dag"],
        run=tasks["run_dlt"],
        finalize_dag=tasks["finalize_dag"],
        final_status=tasks["final_status"],
        verdict=str(row.verdict) if row else "none",
        dagster=_tell_dagster(world, row.sync_id) if row else "nothing",
        alerts=str(len(world.alerts.get(name, []))),
    )


def _tell_dagster(world: World, sync_id: str) -> str:
    """Return what the mirror tells Dagster of a sync: of its last attempt."""
    with dg.DagsterInstance.ephemeral() as instance:
        for told in list(read_outbox(world.setting, instance)):
            mark_told(world.setting, told)
            kinds = [type(event).__name__ for event in told.events]
            world.told[told.row.sync_id] = kinds[0] if kinds else "nothing"
    return world.told[sync_id].removeprefix("Asset").lower()
