"""Drift is complete: applied to the old structure it gives the new one, in any order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.audit.drift import Drift, apply_drift, diff_streams
from connector_assets.audit.policy import USUAL
from connector_assets.lock import LockedColumn, LockedStream
from connector_assets.model import DriftKind, DriftPolicy

NAMES = st.sampled_from(["id", "name", "total", "address", "[]"])
TYPES = st.sampled_from(["bigint", "double", "text", "json", "decimal(12,2)", "date"])
PLAIN = st.builds(LockedColumn, type=TYPES, nullable=st.booleans())
COLUMNS = st.recursive(
    PLAIN,
    lambda deeper: st.builds(
        LockedColumn,
        type=st.just("json"),
        nullable=st.booleans(),
        fields=st.dictionaries(NAMES, deeper, max_size=3),
    ),
    max_leaves=6,
)
STREAM = st.builds(
    LockedStream,
    columns=st.dictionaries(NAMES, COLUMNS, max_size=4),
    primary_key=st.lists(NAMES, unique=True, max_size=2).map(lambda key: tuple(sorted(key))),
    cursor=st.sampled_from(["", "id", "total"]),
)
STREAMS = st.dictionaries(st.sampled_from(["orders", "users", "items"]), STREAM, max_size=3)


@given(STREAMS, STREAMS, st.integers())
def test_drift_applied_to_the_old_structure_gives_the_new(
    old: dict[str, LockedStream], new: dict[str, LockedStream], seed: int
) -> None:
    drifts = list(diff_streams(old, new))
    random.Random(seed).shuffle(drifts)

    assert apply_drift(old, drifts) == new


@given(STREAMS)
def test_same_structure_in_another_order_has_no_drift(streams: dict[str, LockedStream]) -> None:
    turned = {
        name: LockedStream(
            columns=dict([*stream.columns.items()][::-1]),
            primary_key=stream.primary_key[::-1],
            cursor=stream.cursor,
        )
        for name, stream in reversed(streams.items())
    }

    assert diff_streams(streams, turned) == ()


def orders(**columns: LockedColumn) -> dict[str, LockedStream]:
    return {"orders": LockedStream(columns=columns, primary_key=("id",), cursor="at")}


TEXT, NUMBER = LockedColumn(type="text"), LockedColumn(type="bigint")
ADDRESS = LockedColumn(type="json", fields={"city": TEXT})


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (orders(), orders(name=TEXT), ["column_added orders.name"]),
        (orders(name=TEXT), orders(), ["column_removed orders.name"]),
        (orders(n=NUMBER), orders(n=LockedColumn(type="double")), ["type_widened orders.n"]),
        (orders(n=NUMBER), orders(n=TEXT), ["type_changed orders.n"]),
        (
            orders(n=TEXT),
            orders(n=LockedColumn(type="text", nullable=False)),
            ["nullability_changed orders.n"],
        ),
        (
            orders(address=ADDRESS),
            orders(address=LockedColumn(type="json", fields={"city": NUMBER, "zip": TEXT})),
            ["type_changed orders.address.city", "column_added orders.address.zip"],
        ),
        (orders(), {}, ["stream_removed orders"]),
        ({}, orders(), ["stream_added orders"]),
        (orders(), {"orders": LockedStream(cursor="at")}, ["key_removed orders"]),
        (orders(), {"orders": LockedStream(primary_key=("id",))}, ["cursor_removed orders"]),
        (
            orders(),
            {"orders": LockedStream(primary_key=("uid",), cursor="at")},
            ["key_added orders", "key_removed orders"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_drift_has_the_word_of_the_field(
    old: dict[str, LockedStream], new: dict[str, LockedStream], found: list[str]
) -> None:
    assert [f"{one.kind} {one.place}" for one in diff_streams(old, new)] == found


def test_emptied_column_changes_no_structure() -> None:
    emptied = Drift(kind=DriftKind.COLUMN_EMPTIED, stream="orders", column=("name",))

    assert apply_drift(orders(name=TEXT), [emptied]) == orders(name=TEXT)


def test_every_kind_has_a_usual_policy_and_what_breaks_is_blocked() -> None:
    blocked = {kind for kind, policy in USUAL.items() if policy is DriftPolicy.BLOCK}

    assert USUAL.keys() == set(DriftKind)
    assert blocked == {
        DriftKind.TYPE_CHANGED,
        DriftKind.KEY_REMOVED,
        DriftKind.CURSOR_REMOVED,
        DriftKind.STREAM_REMOVED,
    }
