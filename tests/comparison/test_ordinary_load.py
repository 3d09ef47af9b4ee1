"""Nothing goes wrong: 2,500 rows, one sync."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.comparison.conftest import Project

#: What other tools do changes with their versions, not with ours.
pytestmark = [pytest.mark.integration, pytest.mark.full]
ROWS = 2_500


def _with_taps_rows(project: Project) -> Project:
    (project.root / "streams.json").write_text(json.dumps({"orders": ROWS}))
    project.configure("tap-well-behaved", streams_file="streams.json")
    return project


def test_plain_meltano_loses_the_first_row_of_each_batch_and_says_ok(
    plain_meltano: Callable[[str], Project],
) -> None:
    project = _with_taps_rows(plain_meltano("tap-well-behaved"))

    done = project.run()

    assert done.returncode == 0
    ids = {number for (number,) in project.rows("id")}
    assert sorted(set(range(1, ROWS + 1)) - ids) == [1, 1_001, 2_001]


def test_plain_dlt_loads_all(plain_dlt: Project) -> None:
    plain_dlt.plan(rows=ROWS)

    done = plain_dlt.run()

    assert (done.returncode, plain_dlt.count()) == (0, ROWS)


@pytest.mark.parametrize("source", ["tap-well-behaved", "python:shop_source:source"])
def test_here_all_is_loaded(here: Callable[..., Project], source: str) -> None:
    project = here(source, {"orders": {"write": "append", "primary_key": "id"}})
    _with_taps_rows(project)
    project.plan(rows=ROWS)

    done = project.run()

    assert json.loads(done.stdout)["verdict"] == "succeeded", done.stderr
    assert project.count() == ROWS
