"""Which destination a sync may load into, and from which position it goes on."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from connector_assets.model import Verdict

from .conftest import NewShop
from .killing import count_rows, describe, live_version
from .shop import FIRST, LATER, Shop, end, hold, order

pytestmark = pytest.mark.integration
ALL = {"shop_data.orders": 4, "shop_data.orders__items": 8, "shop_data.visits": 3}


def database_of(shop: Shop) -> Path:
    return shop.root / "data" / "shop.duckdb"


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("duckdb", "environment"),
        ("ducklake", "project"),
        pytest.param("duckdb", "project", marks=pytest.mark.full),
        pytest.param("ducklake", "environment", marks=pytest.mark.full),
    ],
)
def test_destination_of_another_environment_or_project_is_refused_before_extraction(
    kind: str, other: str, new_shop: NewShop
) -> None:
    environments = {"environments": {"dev": {}, "staging": {}}, "default_environment": "dev"}
    shop = new_shop(kind, project=environments)
    assert shop.sync().verdict is Verdict.SUCCEEDED
    before, reads = shop.dump(), shop.reads()
    if other == "project":
        shop = shop.having(project={**environments, "project_id": "another"})
    words = ("--env", "staging") if other == "environment" else ()

    code, row = end(shop.start(*words))

    assert (code, row["error"]["type"]) == (5, "EnvironmentMismatch")
    assert row["error"]["connector"] == "shop"
    assert row["error"]["place"] == "destination lake"
    assert shop.reads() == reads
    assert shop.dump() == before


def test_destination_that_another_project_stamped_meanwhile_is_refused_in_the_load(
    new_shop: NewShop,
) -> None:
    ours, theirs = new_shop("ducklake", folder="ours"), new_shop("duckdb", folder="theirs")
    theirs = theirs.having(destination=ours.destination, project={"project_id": "another"})
    sync, worker = hold(ours, point="end_of_extract")
    assert theirs.sync().verdict is Verdict.SUCCEEDED
    before = theirs.dump()

    worker.send_signal(signal.SIGCONT)
    code, row = end(sync)

    assert (code, row["error"]["type"]) == (5, "EnvironmentMismatch")
    assert theirs.dump() == before


def test_ledger_that_is_lost_takes_the_state_from_the_destination(new_shop: NewShop) -> None:
    shop = new_shop(write="append")
    assert shop.sync().verdict is Verdict.SUCCEEDED
    for file in (shop.root / ".connectors").glob("ledger.db*"):
        file.unlink()
    shop.offer({**FIRST, "orders": [*FIRST["orders"], order(5)]})

    row = shop.sync()

    assert row.verdict is Verdict.SUCCEEDED
    assert count_rows(shop)["shop_data.orders"] == 5
    with shop.ledger() as ledger:
        versions = ledger.states.versions("shop", environment="dev")
    assert [one.version for one in versions] == [2, 1]
    assert "adopted" in versions[1].why
    assert describe(shop)["state"] == versions[0].state["sources"]


def test_destination_that_is_behind_the_ledger_is_refused_before_extraction(
    new_shop: NewShop, tmp_path: Path
) -> None:
    shop = new_shop(write="append")
    assert shop.sync().verdict is Verdict.SUCCEEDED
    shutil.copy(database_of(shop), tmp_path / "backup.duckdb")
    shop.offer(LATER)
    assert shop.sync().verdict is Verdict.SUCCEEDED
    shutil.copy(tmp_path / "backup.duckdb", database_of(shop))
    reads = shop.reads()

    code, row = end(shop.start("--rebuild"))

    assert (code, row["error"]["type"]) == (8, "StateDivergence")
    assert "version 1, the ledger knows version 2" in row["error"]["problem"]
    assert shop.reads() == reads
    assert count_rows(shop) == ALL


@pytest.mark.parametrize("history", ["one", pytest.param("two", marks=pytest.mark.full)])
def test_destination_that_was_removed_is_loaded_from_the_beginning_only_when_asked(
    history: str, new_shop: NewShop
) -> None:
    shop = new_shop(write="append")
    for _ in range(1 if history == "one" else 2):
        assert shop.sync().verdict is Verdict.SUCCEEDED
    database_of(shop).unlink()
    reads = shop.reads()

    refused, row = end(shop.start())
    unread = shop.reads()
    rebuilt, again = end(shop.start("--rebuild"))

    assert (refused, row["error"]["type"]) == (8, "StateDivergence")
    assert "--rebuild" in row["error"]["fix"]
    assert unread == reads
    assert (rebuilt, again["verdict"]) == (0, "succeeded")
    assert count_rows(shop) == ALL
    assert live_version(shop) == (2 if history == "one" else 3)
    assert shop.sync().verdict is Verdict.SUCCEEDED
    assert count_rows(shop) == ALL
