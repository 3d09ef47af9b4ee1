"""A merge in shares: the same result as in one piece, whatever the keys."""

from __future__ import annotations

import duckdb
import pytest

from connector_assets.destinations.merging import count_shares, split_merge

TABLE, STAGED = '"shop"."orders"', '"shop_staging"."orders"'
MERGE = [
    (
        f"DELETE FROM {TABLE} as _dlt_d WHERE EXISTS (SELECT 1 FROM {STAGED} as _dlt_s"
        ' WHERE _dlt_d."id" = _dlt_s."id" AND _dlt_d."k" = _dlt_s."k")'
    ),
    (
        f'INSERT INTO {TABLE}("id", "k", "v") SELECT "id", "k", "v" FROM (SELECT ROW_NUMBER() OVER'
        f' (partition BY "id", "k" ORDER BY "v" DESC) AS rn, "id", "k", "v" FROM {STAGED}\n)'
        " AS numbered WHERE rn = 1"
    ),
]


def merge(statements: list[str]) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA shop; CREATE SCHEMA shop_staging")
        connection.execute(
            f"CREATE TABLE {TABLE} AS SELECT i AS id, i % 3 AS k, -1 AS v FROM range(500) t(i)"
        )
        connection.execute(
            f"CREATE TABLE {STAGED} AS SELECT i % 400 + 250 AS id, i % 3 AS k, i AS v"
            " FROM range(2000) t(i) UNION ALL SELECT 1, NULL, 5"
        )
        for statement in statements:
            connection.execute(statement)
        return connection.execute(f"SELECT * FROM {TABLE} ORDER BY ALL").fetchall()


@pytest.mark.parametrize("shares", [2, 7, 64])
def test_shares_together_are_the_whole(shares: int) -> None:
    split = split_merge(MERGE, staged=STAGED, keys=["id", "k"], shares=shares)

    assert len(split) == 2 * shares
    assert merge(split) == merge(MERGE)


def test_what_reads_no_staged_rows_comes_once_and_first() -> None:
    split = split_merge([*MERGE, "SET x = 1"], staged=STAGED, keys=["id"], shares=3)

    assert split[0] == "SET x = 1"
    assert len(split) == 7


def test_small_merges_and_those_without_a_key_stay_as_they_are() -> None:
    assert split_merge(MERGE, staged=STAGED, keys=["id"], shares=1) == MERGE
    assert split_merge(MERGE, staged=STAGED, keys=[], shares=5) == MERGE


def test_shares_grow_with_what_is_staged_and_shrink_with_memory() -> None:
    rows = [0, 100, 1_000_000, 10_000_000]

    shares = [count_shares(rows=one, columns=10, memory=300_000_000) for one in rows]

    assert shares == [1, 1, 2, 20]
    assert count_shares(rows=10_000_000, columns=10, memory=3_000_000_000) == 2
