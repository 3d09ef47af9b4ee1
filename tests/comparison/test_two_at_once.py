"""Two syncs of one connector at once."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.comparison.conftest import Project

#: What other tools do changes with their versions, not with ours.
pytestmark = [pytest.mark.integration, pytest.mark.full]
ROWS = 1_000
STREAMS = {"orders": {"write": "append", "primary_key": "id", "cursor": "id"}}


def _wait_for(file: Path, *, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while not file.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, f"{file.name} did not come"
        time.sleep(0.05)


def _start(project: Project, *more: str, go: str) -> subprocess.Popen[str]:
    """Start a sync and return when its source has sent all rows, and waits for a file ``go``."""
    project.plan(rows=ROWS, wait_for=go)
    process = project.start(*more)
    _wait_for(project.root / f"{go}.started", process=process)
    return process


def _let_go(project: Project, process: subprocess.Popen[str], *, go: str) -> str:
    (project.root / go).touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_plain_meltano_refuses_the_second(plain_meltano: Callable[[str], Project]) -> None:
    project = plain_meltano("tap-well-behaved")
    (project.root / "streams.json").write_text(json.dumps({"orders": ROWS}))
    project.configure("tap-well-behaved", streams_file="streams.json", pause=1)
    first = project.start()
    assert first.stderr is not None
    for line in first.stderr:
        if "Schema 'shop_data'" in line:
            break

    second = project.run()
    first.communicate(timeout=60)

    assert second.returncode == 1
    assert "pipeline is already running" in second.stderr
    assert first.returncode == 0


def test_plain_dlt_of_two_workers_loads_an_append_twice(plain_dlt: Project) -> None:
    first = _start(plain_dlt, "--folder", "one", go="go-one")
    second = _start(plain_dlt, "--folder", "two", go="go-two")

    _let_go(plain_dlt, first, go="go-one")
    _let_go(plain_dlt, second, go="go-two")

    assert plain_dlt.count() == 2 * ROWS


def test_here_the_second_is_refused_and_told_who_is_running(here: Callable[..., Project]) -> None:
    project = here("python:shop_source:source", STREAMS)
    first = _start(project, go="go-one")

    second = project.run()
    done = json.loads(_let_go(project, first, go="go-one"))

    assert second.returncode != 0
    assert done["sync_id"] in second.stdout
    assert (done["verdict"], project.count()) == ("succeeded", ROWS)
