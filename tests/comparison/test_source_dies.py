"""The source dies half-way: 1,000 rows were sent, more were to come."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from tests.comparison.conftest import BIN, ENVIRONMENT, Project

#: What other tools do changes with their versions, not with ours.
pytestmark = [pytest.mark.integration, pytest.mark.full]
HALF, ALL = 1_000, 1_500
STREAMS = {"orders": {"write": "append", "primary_key": "id", "cursor": "id"}}


def test_plain_meltano_keeps_what_came_and_saves_the_state(
    plain_meltano: Callable[[str], Project],
) -> None:
    project = plain_meltano("tap-dies-half-way")
    project.configure("tap-dies-half-way", rows=HALF)

    done = project.run()

    assert done.returncode == 1
    assert project.count() == HALF - 1, "the loader loses the first row of a batch"
    job = "dev:tap-dies-half-way-to-target-duckdb"
    words = [str(BIN / "meltano"), "state", "get", job]
    state = subprocess.check_output(words, cwd=project.root, env=ENVIRONMENT, text=True)
    assert json.loads(state)["singer_state"] == {"bookmarks": {"orders": {"id": HALF}}}


def test_plain_dlt_loads_nothing_and_the_next_run_everything(plain_dlt: Project) -> None:
    plain_dlt.plan(rows=ALL, dies_after=HALF)
    died = plain_dlt.run()
    after = plain_dlt.count()

    plain_dlt.plan(rows=ALL)
    again = plain_dlt.run()

    assert (died.returncode, after) == (1, 0)
    assert (again.returncode, plain_dlt.count()) == (0, ALL)


def test_here_a_dlt_source_loads_nothing_and_the_next_sync_everything(
    here: Callable[..., Project],
) -> None:
    project = here("python:shop_source:source", STREAMS)
    project.plan(rows=ALL, dies_after=HALF)
    died = project.run()
    after = project.count()

    project.plan(rows=ALL)
    again = project.run()

    assert (json.loads(died.stdout)["verdict"], after) == ("failed", 0)
    assert json.loads(again.stdout)["verdict"] == "succeeded", again.stderr
    assert project.count() == ALL


def test_here_a_tap_loads_nothing(here: Callable[..., Project]) -> None:
    project = here("tap-dies-half-way", {"orders": {"write": "append", "primary_key": "id"}})
    project.configure("tap-dies-half-way", rows=HALF)

    died = project.run()

    assert (json.loads(died.stdout)["verdict"], project.count()) == ("failed", 0)
