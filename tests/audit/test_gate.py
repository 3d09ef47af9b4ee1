"""The gate: what passes, what is told, what is stopped."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.audit.drift import apply_drift
from connector_assets.audit.gate import Batch, Gate, judge_batch
from connector_assets.audit.observe import introduce, join_types
from connector_assets.audit.presence import Filled
from connector_assets.audit.profile import ColumnProfile, StreamProfile
from connector_assets.audit.rows import Read
from connector_assets.lock import LockedColumn, LockedStream
from connector_assets.model import (
    Connector,
    Decision,
    Destination,
    DestinationKind,
    DriftKind,
    DriftPolicy,
    Engine,
    Stream,
    WriteDisposition,
)

BASELINE = {
    "orders": LockedStream(
        columns={
            "id": LockedColumn(type="bigint", nullable=False),
            "total": LockedColumn(type="bigint"),
            "coupon": LockedColumn(type="text"),
        },
        primary_key=("id",),
        cursor="id",
    )
}
HISTORY = {"orders": {name: Filled(rows=10_000, filled=5_000) for name in ("total", "coupon")}}


def connector(**rules: Any) -> Connector:
    return Connector(
        name="shop",
        owner="team",
        engine=Engine.DLT,
        source="rest_api",
        destination=Destination(name="lake", kind=DestinationKind.DUCKDB, path="x"),
        dataset="shop_data",
        streams=(Stream(name="orders", table="orders", write=WriteDisposition.MERGE, **rules),),
    )


def profile(*, rows: int = 1000, declared: bool = False, **columns: Any) -> StreamProfile:
    usual = {
        "id": ColumnProfile(type="bigint", filled=rows, nullable=False),
        "total": ColumnProfile(type="bigint", filled=rows // 2),
        "coupon": ColumnProfile(type="text", filled=rows // 2),
    }
    merged = {name: one for name, one in {**usual, **columns}.items() if one is not None}
    return StreamProfile(
        rows=rows, columns=merged, declared=declared, primary_key=("id",), cursor="id"
    )


def judge(seen: StreamProfile, *, read: Read | None = None, **rules: Any) -> Gate:
    reads = {"orders": read} if read else {}
    batch = Batch(profiles={"orders": seen}, reads=reads, history=HISTORY)
    return judge_batch(connector(**rules), batch, baseline=BASELINE)


EMPTY = ColumnProfile(type="text", filled=0)
TEXT = ColumnProfile(type="text", filled=500)


@pytest.mark.parametrize(
    ("seen", "decision", "told"),
    [
        (profile(), Decision.PASS, ()),
        (profile(extra=TEXT), Decision.PASS, ()),
        (
            profile(coupon=EMPTY),
            Decision.PASS_WITH_DRIFT,
            ("orders.coupon column_emptied",),
        ),
        (
            profile(coupon=None),
            Decision.PASS_WITH_DRIFT,
            ("orders.coupon column_removed: text",),
        ),
        (profile(rows=5, coupon=None), Decision.PASS, ()),
        (
            profile(rows=5, declared=True, coupon=None),
            Decision.PASS_WITH_DRIFT,
            ("orders.coupon column_removed: text",),
        ),
        (
            profile(total=TEXT),
            Decision.BLOCK,
            ("orders.total type_changed: bigint -> text",),
        ),
        (
            profile(total=ColumnProfile(type="bigint", filled=499, variants=("text",))),
            Decision.BLOCK,
            ("orders.total type_changed: bigint -> text",),
        ),
        (
            profile(total=ColumnProfile(type="bigint", filled=0, variants=("double",))),
            Decision.PASS,
            (),
        ),
    ],
    ids=[
        "same",
        "added",
        "emptied",
        "removed",
        "absent by chance",
        "declared removed",
        "other type",
        "two types",
        "widened",
    ],
)
def test_gate_decides_by_the_batch(
    seen: StreamProfile, decision: Decision, told: tuple[str, ...]
) -> None:
    gate = judge(seen)

    assert (gate.decision, gate.reasons) == (decision, told)


def test_policy_of_the_stream_is_the_nearest() -> None:
    gate = judge(profile(extra=TEXT), drift={DriftKind.COLUMN_ADDED: DriftPolicy.BLOCK})

    assert gate.decision is Decision.BLOCK


def test_stream_that_is_gone_is_blocked() -> None:
    batch = Batch(profiles={}, gone=("orders",))

    gate = judge_batch(connector(), batch, baseline=BASELINE)

    assert [one.drift.kind for one in gate.findings] == [DriftKind.STREAM_REMOVED]
    assert gate.decision is Decision.BLOCK


def test_stream_that_is_gone_stays_gone_though_the_table_is_remembered() -> None:
    batch = Batch(profiles={"orders": StreamProfile(rows=0)}, gone=("orders",))

    gate = judge_batch(connector(), batch, baseline=BASELINE)

    assert [one.drift.kind for one in gate.findings] == [DriftKind.STREAM_REMOVED]


def test_stream_that_nobody_reads_is_told_and_changes_nothing() -> None:
    batch = Batch(profiles={"orders": profile()}, history=HISTORY, added=("refunds",))

    gate = judge_batch(connector(), batch, baseline=BASELINE)

    (found,) = gate.findings
    assert (found.drift.place, found.drift.kind) == ("refunds", DriftKind.STREAM_ADDED)
    assert gate.decision is Decision.PASS
    assert apply_drift(BASELINE, [found.drift]) == BASELINE


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ({"primary_key": ()}, "orders key_removed: id"),
        ({"cursor": ""}, "orders cursor_removed: id"),
        ({"nested": ("coupon",)}, "orders.coupon type_changed: text -> json"),
        ({"nested": ("total", "unknown")}, "orders.total type_changed: bigint -> json"),
    ],
    ids=["key", "cursor", "object", "object of a number"],
)
def test_source_that_declares_nothing_shows_what_it_lost(lost: Any, told: str) -> None:
    gate = judge(replace(profile(), **lost))

    assert (gate.decision, gate.reasons) == (Decision.BLOCK, (told,))
    assert judge(replace(profile(rows=0), primary_key=(), cursor="")).findings == ()


def test_field_inside_of_a_column_has_a_place_of_its_own() -> None:
    inside = {"city": LockedColumn(type="text"), "zip": LockedColumn(type="bigint")}
    known = {"orders": LockedStream(columns={"at": LockedColumn(type="json", fields=inside)})}
    other = {"city": LockedColumn(type="bigint"), "street": LockedColumn(type="text")}
    seen = StreamProfile(
        rows=5,
        declared=True,
        columns={"at": ColumnProfile(type="json", filled=5, fields=other)},
    )

    gate = judge_batch(connector(), Batch(profiles={"orders": seen}), baseline=known)

    assert [(one.drift.place, str(one.policy)) for one in gate.findings] == [
        ("orders.at.city", "block"),
        ("orders.at.street", "allow"),
        ("orders.at.zip", "warn"),
    ]


def test_first_structure_of_a_connector_is_no_drift() -> None:
    gate = judge_batch(connector(), Batch(profiles={"orders": profile()}), baseline={})

    assert gate == Gate(decision=Decision.PASS)


def test_rows_that_are_refused_block_whatever_the_structure() -> None:
    gate = judge(profile(rows=0), read=Read(rows=0, before=5, full=True))

    assert gate.decision is Decision.BLOCK
    assert gate.reasons == ("orders is empty, and it was read in full",)


@pytest.mark.parametrize(
    ("types", "joined"),
    [
        (["bigint"], "bigint"),
        (["bigint", "double"], "double"),
        (["bigint", "text"], "text"),
        (["json", "text"], "json"),
        (["date", "timestamp"], "timestamp"),
        (["bool", "bigint"], "text"),
    ],
    ids=str,
)
def test_joined_type_holds_all(types: list[str], joined: str) -> None:
    assert join_types(types) == joined


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_unchanged_source_opens_no_event_in_200_syncs(seed: int) -> None:
    chance = random.Random(seed)
    rates = {"id": 1.0, "total": 0.6, "coupon": 0.02}
    filled, rows = dict.fromkeys(rates, 0), 0
    baseline = {"orders": introduce(profile())}

    for _ in range(200):
        size = chance.choice((3, 40, 300))
        values = {
            name: sum(chance.random() < rate for _ in range(size)) for name, rate in rates.items()
        }
        columns = {
            name: ColumnProfile(type=baseline["orders"].columns[name].type, filled=count)
            for name, count in values.items()
            if count
        }
        seen = StreamProfile(rows=size, columns=columns, primary_key=("id",), cursor="id")
        history = {"orders": {name: Filled(rows=rows, filled=filled[name]) for name in rates}}
        batch = Batch(profiles={"orders": seen}, history=history)
        assert judge_batch(connector(), batch, baseline=baseline).findings == ()
        rows += size
        filled = {name: filled[name] + values[name] for name in rates}
