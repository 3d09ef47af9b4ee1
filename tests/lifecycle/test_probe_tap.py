"""Probes of a tap: its catalog is made anew by Meltano each time, and no record is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_assets.ledger.audit_records import DriftStatus
from connector_assets.ledger.store import Ledger

from .probing import Probing

pytestmark = pytest.mark.integration

CONNECTOR = """\
name: shop
engine: meltano
source: tap-offers
config: {file: catalog.json}
destination: warehouse.shop_data
streams:
  orders: {write: merge, primary_key: id}
  stores: {write: replace}
"""
INTEGER, TEXT = ({"type": [kind, "null"]} for kind in ("integer", "string"))


@pytest.fixture
def shop(tmp_path: Path, declare_taps: Callable[[Path], None]) -> Iterator[Probing]:
    declare_taps(tmp_path)
    with Ledger.open(f"sqlite:///{tmp_path / '.connectors' / 'ledger.db'}") as ledger:
        probing = Probing(tmp_path, ledger, connector=CONNECTOR)
        probing.lock(
            orders={"id": "bigint!", "total": "bigint", "coupon": "text"}, stores={"id": "bigint!"}
        )
        yield probing


def offer(probing: Probing, **streams: dict[str, Any]) -> None:
    content = {
        # The key of orders is the connector's own.
        name: {"properties": properties, "key": [] if name == "orders" else ["id"]}
        for name, properties in streams.items()
    }
    (probing.root / "catalog.json").write_text(json.dumps(content))


ORDERS, STORES = {"id": INTEGER, "total": INTEGER, "coupon": TEXT}, {"id": INTEGER}


def test_tap_whose_catalog_changes_is_seen_as_it_is_now(shop: Probing) -> None:
    offer(shop, orders=ORDERS, stores=STORES, visits=STORES)
    unchanged = shop.find()
    offer(shop, orders={"id": INTEGER, "total": TEXT}, visits=STORES, refunds=STORES)
    changed = shop.find()
    offer(shop, orders=ORDERS, stores=STORES)
    back = shop.find()

    assert (unchanged, back) == ({}, {})
    assert changed == {
        "orders.coupon": "column_removed",
        "orders.total": "type_changed",
        "stores": "stream_removed",
        "refunds": "stream_added",
    }
    assert shop.events() == {}
    assert len(shop.events(DriftStatus.GONE)) == 3


def test_tap_that_lost_a_key_and_never_had_a_stream(shop: Probing) -> None:
    offer(shop, orders={"total": INTEGER, "coupon": TEXT}, stores=STORES)
    lost = shop.find()
    file = shop.root / "connectors" / "shop.yaml"
    file.write_text(f"{CONNECTOR}  ordres: {{write: replace}}\n")
    misspelt = shop.probe().error

    assert lost == {"orders": "key_removed", "orders.id": "column_removed"}
    # What was never in the lock is not gone: it is a mistake.
    assert misspelt is not None
    assert (misspelt.exit_code, misspelt.stream) == (3, "ordres")
    assert "Did you mean 'orders'" in misspelt.fix
