"""Probes: what a declared schema proves, and what a sample never can."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.audit.drift import Drift
from connector_assets.audit.probe import (
    Look,
    Sighting,
    is_refuted,
    judge_sighting,
    list_offered,
)
from connector_assets.audit.profile import ColumnProfile, StreamProfile
from connector_assets.lock import LockedColumn, LockedStream
from connector_assets.model import (
    Connector,
    Destination,
    DestinationKind,
    DriftKind,
    DriftPolicy,
    Engine,
    Stream,
    WriteDisposition,
)

SHOP = Connector(
    name="shop",
    owner="team",
    engine=Engine.DLT,
    source="rest_api",
    destination=Destination(name="lake", kind=DestinationKind.DUCKDB, path="x"),
    dataset="shop_data",
    streams=(
        Stream(
            name="orders",
            table="orders",
            write=WriteDisposition.MERGE,
            primary_key=("id",),
            cursor="updatedAt",
        ),
        Stream(name="stores", table="stores", write=WriteDisposition.REPLACE),
    ),
)
BASELINE = {
    "orders": LockedStream(
        columns={
            "id": LockedColumn(type="bigint", nullable=False),
            "updated_at": LockedColumn(type="timestamp"),
            "total": LockedColumn(type="double"),
            "coupon": LockedColumn(type="text"),
        },
        primary_key=("id",),
        cursor="updated_at",
    ),
    "orders__items": LockedStream(columns={"price": LockedColumn(type="double")}),
    "stores": LockedStream(columns={"id": LockedColumn(type="bigint")}),
}
#: Kinds that say that something is not there, and one that a few rows cannot tell.
ABSENCE = {
    DriftKind.STREAM_REMOVED,
    DriftKind.COLUMN_REMOVED,
    DriftKind.COLUMN_EMPTIED,
    DriftKind.KEY_REMOVED,
    DriftKind.CURSOR_REMOVED,
    DriftKind.NULLABILITY_CHANGED,
}


def declared(stream: str, **columns: Any) -> StreamProfile:
    """A profile of the baseline's stream with other columns: None takes one away."""
    known = {
        name: ColumnProfile(type=one.type, filled=0, nullable=one.nullable)
        for name, one in BASELINE[stream].columns.items()
    }
    merged = {name: one for name, one in {**known, **columns}.items() if one is not None}
    return StreamProfile(rows=0, columns=merged, primary_key=(), declared=True)


def reflected(**streams: StreamProfile) -> Sighting:
    usual = {"orders": declared("orders"), "stores": declared("stores")}
    return Sighting(look=Look.REFLECTION, profiles={**usual, **streams})


def judge(sighting: Sighting, *, offered: frozenset[str] | None = None) -> list[tuple[str, str]]:
    found = judge_sighting(SHOP, sighting, baseline=BASELINE, offered=offered)
    return [(one.drift.place, str(one.drift.kind)) for one in found]


TEXT = ColumnProfile(type="text", filled=0)


@pytest.mark.parametrize(
    ("orders", "found"),
    [
        (declared("orders"), []),
        (declared("orders", coupon=None), [("orders.coupon", "column_removed")]),
        (declared("orders", extra=TEXT), [("orders.extra", "column_added")]),
        (declared("orders", total=TEXT), [("orders.total", "type_changed")]),
        (
            declared("orders", id=None),
            [("orders", "key_removed"), ("orders.id", "column_removed")],
        ),
        (
            declared("orders", updated_at=None),
            [("orders", "cursor_removed"), ("orders.updated_at", "column_removed")],
        ),
    ],
    ids=["same", "column gone", "column new", "type", "key gone", "cursor gone"],
)
def test_declared_schema_proves_what_is_not_there(
    orders: StreamProfile, found: list[tuple[str, str]]
) -> None:
    assert judge(reflected(orders=orders)) == found


def test_stream_that_the_source_lists_no_more_is_removed() -> None:
    sighting = Sighting(
        look=Look.CATALOG, profiles={"orders": declared("orders")}, gone=("stores",)
    )

    assert judge(sighting) == [("stores", "stream_removed")]


def test_stream_that_is_offered_is_new_only_since_the_last_probe() -> None:
    others = {name: declared("stores") for name in ("refunds", "visits")}
    sighting = Sighting(look=Look.REFLECTION, profiles=reflected().profiles, others=others)

    first = judge(sighting)
    second = judge(sighting, offered=list_offered(SHOP, sighting))
    later = judge(sighting, offered=frozenset({"refunds"}))

    assert (first, second) == ([], [])
    assert later == [("visits", "stream_added")]


def test_stream_that_left_the_connector_is_not_new_to_the_source() -> None:
    orders = replace(SHOP.streams[0], config={"table": "t_orders"})
    connector = replace(SHOP, streams=(orders,))

    assert {"orders", "t_orders"} <= list_offered(connector, reflected())


def test_without_a_lock_nothing_differs() -> None:
    assert judge_sighting(SHOP, reflected(orders=declared("orders", id=None)), baseline={}) == ()


COLUMNS = st.dictionaries(
    st.sampled_from(["id", "updated_at", "total", "coupon", "extra"]),
    st.builds(
        ColumnProfile,
        type=st.sampled_from(["", "bigint", "double", "text", "timestamp", "json"]),
        filled=st.integers(0, 50),
        nullable=st.booleans(),
        variants=st.lists(st.sampled_from(["text", "double"]), max_size=2).map(tuple),
    ),
)
PROFILES = st.dictionaries(
    st.sampled_from(["orders", "orders__items", "orders__notes", "stores"]),
    st.builds(
        StreamProfile,
        rows=st.integers(0, 100_000),
        columns=COLUMNS,
        primary_key=st.lists(st.sampled_from(["id", "total"]), max_size=2).map(tuple),
        cursor=st.sampled_from(["", "total", "updated_at"]),
        # Also where an engine says by mistake that its source declares them.
        declared=st.booleans(),
    ),
)
SAMPLES = st.builds(
    Sighting,
    look=st.just(Look.SAMPLE),
    profiles=PROFILES,
    gone=st.lists(st.sampled_from(["orders", "stores"])).map(tuple),
    others=PROFILES,
)


@given(SAMPLES)
def test_no_sample_proves_absence(sighting: Sighting) -> None:
    found = judge_sighting(SHOP, sighting, baseline=BASELINE, offered=())

    assert {one.drift.kind for one in found} & ABSENCE == set()


@given(SAMPLES, st.sampled_from(DriftKind), st.sampled_from(["orders", "stores"]))
def test_no_sample_shows_that_a_difference_is_over(
    sighting: Sighting, kind: DriftKind, stream: str
) -> None:
    assert not is_refuted(Drift(kind=kind, stream=stream, column=("total",)), by=sighting)


def test_sample_shows_another_type_and_a_new_column() -> None:
    orders = StreamProfile(
        rows=3,
        columns={
            "total": ColumnProfile(type="double", filled=1, variants=("text",)),
            "extra": ColumnProfile(type="bool", filled=3),
        },
    )

    found = judge_sighting(
        SHOP, Sighting(look=Look.SAMPLE, profiles={"orders": orders}), baseline=BASELINE
    )

    assert [(one.drift.kind, one.policy) for one in found] == [
        (DriftKind.COLUMN_ADDED, DriftPolicy.ALLOW),
        (DriftKind.TYPE_CHANGED, DriftPolicy.BLOCK),
    ]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_unchanged_source_opens_no_event_in_200_probes(seed: int) -> None:
    chance = random.Random(seed)
    rows = [
        {
            name: kind
            for name, kind, rate in (
                ("id", "bigint", 1.0),
                ("updated_at", "timestamp", 1.0),
                ("total", chance.choice(("bigint", "double")), 0.7),
                ("coupon", "text", 0.02),
            )
            if chance.random() < rate
        }
        for _ in range(300)
    ]
    for _ in range(200):
        seen = profile(chance.sample(rows, chance.choice((0, 1, 3, 10, 30))))
        assert judge(Sighting(look=Look.SAMPLE, profiles={"orders": seen})) == []


def profile(rows: list[dict[str, str]]) -> StreamProfile:
    """The profile of rows whose values are named by their types."""
    columns = {}
    for name in {name for row in rows for name in row}:
        types = [row[name] for row in rows if name in row]
        first, *others = sorted(set(types), key=types.index)
        columns[name] = ColumnProfile(type=first, filled=len(types), variants=tuple(others))
    return StreamProfile(rows=len(rows), columns=columns)


@pytest.mark.parametrize(
    ("kind", "stream", "column", "over"),
    [
        (DriftKind.COLUMN_REMOVED, "orders", ("coupon",), True),
        (DriftKind.TYPE_CHANGED, "orders", ("total",), True),
        (DriftKind.STREAM_REMOVED, "stores", (), True),
        (DriftKind.STREAM_REMOVED, "gone", (), False),
        (DriftKind.COLUMN_EMPTIED, "orders", ("coupon",), False),
        (DriftKind.KEY_REMOVED, "orders", (), False),
        (DriftKind.TYPE_CHANGED, "orders", ("address", "city"), False),
        (DriftKind.TYPE_CHANGED, "orders__items", ("price",), False),
    ],
    ids=str,
)
def test_declared_schema_refutes_only_what_it_can_see(
    kind: DriftKind, stream: str, column: tuple[str, ...], over: bool
) -> None:
    drift = Drift(kind=kind, stream=stream, column=column)

    assert is_refuted(drift, by=reflected()) is over


def test_policy_of_the_connector_counts_for_what_is_offered() -> None:
    strict = replace(SHOP, drift={DriftKind.STREAM_ADDED: DriftPolicy.WARN})
    offering = replace(reflected(), others={"refunds": declared("stores")})

    (found,) = judge_sighting(strict, offering, baseline=BASELINE, offered=())

    assert found.policy is DriftPolicy.WARN
