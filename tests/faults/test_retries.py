"""What is tried again, how often and after which waits; and what is not."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from connector_assets.lifecycle.setting import Observer, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict

from .conftest import NewShop
from .killing import count_rows
from .shop import end

pytestmark = pytest.mark.integration
ALL = {"shop_data.orders": 4, "shop_data.orders__items": 8, "shop_data.visits": 3}


class Waits(Observer):
    """Keeps what is waited for."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def waits(self, reason: str) -> None:
        self.said.append(reason)


def test_transient_error_is_tried_again_after_the_waits_of_the_plan(new_shop: NewShop) -> None:
    shop = new_shop(write="append", connector={"retries": {"max": 2, "wait": 1}})
    shop.fail(kind="transient", visits=2)
    waits = Waits()
    with shop.setting() as setting:
        watched = replace(setting, observer=waits)
        request = StartRequest(root_run_id=uuid4().hex)
        row = run_sync(watched, setting.project.connector("shop"), request=request)

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert row.attempt == 1
    assert shop.reads().count("visits") == 3
    assert [reason.rpartition("; ")[2] for reason in waits.said] == [
        "trying again in 1 s",
        "trying again in 2 s",
    ]
    assert count_rows(shop) == ALL


@pytest.mark.parametrize(
    ("kind", "reads", "code"), [("transient", 2, 7), ("fatal", 1, 8)], ids=["transient", "fatal"]
)
def test_error_that_stays_fails_the_sync_with_its_class(
    kind: str, reads: int, code: int, new_shop: NewShop
) -> None:
    shop = new_shop(connector={"retries": {"max": 1, "wait": 0}})
    shop.fail(kind=kind, visits=100)

    ended, row = end(shop.start())

    assert (ended, row["verdict"]) == (code, "failed")
    told = row["error"]
    assert (told["class"], told["connector"], told["stream"]) == (kind, "shop", "visits")
    assert "shop.yaml" in told["place"]
    assert shop.reads().count("visits") == reads
    assert shop.dump() == {}


def test_retries_are_left_out_when_nobody_wants_them(new_shop: NewShop) -> None:
    shop = new_shop(connector={"retries": {"max": 5, "wait": 0}})
    shop.fail(kind="transient", orders=100)

    ended, _ = end(shop.start("--no-retry"))

    assert ended == 7
    assert shop.reads().count("orders") == 1
