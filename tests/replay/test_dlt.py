"""dlt's `rest_api` and a source that changes: the event, the verdict, the tables, the release."""

from __future__ import annotations

import pytest

from .cases import CASES, Case
from .conftest import Build
from .replay import expect, play

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_change_is_told_stopped_and_let_through(case: Case, starts: Build) -> None:
    assert play(case, starts("dlt", "lake")) == expect(case, engine="dlt")
