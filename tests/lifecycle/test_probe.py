"""Probes of a database, an API and a function: what they find, and all that they leave alone."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connector_assets.ledger.audit_records import DriftStatus
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions
from connector_assets.model import Verdict
from tests.dlt_engine.server import TOKEN, Shop, serve

from .conftest import Webhook
from .probing import Probing

pytestmark = pytest.mark.integration

DATABASE = """\
name: shop
engine: dlt
source: sql_database
config: {credentials: "sqlite:///source.sqlite"}
destination: warehouse.shop_data
streams:
  orders: {write: merge, primary_key: id, cursor: at}
  stores: {write: replace}
"""
API = """\
name: shop
engine: dlt
source: rest_api
config:
  client:
    base_url: "%s"
    auth: {type: bearer, token: "${token}"}
    paginator: {type: json_link, next_url_path: next}
secrets: {token: "env:SHOP_TOKEN"}
destination: warehouse.shop_data
streams:
  orders: {write: merge, primary_key: id, config: {path: orders, data_selector: data}}
"""
FUNCTION = """\
name: shop
engine: dlt
source: python:%s:orders
config: {token: "${token}"}
secrets: {token: "env:SHOP_TOKEN"}
destination: warehouse.shop_data
streams:
  orders: {write: merge, primary_key: id}
"""
SOURCE = """\
import json, pathlib
import dlt

@dlt.resource(name="orders")
def orders(token=""):
    if not pathlib.Path("rows.json").exists():
        print("the token is", token)
        raise ValueError(f"no rows for {token}")
    yield from json.loads(pathlib.Path("rows.json").read_text())
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / '.connectors' / 'ledger.db'}") as opened:
        yield opened


def execute(root: Path, *statements: str) -> None:
    with sqlite3.connect(root / "source.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.fixture
def database(tmp_path: Path, ledger: Ledger) -> Probing:
    execute(
        tmp_path,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, at INTEGER, n INTEGER, coupon TEXT)",
        "CREATE TABLE stores (id INTEGER PRIMARY KEY)",
        "CREATE TABLE visits (id INTEGER PRIMARY KEY)",
        "INSERT INTO orders VALUES (1, 10, 1, 'a'), (2, 20, 2, NULL)",
        "INSERT INTO stores VALUES (1)",
    )
    return Probing(tmp_path, ledger, connector=DATABASE)


def test_database_is_compared_while_a_sync_has_the_lease_and_nothing_else_changes(
    database: Probing,
) -> None:
    assert database.sync().verdict is Verdict.SUCCEEDED
    database.hold_lease()
    before = database.fingerprint()

    unchanged = database.find()
    execute(
        database.root,
        "ALTER TABLE orders DROP COLUMN coupon",
        "ALTER TABLE orders ADD COLUMN extra TEXT",
        "DROP TABLE stores",
        "CREATE TABLE refunds (id INTEGER)",
    )
    changed, again = database.find(), database.find()

    assert unchanged == {}
    assert changed == {
        "orders.coupon": "column_removed",
        "orders.extra": "column_added",
        "stores": "stream_removed",
        "refunds": "stream_added",
    }
    # The second time the new table is known, and the rest is the same events.
    assert again == {place: kind for place, kind in changed.items() if place != "refunds"}
    assert database.events() == {
        "orders.coupon": ("column_removed", 2),
        "stores": ("stream_removed", 2),
    }
    assert database.events(DriftStatus.NOTED) == {
        "orders.extra": ("column_added", 2),
        "refunds": ("stream_added", 1),
    }
    assert database.fingerprint() == before


def test_database_that_is_as_before_again_closes_what_a_probe_opened(database: Probing) -> None:
    database.lock(
        orders={"id": "bigint", "at": "bigint", "n": "bigint", "coupon": "text"},
        stores={"id": "bigint"},
    )
    execute(database.root, "ALTER TABLE orders RENAME COLUMN n TO amount")

    lost = database.find()
    execute(database.root, "ALTER TABLE orders RENAME COLUMN amount TO n")
    back = database.probe()

    assert lost == {"orders.amount": "column_added", "orders.n": "column_removed"}
    assert (back.findings, database.events()) == ((), {})
    gone = database.ledger.drift.find(environment="dev", statuses=[DriftStatus.GONE])
    assert {one.settled_by for one in gone} == {back.probe_id}
    assert {one.first_sync_id[:6] for one in gone} == {"probe-"}


@pytest.fixture
def server() -> Iterator[Shop]:
    with serve() as shop:
        yield shop


@pytest.fixture
def api(tmp_path: Path, ledger: Ledger, server: Shop, monkeypatch: pytest.MonkeyPatch) -> Probing:
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    probing = Probing(tmp_path, ledger, connector=API % server.url)
    probing.lock(
        orders={"id": "bigint", "total": "double", "code": "text", "rare": "text"},
        orders__items={"price": "double"},
    )
    server.tables["orders"] = [
        # Whole numbers, and texts that look like times: as narrow as a sample can be.
        {"id": n, "total": n if n % 9 else n / 7, "code": "2026-01-01T00:00:00Z"}
        | ({"rare": "x", "items": [{"price": n}]} if n % 40 == 0 else {})
        for n in range(1, 300)
    ]
    return probing


def test_api_in_any_order_of_rows_opens_nothing(api: Probing, server: Shop) -> None:
    for seed in range(3):
        random.Random(seed).shuffle(server.tables["orders"])
        assert api.find() == {}
    server.tables["orders"] = []

    probed = api.probe()

    # Nothing at all is no proof of anything either.
    assert (probed.error, probed.findings) == (None, ())
    assert api.events(*DriftStatus) == {}


def test_api_that_changed_is_told_once_by_what_came_and_by_nothing_that_did_not(
    api: Probing, server: Shop, webhook: Webhook
) -> None:
    url = f"json://127.0.0.1:{webhook.server_port}/"
    alerting = Probing(
        api.root,
        api.ledger,
        connector=API % server.url,
        project=f'alerts: {{urls: ["{url}"]}}\n',
    )
    server.tables["orders"] = [
        {"id": n, "total": f"{n} euros", "items": [{"price": "free"}], "extra": True}
        for n in range(40)
    ]

    found = [alerting.find(), alerting.find()]

    assert found == 2 * [
        {
            "orders.extra": "column_added",
            "orders.total": "type_changed",
            "orders__items.price": "type_changed",
        }
    ]
    (told,) = webhook.received
    assert told["title"] == "shop DRIFT (dev)"
    assert "orders.total type_changed: double -> text (block)" in told["message"]
    assert "extra" not in told["message"]


FILES = """\
name: shop
engine: dlt
source: filesystem
config: {bucket_url: files}
destination: warehouse.shop_data
streams:
  orders: {write: append, config: {file_glob: "*.parquet", format: parquet}}
  stores: {write: append, config: {file_glob: "*.csv"}}
"""


def test_files_are_read_at_their_beginning(tmp_path: Path, ledger: Ledger) -> None:
    probing = Probing(tmp_path, ledger, connector=FILES)
    probing.lock(
        orders={"id": "bigint", "total": "double", "coupon": "text"},
        stores={"id": "text", "town": "text"},
    )
    (tmp_path / "files").mkdir()
    # Whole numbers in a column of others, and a column that this file does not have.
    pq.write_table(pa.table({"id": [1], "total": [2]}), tmp_path / "files" / "1.parquet")
    (tmp_path / "files" / "1.csv").write_text("id\n1\n")
    narrow = probing.find()
    pq.write_table(pa.table({"id": ["a"], "total": [2]}), tmp_path / "files" / "1.parquet")

    assert narrow == {}
    assert probing.find() == {"orders.id": "type_changed"}


@pytest.fixture
def function(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Probing:
    module = f"rows_{tmp_path.name}"
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-of-the-shop")
    (tmp_path / f"{module}.py").write_text(SOURCE)
    return Probing(tmp_path, ledger, connector=FUNCTION % module)


def write_rows(probing: Probing, **changed: object) -> None:
    rows = [{"id": number, "total": number, **changed} for number in range(40)]
    (probing.root / "rows.json").write_text(json.dumps(rows))


def test_sync_after_a_probe_decides_by_itself_and_makes_the_same_events(function: Probing) -> None:
    write_rows(function)
    function.lock(orders={"id": "bigint", "total": "bigint"})
    write_rows(function, total="free", extra=1)
    probed = function.probe()
    noted = function.events(DriftStatus.NOTED)

    blocked = function.sync()

    assert [one.kind for one in probed.opened] == ["type_changed"]
    assert noted == {"orders.extra": ("column_added", 1)}
    assert blocked.verdict is Verdict.BLOCKED
    assert function.events() == {"orders.total": ("type_changed", 2)}
    # Nothing was loaded: it is no part of the baseline yet.
    assert function.events(DriftStatus.NOTED) == {"orders.extra": ("column_added", 2)}
    (approved,) = decisions.approve(function.setting, "shop", who="ada")
    assert approved.id == probed.opened[0].id


FOLLOWED = """\
import json, pathlib
from datetime import datetime
import dlt

@dlt.resource(name="orders")
def orders(token="", at=dlt.sources.incremental("at")):
    for row in json.loads(pathlib.Path("rows.json").read_text()):
        row["at"] = datetime.fromisoformat(row["at"])
        if at.last_value is None or row["at"] >= at.last_value:
            yield row
"""


def test_sample_begins_where_the_last_sync_stopped(function: Probing) -> None:
    (module,) = function.root.glob("rows_*.py")
    module.write_text(FOLLOWED)
    rows: list[dict[str, object]] = [
        {"id": day, "at": f"2026-01-{day:02}T00:00:00+00:00", "total": day} for day in range(1, 30)
    ]
    (function.root / "rows.json").write_text(json.dumps(rows))
    assert function.sync().verdict is Verdict.SUCCEEDED
    before = function.ledger.states.versions("shop", environment="dev")

    nothing_new = function.probe()
    newest = {"id": 99, "at": "2026-02-01T00:00:00+00:00", "total": "free"}
    (function.root / "rows.json").write_text(json.dumps([*rows, newest]))
    found = function.probe()

    # Three rows of the beginning; then the one that is new, which is the last of thirty.
    assert [probed.sighting and probed.sighting.rows for probed in (nothing_new, found)] == [3, 1]
    assert nothing_new.findings == ()
    assert [one.drift.place for one in found.findings] == ["orders.total"]
    assert function.ledger.states.versions("shop", environment="dev") == before


def test_source_that_fails_is_an_error_without_its_secret(function: Probing) -> None:
    probed = function.probe()

    assert probed.error is not None
    assert (probed.error.connector, probed.exit_code) == ("shop", probed.error.exit_code)
    assert "no rows for" in probed.error.problem
    assert "s3cret" not in str(probed.error)
    last = function.ledger.probes.last(environment="dev")["shop"]
    assert (last.probe_id, last.failure) == (probed.probe_id, type(probed.error).__name__)
