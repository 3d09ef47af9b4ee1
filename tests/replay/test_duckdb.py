"""A part of the cases into a DuckDB file, where the tables change in another way than in a lake."""

from __future__ import annotations

import pytest

from .cases import BY_TAP, CASES, Case
from .conftest import Build
from .replay import expect, play

#: Those that change a table's column, or load a package without one of the streams.
TELLING = ("integer to number", "stream gone")

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "case", [one for one in CASES if one.name in TELLING], ids=lambda case: case.name
)
def test_change_is_told_stopped_and_let_through(case: Case, starts: Build) -> None:
    assert play(case, starts("dlt", "warehouse")) == expect(case, engine="dlt")


@pytest.mark.full
@pytest.mark.parametrize(
    ("engine", "case"),
    [
        *(("dlt", one) for one in CASES if one.name not in TELLING),
        *(("meltano", one) for one in (*CASES, *BY_TAP)),
    ],
    ids=lambda value: value.name if isinstance(value, Case) else value,
)
def test_every_change_into_a_file(engine: str, case: Case, starts: Build) -> None:
    assert play(case, starts(engine, "warehouse")) == expect(case, engine=engine)
