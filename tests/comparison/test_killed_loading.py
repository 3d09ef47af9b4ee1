"""The whole process is killed while it loads; then it is run again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest

from tests.comparison.conftest import ONE_JOB_AT_A_TIME, Project

#: What other tools do changes with their versions, not with ours.
pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.full]
ROWS, MORE = 1_000, 1_500
TABLES = ["customers", "orders"]
STREAMS = {name: {"write": "append", "primary_key": "id", "cursor": "id"} for name in TABLES}


def _kill_in_its_second_batch(project: Project) -> None:
    process = project.start()
    assert process.stderr is not None
    batches = 0
    for line in process.stderr:
        batches += "Loading 1000 rows" in line
        if batches == 2:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_plain_meltano_keeps_a_part_and_refuses_the_next_run(
    plain_meltano: Callable[[str], Project],
) -> None:
    project = plain_meltano("tap-well-behaved")
    (project.root / "streams.json").write_text(json.dumps({"orders": 2_500}))
    project.configure("tap-well-behaved", streams_file="streams.json", pause=0.1)
    _kill_in_its_second_batch(project)
    after = project.count()

    again = project.run()

    assert 0 < after < 2_000
    assert again.returncode == 1
    assert "pipeline is already running" in again.stderr
    assert "Wait until" in again.stderr
    assert project.count() == after


def test_plain_dlt_keeps_a_part_and_finishes_it_without_reading_what_is_new(
    plain_dlt: Project,
) -> None:
    plain_dlt.plan(rows=ROWS, tables=TABLES)
    plain_dlt.run("--killed", **ONE_JOB_AT_A_TIME)
    after = sorted(plain_dlt.count(table=name) for name in TABLES)

    plain_dlt.plan(rows=MORE, tables=TABLES)
    again = plain_dlt.run(**ONE_JOB_AT_A_TIME)

    assert after == [0, ROWS]
    assert again.returncode == 0
    assert "will not be extracted" in again.stderr
    assert [plain_dlt.count(table=name) for name in TABLES] == [ROWS, ROWS]


def test_plain_dlt_in_a_fresh_container_loads_an_append_twice(plain_dlt: Project) -> None:
    plain_dlt.plan(rows=ROWS, tables=TABLES)
    plain_dlt.run("--killed", **ONE_JOB_AT_A_TIME)

    again = plain_dlt.run("--folder", "another", **ONE_JOB_AT_A_TIME)

    assert again.returncode == 0
    assert sorted(plain_dlt.count(table=name) for name in TABLES) == [ROWS, 2 * ROWS]


def test_here_nothing_arrives_and_the_next_sync_is_complete(here: Callable[..., Project]) -> None:
    project = here("python:shop_source:source", STREAMS)
    project.plan(rows=ROWS, tables=TABLES)
    killed = project.run(CONNECTORS_FAULT="last_load_job:kill")
    after = [project.count(table=name) for name in TABLES]

    project.plan(rows=MORE, tables=TABLES)
    again = project.run()

    assert (json.loads(killed.stdout)["verdict"], after) == ("failed", [0, 0])
    assert json.loads(again.stdout)["verdict"] == "succeeded"
    assert [project.count(table=name) for name in TABLES] == [MORE, MORE]
