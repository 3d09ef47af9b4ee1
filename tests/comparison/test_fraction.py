"""1.5 arrives for a column of integers."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.comparison.conftest import Project

#: What other tools do changes with their versions, not with ours.
pytestmark = [pytest.mark.integration, pytest.mark.full]
STREAMS = {"orders": {"write": "append", "primary_key": "id", "cursor": "id"}}


def test_plain_meltano_loads_2(plain_meltano: Callable[[str], Project]) -> None:
    project = plain_meltano("tap-amounts")
    project.configure("tap-amounts", amount=1.5)

    done = project.run()

    assert done.returncode == 0
    assert project.rows("id, amount") == [(1, 1), (2, 2), (3, 3)]


def test_plain_dlt_leaves_the_column_empty_and_fills_another(plain_dlt: Project) -> None:
    plain_dlt.plan(rows=1)
    plain_dlt.run()
    plain_dlt.plan(rows=2, amount=1.5)

    done = plain_dlt.run()

    assert done.returncode == 0
    assert plain_dlt.rows("id, amount, amount__v_double") == [(1, 1, None), (2, None, 1.5)]


def test_here_a_tap_that_declares_integers_is_refused(here: Callable[..., Project]) -> None:
    project = here("tap-amounts", {"orders": {"write": "append", "primary_key": "id"}})
    project.configure("tap-amounts", amount=1.5)

    done = project.run()

    told = json.loads(done.stdout)
    assert told["verdict"] == "failed"
    assert "amount" in told["cause"]
    assert project.count() == 0


def test_here_a_dlt_column_is_widened_and_keeps_the_value(here: Callable[..., Project]) -> None:
    project = here("python:shop_source:source", STREAMS)
    project.plan(rows=1)
    project.run()
    project.plan(rows=2, amount=1.5)

    done = project.run()

    assert done.returncode == 0
    assert project.rows("id, amount, typeof(amount)") == [(1, 1.0, "DOUBLE"), (2, 1.5, "DOUBLE")]
