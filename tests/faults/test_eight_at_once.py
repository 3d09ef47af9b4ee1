"""Eight connectors at once into one destination that none of them has loaded before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from connector_assets.model import Verdict

from .conftest import NewShop
from .content import check_consistent, logical
from .processes import wait_until_none
from .shop import Shop

pytestmark = pytest.mark.integration
NAMES = [f"shop{number}" for number in range(8)]


def declare_eight(shop: Shop) -> None:
    """Write eight connectors like the shop's own, each with a dataset of its own."""
    own = shop.root / "connectors" / "shop.yaml"
    for name in NAMES:
        content = {**yaml.safe_load(own.read_text()), "name": name, "destination": f"lake.{name}"}
        (shop.root / "connectors" / f"{name}.yaml").write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    "kind", ["duckdb", "ducklake", pytest.param("ducklake-sqlite", marks=pytest.mark.full)]
)
def test_eight_first_loads_at_once_all_succeed(kind: str, new_shop: NewShop) -> None:
    shop = new_shop(kind, write="append")
    declare_eight(shop)

    syncs = [shop.start(name=name) for name in NAMES]
    ended = [sync.communicate(timeout=300) for sync in syncs]

    verdicts = [json.loads(output.splitlines()[-1])["verdict"] for output, _ in ended]
    assert verdicts == [Verdict.SUCCEEDED] * 8, "\n".join(errors for _, errors in ended)
    assert [sync.returncode for sync in syncs] == [0] * 8
    dump = shop.dump()
    for name in NAMES:
        check_consistent(dump, dataset=name)
    rows = {table: len(rows) for table, rows in logical(dump).items()}
    expected = {"orders": 4, "orders__items": 8, "visits": 3}
    assert rows == {f"{name}.{table}": n for name in NAMES for table, n in expected.items()}
    assert len(dump["main._connectors_stamp"]) == 1
    wait_until_none(Path(shop.root))
