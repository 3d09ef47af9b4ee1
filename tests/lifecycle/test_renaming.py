"""A connector or a stream gets another name: rows, position and history go on under it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connector_assets.lifecycle.state_changes import StateChange, change_state
from connector_assets.positions import list_positions, set_position

from .renamed import Shop, counts, make_shop

pytestmark = pytest.mark.integration
FILES = """\
name: shop
engine: dlt
source: filesystem
config: {{bucket_url: "file://{root}/in", file_glob: "*.csv"}}
destination: warehouse.shop_data
streams:
  orders: {{write: append, cursor: modification_date}}
"""
NewShop = Callable[..., Shop]


@pytest.fixture
def new_shop(tmp_path: Path, declare_taps: Callable[[Path], None]) -> NewShop:
    def make(engine: str = "dlt", destination: str = "duckdb") -> Shop:
        shop = make_shop(tmp_path / "project", engine=engine, destination=destination)
        declare_taps(shop.root)
        return shop

    return make


@pytest.mark.parametrize(
    ("engine", "destination"),
    [
        ("dlt", "ducklake"),
        ("meltano", "duckdb"),
        ("own", "duckdb"),
        pytest.param("dlt", "duckdb", marks=pytest.mark.full),
        pytest.param("meltano", "ducklake", marks=pytest.mark.full),
        pytest.param("own", "ducklake", marks=pytest.mark.full),
    ],
)
def test_renamed_connector_goes_on_where_it_was(
    new_shop: NewShop, engine: str, destination: str
) -> None:
    shop = new_shop(engine, destination)
    old = shop.sync(3)

    told = json.loads(shop.cli("rename", "shop", "store", "--json"))
    shop.name = "store"
    row = shop.sync(5)

    assert (told["followed"], told["formerly"]) == (True, "shop")
    assert "name: store  # what sells\nrenamed_from: shop\n" in shop.file.read_text()
    assert counts(row) == [("orders", 2), ("customers", 2)]
    assert shop.ids("orders") == shop.ids("customers") == [1, 2, 3, 4, 5]
    assert shop.known() == [("store",)]
    renamed = shop.versions()[1]
    assert [one.version for one in shop.versions()] == [3, 2, 1]
    assert (renamed.why, renamed.sync_id) == ("renamed from shop", None)
    for words in (("logs", old.sync_id), ("status", "store"), ("debug", old.sync_id)):
        shop.cli(*words)
    assert "renamed from shop" in shop.cli("state", "log", "store")
    with closing(shop.ledger()) as ledger:
        history = ledger.history.recent(environment="dev", connector="store")
        assert not ledger.renames.knows("shop", environment="dev")
    assert [one.sync_id for one in history] == [row.sync_id, old.sync_id]


@pytest.mark.parametrize(
    ("engine", "destination"),
    [
        ("dlt", "duckdb"),
        ("meltano", "ducklake"),
        pytest.param("dlt", "ducklake", marks=pytest.mark.full),
        pytest.param("meltano", "duckdb", marks=pytest.mark.full),
    ],
)
def test_renamed_streams_keep_rows_and_position_and_the_lock_is_no_drift(
    new_shop: NewShop, engine: str, destination: str
) -> None:
    shop = new_shop(engine, destination)
    shop.sync(3)
    before = shop.tables()
    assert (shop.root / "locks" / "shop.json").is_file()

    shop.rename_streams(orders="purchases", customers="people")
    row = shop.sync(5)

    assert counts(row) == [("purchases", 2), ("people", 2)]
    assert shop.ids("purchases") == shop.ids("people") == [1, 2, 3, 4, 5]
    expected = {one.replace("orders", "purchases") for one in before}
    assert shop.tables() == {one.replace("customers", "people") for one in expected}
    why = "stream purchases renamed from orders; stream people renamed from customers"
    assert shop.versions()[1].why == why
    assert set(list_positions(shop.versions()[0].state)) - {""} == {"purchases", "people"}
    with closing(shop.ledger()) as ledger:
        assert ledger.drift.find(environment="dev", connector="shop") == []
    again = shop.sync(6)
    assert counts(again) == [("purchases", 1), ("people", 1)]
    assert len(shop.versions()) == 4


def test_child_tables_are_merged_under_the_new_name_and_nothing_is_left_of_the_old(
    new_shop: NewShop,
) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.rename_streams(orders="purchases", customers="people")
    shop.sync(5)

    shop.cli("state", "set", "shop", "people.id=0", "--why", "all rows are merged again")
    again = shop.sync(6)

    assert counts(again) == [("purchases", 1), ("people", 6)]
    for table in ("purchases", "people"):
        lines = f"warehouse.shop_data.{table}__lines"
        assert shop.ask(f"SELECT count(*) FROM {lines}") == [(12,)]
        parents = f"SELECT _dlt_id FROM warehouse.shop_data.{table}"
        orphans = f"SELECT count(*) FROM {lines} WHERE _dlt_parent_id NOT IN ({parents})"
        assert shop.ask(orphans) == [(0,)]
    found = shop.ask("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'customers%'")
    assert found == []


def test_files_that_were_read_are_not_read_again_for_a_stream_of_another_name(
    new_shop: NewShop,
) -> None:
    shop = new_shop()
    (shop.root / "in").mkdir()
    shop.file.write_text(FILES.format(root=shop.root))
    (shop.root / "in" / "a.csv").write_text("id\n1\n2\n")
    assert counts(shop.sync(0)) == [("orders", 2)]
    (shop.root / "in" / "b.csv").write_text("id\n3\n")

    shop.rename_by_hand("store")
    shop.rename_streams(orders="purchases")
    row = shop.sync(0)

    assert counts(row) == [("purchases", 1)]
    assert shop.ids("purchases") == ["1", "2", "3"]


def test_lock_that_is_renewed_has_the_streams_by_their_new_names(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.rename_streams(orders="purchases")
    shop.sync(4)

    shop.cli("lock", "update", "shop")

    lock = json.loads((shop.root / "locks" / "shop.json").read_text())
    assert set(lock["streams"]) == {
        "purchases",
        "purchases__lines",
        "customers",
        "customers__lines",
    }


def test_other_environment_follows_at_its_next_start(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.sync(2, environment="staging")
    shop.cli("rename", "shop", "store")
    shop.name = "store"
    shop.rename_streams(orders="purchases")

    row = shop.sync(4, environment="staging")

    assert counts(row) == [("purchases", 2), ("customers", 2)]
    assert shop.ids("purchases", "staging") == [1, 2, 3, 4]
    versions = shop.versions("staging")
    assert [(one.version, one.who) for one in versions] == [
        (3, "manual"),
        (2, "start_dag"),
        (1, "manual"),
    ]
    assert versions[1].why == "renamed from shop; stream purchases renamed from orders"
    assert shop.ids("orders") == [1, 2, 3]


def test_environment_that_missed_a_rename_follows_all_of_them(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(2, environment="staging")
    shop.cli("rename", "shop", "store")
    shop.cli("rename", "store", "market")
    shop.name = "market"

    shop.rename_streams(orders="purchases")
    shop.rename_streams(purchases="sales")
    text = shop.file.read_text()
    shop.write(
        text.replace(
            "renamed_from: purchases, renamed_from: orders,", "renamed_from: [purchases, orders],"
        ),
        name="market",
    )

    row = shop.sync(3, environment="staging")

    assert "renamed_from: [store, shop]" in shop.file.read_text()
    assert counts(row) == [("sales", 1), ("customers", 1)]
    assert shop.ids("sales", "staging") == [1, 2, 3]
    why = "renamed from shop; stream sales renamed from orders"
    assert shop.versions("staging")[1].why == why


def test_state_that_is_changed_first_follows_before_it(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.rename_by_hand("store")

    with closing(shop.ledger()) as ledger:
        setting = shop.setting(ledger, "dev")
        change = StateChange(
            who="ada",
            why="again",
            make=lambda state: set_position(state, stream="orders", key="id", text="1"),
        )
        change_state(setting, setting.project.connector("store"), change=change)

    assert [one.why for one in shop.versions()][:2] == ["again", "renamed from shop"]
    # A row at the value itself is read again.
    assert counts(shop.sync(3)) == [("orders", 3), ("customers", 0)]


@pytest.mark.parametrize(
    ("destination", "point"),
    [
        ("duckdb", "after_commit"),
        ("ducklake", "after_commit"),
        ("ducklake", "before_commit"),
        pytest.param("duckdb", "before_commit", marks=pytest.mark.full),
    ],
)
def test_rename_that_is_killed_is_settled_by_the_next_start(
    new_shop: NewShop, destination: str, point: str
) -> None:
    shop = new_shop(destination=destination)
    shop.sync(3)
    shop.rename_by_hand("store")
    shop.rename_streams(orders="purchases")
    words = ("step", "start", "--connector", "store", "--root-run-id", "night")

    shop.cli(*words, fault=f"{point}:kill", code=-signal.SIGKILL)

    done = point == "after_commit"
    assert shop.known() == [("store",) if done else ("shop",)]
    with closing(shop.ledger()) as ledger:
        assert ledger.states.latest("store", environment="dev") is None
    row = shop.sync(5)
    assert counts(row) == [("purchases", 2), ("customers", 2)]
    assert shop.ids("purchases") == [1, 2, 3, 4, 5]
    assert [one.version for one in shop.versions()] == [3, 2, 1]
    assert "renamed from shop; stream purchases renamed from orders" in shop.versions()[1].why
    assert ("adopted" in shop.versions()[1].why) is done
