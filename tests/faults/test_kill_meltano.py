"""A sync through Meltano that is killed: tap, target, Meltano, worker or step; old or new.

`make test` kills a pairwise selection one after the other and then syncs; `make test-full` looks
at each case by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connector_assets.model import Verdict

from .conftest import NewShop
from .shop import Shop
from .singer import ALL_ROWS, CASES, FIRST_ROWS, SELECTED, check_killed, declare_waiting

pytestmark = pytest.mark.fault
NewSingerShop = Callable[[str], Shop]


@pytest.fixture
def new_singer_shop(new_shop: NewShop, declare_taps: Callable[[Path], None]) -> NewSingerShop:
    """A function that makes a shop that was synced once; there is more to sync since."""

    def make(kind: str) -> Shop:
        shop = new_shop(kind)
        declare_taps(shop.root)
        row = declare_waiting(shop, rows=FIRST_ROWS).sync()
        assert row.verdict is Verdict.SUCCEEDED, row.cause
        return declare_waiting(shop, rows=ALL_ROWS)

    return make


@pytest.mark.parametrize("kind", ["ducklake", pytest.param("duckdb", marks=pytest.mark.full)])
def test_syncs_killed_one_after_the_other_leave_what_was_and_the_next_is_whole(
    kind: str, new_singer_shop: NewSingerShop
) -> None:
    cases = [case for case in SELECTED if case["destination"] == kind]

    check_killed(new_singer_shop(kind), cases)


@pytest.mark.full
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case.values()))
def test_killed_sync_leaves_what_was_and_the_next_is_whole(
    case: dict[str, str], new_singer_shop: NewSingerShop
) -> None:
    check_killed(new_singer_shop(case["destination"]), [case])
