"""The selection that `make test` runs has every pair of the whole matrix, in few cases."""

from __future__ import annotations

from itertools import combinations

import pytest

from .pairs import find_pairs, list_cases, select_pairwise

FACTORS = {"a": ["1", "2", "3"], "b": ["x", "y"], "c": ["p", "q", "r"], "d": ["on", "off"]}


@pytest.mark.parametrize("forbidden", [None, ("3", "x"), ("1", "y")], ids=str)
def test_selection_has_every_pair_that_is_allowed(forbidden: tuple[str, str] | None) -> None:
    cases = list_cases(FACTORS, allowed=lambda case: (case["a"], case["b"]) != forbidden)
    wanted = set().union(*map(find_pairs, cases))

    selected = select_pairwise(cases)

    assert set().union(*map(find_pairs, selected)) == wanted
    assert all(case in cases for case in selected)
    assert len(selected) <= 12


def test_pairs_of_a_case_are_all_pairs_of_its_values() -> None:
    case = {"a": "1", "b": "x", "c": "p"}

    assert len(find_pairs(case)) == len(list(combinations(case, 2)))
