"""A source that does not change opens no event: in any order, sparse, three rows at a time."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.audit.gate import Batch, judge_batch
from connector_assets.audit.observe import introduce
from connector_assets.audit.presence import Filled
from connector_assets.audit.profile import ColumnProfile, StreamProfile
from connector_assets.audit.rows import Read
from connector_assets.lock import LockedColumn, LockedStream
from connector_assets.model import (
    Connector,
    Decision,
    Destination,
    DestinationKind,
    Engine,
    Stream,
    Verdict,
    WriteDisposition,
)

from .api import Row, fill, order
from .conftest import Build

TYPES = {
    "id": "bigint",
    "updated": "bigint",
    "total": "double",
    "coupon": "text",
    "remark": "text",
    "address": "json",
}
#: How often a row has a value; what is left is null or absent, by turns.
RATES = {"id": 1.0, "updated": 1.0, "total": 0.9, "coupon": 0.4, "remark": 0.004, "address": 0.7}
INSIDE = {"city": LockedColumn(type="text"), "zip": LockedColumn(type="bigint")}
SHOP = Connector(
    name="shop",
    owner="team",
    engine=Engine.DLT,
    source="rest_api",
    destination=Destination(name="lake", kind=DestinationKind.DUCKDB, path="x"),
    dataset="shop_data",
    streams=(
        Stream(name="orders", table="orders", write=WriteDisposition.MERGE, cursor="updated"),
        Stream(name="stores", table="stores", write=WriteDisposition.REPLACE, min_share=0.6),
    ),
)


class Memory:
    """How the columns of each stream were filled in the batches before, as the ledger counts."""

    def __init__(self) -> None:
        self.rows: dict[str, Counter[str]] = {}
        self.filled: dict[str, Counter[str]] = {}

    def history(self) -> dict[str, dict[str, Filled]]:
        return {
            stream: {
                name: Filled(rows=self.rows[stream][name], filled=filled[name]) for name in filled
            }
            for stream, filled in self.filled.items()
        }

    def add(self, profiles: dict[str, StreamProfile]) -> None:
        for stream, profile in profiles.items():
            filled = self.filled.setdefault(stream, Counter())
            filled.update({name: one.filled for name, one in profile.columns.items()})
            self.rows.setdefault(stream, Counter()).update(dict.fromkeys(filled, profile.rows))


def rows_of(chance: random.Random, size: int) -> list[Row]:
    """Return rows in which a field without a value is null, or not there at all."""
    rows = []
    for _ in range(size):
        drawn: Row = {name: 1 if chance.random() < rate else None for name, rate in RATES.items()}
        kept = [name for name in drawn if drawn[name] is not None or chance.random() < 0.5]
        rows.append({name: drawn[name] for name in chance.sample(kept, k=len(kept))})
    return rows


def profile(rows: list[Row], *, declared: bool, cursor: str = "updated") -> StreamProfile:
    """Return what an engine shows of rows: a tap all that it declares, dlt what came."""
    filled = Counter(name for row in rows for name, value in row.items() if value is not None)
    names = TYPES.keys() if declared and rows else {name for row in rows for name in row}
    columns = {
        name: ColumnProfile(
            type=TYPES[name],
            filled=filled[name],
            fields=INSIDE if declared and name == "address" else {},
        )
        for name in sorted(names)
    }
    return StreamProfile(
        rows=len(rows),
        columns=columns,
        primary_key=("id",),
        cursor=cursor,
        # A tap that sent no row of a stream declared it all the same, and staged no file.
        declared=declared and bool(columns),
    )


def batch(chance: random.Random, memory: Memory, *, declared: bool) -> Batch:
    orders = rows_of(chance, chance.choice((0, 3, 3, 25, 300)))
    stores = rows_of(chance, 200)
    profiles = {
        "orders": profile(orders, declared=declared),
        "stores": profile(stores, declared=declared, cursor=""),
    }
    if not declared:
        lines = sum(row.get("address") is not None for row in orders)
        child = ColumnProfile(type="text", filled=lines)
        profiles["orders__lines"] = StreamProfile(
            rows=lines, columns={"sku": child} if lines else {}, parent="orders"
        )
    reads = {
        "orders": Read(rows=len(orders), before=1_000, full=False, last=None),
        "stores": Read(rows=200, before=200, full=True, last=200),
    }
    return Batch(profiles=profiles, reads=reads, history=memory.history())


def baseline(*, declared: bool) -> dict[str, LockedStream]:
    whole = [dict.fromkeys(TYPES, 1)]
    streams = {
        "orders": introduce(profile(whole, declared=declared)),
        "stores": introduce(profile(whole, declared=declared, cursor="")),
    }
    children = {"orders__lines": LockedStream(columns={"sku": LockedColumn(type="text")})}
    return streams if declared else {**streams, **children}


@pytest.mark.parametrize("declared", [False, True], ids=["dlt", "tap"])
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_200_syncs_of_an_unchanged_source_open_no_event(declared: bool, seed: int) -> None:
    chance, memory, expected = random.Random(seed), Memory(), baseline(declared=declared)

    for _ in range(200):
        one = batch(chance, memory, declared=declared)
        gate = judge_batch(SHOP, one, baseline=expected)
        assert (gate.decision, gate.findings, gate.refused) == (Decision.PASS, (), ())
        memory.add(dict(one.profiles))


def feed(shop: Any, chance: random.Random, *, first: int, size: int) -> None:
    """Put new orders behind those that were read, sparse and in any order."""
    table = shop.api.tables["orders"]
    for number in range(first, first + size):
        row = order(number)
        dropped = [name for name in ("coupon", "total") if chance.random() < 0.5]
        table.rows.append({name: row[name] for name in row if name not in dropped})
    for one in shop.api.tables.values():
        chance.shuffle(one.rows)


@pytest.mark.integration
@pytest.mark.parametrize(
    "engine", ["dlt", pytest.param("meltano", marks=pytest.mark.full)], ids=str
)
def test_ten_real_syncs_of_an_unchanged_source_open_no_event(engine: str, starts: Build) -> None:
    shop = starts(engine, "lake").again()
    fill(shop.api)
    chance, first = random.Random(11), 61
    sizes = [0, 3, 3, 40, 3, 0, 25, 3, 3, 30]

    verdicts = []
    for size in sizes:
        feed(shop, chance, first=first, size=size)
        verdicts.append(shop.sync().verdict)
        first += size

    assert verdicts == [Verdict.SUCCEEDED] * len(sizes)
    assert shop.told() == set()
    assert shop.held() == []
    assert len(shop.rows("orders")) == 60 + sum(sizes)
