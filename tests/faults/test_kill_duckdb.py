"""A dlt sync into DuckDB that is killed: as before or complete, and the next one is whole.

`make test` runs a pairwise selection of points, write dispositions, victims, first and later
loads; `make test-full` all of them. The other half of the matrix is test_kill_ducklake.
"""

from __future__ import annotations

import pytest

from .conftest import NewKillShop
from .killing import check_killed, list_parameters

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("case", list_parameters("duckdb"))
def test_killed_sync_leaves_old_or_new_and_the_next_is_whole(
    case: dict[str, str], new_kill_shop: NewKillShop
) -> None:
    shop, expected = new_kill_shop(case)

    check_killed(shop, case, expected=expected)
