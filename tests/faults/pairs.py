"""A pairwise selection: the fewest cases in which every two values of two factors meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product

Case = Mapping[str, str]
_Pair = frozenset[tuple[str, str]]


def list_cases(
    factors: Mapping[str, Sequence[str]], *, allowed: Callable[[Case], bool] = lambda _: True
) -> list[dict[str, str]]:
    """Return all allowed cases of the factors."""
    everything = (dict(zip(factors, values, strict=True)) for values in product(*factors.values()))
    return [case for case in everything if allowed(case)]


def find_pairs(case: Case) -> set[_Pair]:
    """Return the pairs of values that meet in a case."""
    return {frozenset(two) for two in combinations(sorted(case.items()), 2)}


def select_pairwise(cases: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return a selection in which each pair of all cases occurs: greedy, always the same.

    Of cases that bring as many new pairs, the one whose values were used least comes first.
    """
    missing = _all_pairs(cases)
    selected: list[dict[str, str]] = []
    used: Counter[tuple[str, str]] = Counter()

    def rank(case: Case) -> tuple[int, int]:
        return len(find_pairs(case) & missing), -sum(used[value] for value in case.items())

    while missing:
        best = max(cases, key=rank)
        selected.append(best)
        used.update(best.items())
        missing -= find_pairs(best)
    return selected


def _all_pairs(cases: Iterable[Case]) -> set[_Pair]:
    return set().union(*(find_pairs(case) for case in cases))
