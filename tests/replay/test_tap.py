"""A Singer tap, run by Meltano, of a source that changes: the same cases."""

from __future__ import annotations

import pytest

from .cases import BY_TAP, CASES, Case
from .conftest import Build
from .replay import play

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("case", [*CASES, *BY_TAP], ids=lambda case: case.name)
def test_change_is_told_stopped_and_let_through(case: Case, starts: Build) -> None:
    play(case, starts("meltano", "lake"))
