"""A Singer tap, run by Meltano, of a source that changes: the same cases."""

from __future__ import annotations

import pytest

from .cases import BY_TAP, CASES, Case
from .conftest import Build
from .replay import expect, play

pytestmark = pytest.mark.integration


#: Another one of them says the same of a tap.
LEFT_OUT = (
    "one string of many to object",
    "field inside an object gone",
    "half of the rows gone",
    "permission lost, replaced",
    "permission lost, from a cursor",
    "key gone, null in a row",
    "key gone with its field",
)
TOLD = [one for one in (*CASES, *BY_TAP) if one.name not in LEFT_OUT]


@pytest.mark.full
@pytest.mark.parametrize(
    "case",
    [one for one in (*CASES, *BY_TAP) if one.name in LEFT_OUT],
    ids=lambda case: case.name,
)
def test_change_that_another_one_stands_for(case: Case, starts: Build) -> None:
    assert play(case, starts("meltano", "lake")) == expect(case, engine="meltano")


@pytest.mark.parametrize("case", TOLD, ids=lambda case: case.name)
def test_change_is_told_stopped_and_let_through(case: Case, starts: Build) -> None:
    assert play(case, starts("meltano", "lake")) == expect(case, engine="meltano")
