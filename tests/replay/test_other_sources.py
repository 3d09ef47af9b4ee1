"""What a source offers, where it is a function, and what stays an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from connector_assets.ledger.audit_records import DriftStatus
from connector_assets.ledger.records import SyncRow
from connector_assets.model import Verdict

from .api import Api, fill
from .conftest import Build
from .shop import Shop

pytestmark = pytest.mark.integration

ENGINES = pytest.mark.parametrize(
    "engine", ["dlt", pytest.param("meltano", marks=pytest.mark.full)], ids=str
)
# One resource for each stream that the index has, as sources of generated clients do it.
SOURCE = """\
import json, urllib.request
import dlt

def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)

def pages(url):
    while url:
        page = fetch(url)
        yield page["data"]
        url = page["next"]

@dlt.source
def shop(url):
    for one in fetch(url)["streams"]:
        address = f"{url}/{one['name']}"
        yield dlt.resource(pages(address), name=one["name"], primary_key="id")
"""


class FunctionShop(Shop):
    """The project with a dlt source that is a function."""

    def declare(self, *, alerts: str = "", **streams: dict[str, object]) -> None:
        super().declare(alerts=alerts)
        (self.root / "shop_source.py").write_text(SOURCE)
        content = {
            "name": "shop",
            "engine": "dlt",
            "source": "python:shop_source:shop",
            "config": {"url": self.api.url},
            "destination": "lake.shop_data",
            "streams": {
                "orders": {"write": "merge", "cursor": "updated"},
                "stores": {"write": "replace"},
            },
        }
        (self.root / "connectors" / "shop.yaml").write_text(json.dumps(content))


@pytest.fixture
def shop(api: Api, tmp_path: Path) -> Shop:
    fill(api)
    made = FunctionShop(tmp_path / "project", api, engine="dlt", destination="lake")
    assert made.sync().verdict is Verdict.SUCCEEDED
    return made


def let_through(shop: Shop, row: SyncRow) -> SyncRow:
    shop.approve()
    return shop.release(row)


def test_function_that_lost_a_resource_is_blocked_and_a_new_one_is_told(shop: Shop) -> None:
    shop.api.tables["refunds"] = shop.api.tables.pop("stores")
    before = shop.dump()

    blocked = shop.sync()
    unchanged = shop.dump() == before
    told = shop.told()
    released = let_through(shop, blocked)
    after = shop.sync()

    assert (blocked.verdict, blocked.cause) == (Verdict.BLOCKED, "stores stream_removed")
    assert unchanged
    # What is allowed counts when it is loaded: nothing was.
    assert told == {"stores stream_removed block"}
    assert released.verdict is Verdict.SUCCEEDED, released.cause
    assert shop.told() == {"stores stream_removed block", "refunds stream_added allow"}
    assert len(shop.rows("stores")) == 40
    # What was approved is expected: the next sync does without it, and tells nothing twice.
    assert after.verdict is Verdict.SUCCEEDED, after.cause
    counts = {f"{event.stream} {event.kind}": event.seen for event in shop.events()}
    assert counts == {"stores stream_removed": 1, "refunds stream_added": 1}


def test_source_with_many_streams_opens_no_event_for_those_nobody_reads(shop: Shop) -> None:
    row = shop.sync()

    # `events` is offered from the first day on.
    assert row.verdict is Verdict.SUCCEEDED
    # The connector's cursor is followed in the second sync, too.
    staged = {one["stream"]: one["staged"] for one in row.result["streams"]}
    assert staged == {"orders": 0, "stores": 40}
    assert shop.told() == set()


def test_source_that_lost_every_stream_is_blocked_and_can_be_let_through(shop: Shop) -> None:
    shop.api.tables.clear()

    blocked = shop.sync()
    released = let_through(shop, blocked)

    assert blocked.verdict is Verdict.BLOCKED
    assert shop.told() == {"orders stream_removed block", "stores stream_removed block"}
    assert released.verdict is not None
    assert released.verdict.good, released.cause
    assert (len(shop.rows("orders")), len(shop.rows("stores"))) == (60, 40)


def test_stream_that_comes_back_is_read_again(shop: Shop) -> None:
    stores = shop.api.tables.pop("stores")
    blocked = shop.sync()
    shop.api.tables["stores"] = stores

    row = shop.sync()

    assert (blocked.verdict, row.verdict) == (Verdict.BLOCKED, Verdict.SUCCEEDED)
    assert [str(event.status) for event in shop.events()] == ["gone"]


@ENGINES
def test_source_that_is_as_before_after_a_blocked_batch_is_no_drift(
    engine: str, starts: Build
) -> None:
    shop = starts(engine, "lake").again()
    fill(shop.api)
    orders = shop.api.tables["orders"]
    orders.change(lambda row: {"customer": {"name": "x"}, "total": 0.5, "extra": 1})
    number, text = {"type": ["number", "null"]}, {"type": ["object", "null"]}
    orders.fields.update(total=number, customer=text, extra={"type": ["integer", "null"]})

    blocked = shop.sync()
    fill(shop.api)
    orders = shop.api.tables["orders"]
    orders.touch()
    row = shop.sync()

    assert blocked.verdict is Verdict.BLOCKED
    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert "type_changed" in {event.kind for event in shop.events()}
    assert {event.status for event in shop.events()} == {DriftStatus.GONE}


def test_address_that_is_not_there_after_rows_is_an_error_and_no_stream_that_is_gone(
    starts: Build,
) -> None:
    shop = starts("dlt", "lake").again()
    fill(shop.api)
    shop.api.cut.add("stores")

    row = shop.sync()

    assert row.verdict is Verdict.FAILED
    assert "/streams/stores answered 404" in row.cause
    assert shop.told() == set()


def _misspelt(shop: Shop, edit: Callable[[str], str]) -> SyncRow:
    file = shop.root / "connectors" / "shop.yaml"
    file.write_text(edit(file.read_text()))
    return shop.sync()


@ENGINES
def test_stream_that_was_never_there_is_an_error_and_no_drift(engine: str, starts: Build) -> None:
    shop = starts(engine, "lake").again()
    fill(shop.api)

    row = _misspelt(shop, lambda text: text.replace('"stores"', '"shops"'))

    assert row.verdict is Verdict.FAILED
    assert "shops" in row.cause
    assert shop.told() == set()
