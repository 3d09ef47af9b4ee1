"""Servers that do not answer: the ledger's PostgreSQL, a DuckLake's catalog, a source."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from connector_assets.model import Verdict

from .conftest import NewShop
from .killing import count_rows
from .processes import wait_for, wait_until_none
from .proxy import PostgresProxy
from .shop import end, hold

pytestmark = pytest.mark.fault
ALL = {"shop_data.orders": 4, "shop_data.orders__items": 8, "shop_data.visits": 3}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def proxy(new_postgres_database: Callable[[], str]) -> Iterator[PostgresProxy]:
    """A database whose server can be made unreachable."""
    with PostgresProxy(sa.make_url(new_postgres_database())) as made:
        yield made


def test_ledger_that_does_not_answer_is_told_before_anything_happens(
    new_shop: NewShop, closed_port: int
) -> None:
    url = f"postgresql://somebody:hunter2@127.0.0.1:{closed_port}/ledger"
    shop = new_shop(project={"ledger": "env:TEST_LEDGER"})

    code, answer = end(shop.start(TEST_LEDGER=url))

    assert code == 7
    assert answer["error"]["type"] == "LedgerUnreachable"
    assert f"127.0.0.1:{closed_port}" in answer["error"]["place"]
    assert "hunter2" not in str(answer)
    assert shop.reads() == []
    assert not (shop.root / "data").exists()


def test_ledger_that_is_lost_while_it_loads_does_not_lose_the_load(
    new_shop: NewShop, proxy: PostgresProxy
) -> None:
    shop = new_shop(project={"ledger": proxy.url})
    sync, worker = hold(shop, point="end_of_extract")
    proxy.close_the_door()
    worker.send_signal(signal.SIGCONT)

    output, errors = sync.communicate(timeout=300)

    assert sync.returncode == 7, output + errors
    assert "the ledger cannot be used" in output
    wait_until_none(shop.root)
    assert count_rows(shop) == ALL
    # The next start closes it by the destination's word, and finds nothing to load twice.
    proxy.open_the_door()
    lost = shop.last()
    assert lost.verdict is None
    assert shop.sync().verdict is Verdict.SUCCEEDED
    assert shop.verdict_of(lost.sync_id) == "succeeded"
    assert count_rows(shop) == ALL


def test_catalog_that_does_not_answer_fails_the_start_as_transient(
    new_shop: NewShop, proxy: PostgresProxy
) -> None:
    shop = new_shop("ducklake")
    behind = shop.having(destination={**shop.destination, "catalog": proxy.url})
    proxy.close_the_door()

    code, row = end(behind.start(CONNECTORS_LOCK_WAIT="1"))

    assert (code, row["verdict"]) == (7, "failed")
    assert row["error"]["class"] == "transient"
    assert row["error"]["place"] == "destination lake"
    assert shop.reads() == []


def test_catalog_that_comes_back_is_waited_for(new_shop: NewShop, proxy: PostgresProxy) -> None:
    shop = new_shop("ducklake")
    behind = shop.having(destination={**shop.destination, "catalog": proxy.url})
    proxy.close_the_door()
    sync = behind.start()
    wait_for(lambda: proxy.refused)

    proxy.open_the_door()

    assert end(sync)[0] == 0
    assert count_rows(behind) == ALL


@pytest.mark.parametrize("database", ["nowhere", "refused"])
def test_catalog_that_refuses_is_not_waited_for(
    database: str, new_shop: NewShop, new_postgres_database: Callable[[], str]
) -> None:
    url = sa.make_url(new_postgres_database())
    wrong = url.set(database="nowhere") if database == "nowhere" else url.set(username="nobody")
    catalog = wrong.render_as_string(hide_password=False)
    shop = new_shop(destination={"type": "ducklake", "catalog": catalog, "data_path": "data"})

    code, row = end(shop.start())

    assert (code, row["error"]["type"]) == (3, "ConfigError")
    assert "does not exist" in row["error"]["problem"]
    assert row["error"]["place"] == "destination lake"
