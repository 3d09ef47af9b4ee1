"""Positions in a state: listed for people, compared, set as what they were, taken over."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.errors import ConfigError
from connector_assets.positions import (
    BESIDE,
    Moved,
    diff_positions,
    find_marked,
    forget_positions,
    list_positions,
    set_position,
    split_target,
    take_positions,
)

AT = "\uf0272026-11-22T01:58:00+00:00"
DLT: dict[str, Any] = {
    "_state_version": 3,
    "sources": {
        "shop": {
            "resources": {
                "orders": {"incremental": {"at": {"last_value": AT, "unique_hashes": ["x"]}}},
                "visits": {"incremental": {"id": {"last_value": 7, "unique_hashes": []}}},
            },
            "token_page": 4,
        }
    },
}
SDK = {"replication_key": "at", "replication_key_value": "2026-11-22"}
SINGER: dict[str, Any] = {
    "sources": {"singer": {"singer_state": {"bookmarks": {"a.b": SDK, "old": 5}, "version": 2}}}
}


def test_positions_are_listed_by_stream_as_people_read_them() -> None:
    assert list_positions(DLT) == {
        "orders": {
            "incremental.at.last_value": "2026-11-22T01:58:00+00:00",
            "incremental.at.unique_hashes": ["x"],
        },
        "visits": {"incremental.id.last_value": 7, "incremental.id.unique_hashes": []},
        BESIDE: {"shop.token_page": 4},
    }
    assert list_positions(SINGER) == {
        "a.b": SDK,
        "old": {"value": 5},
        BESIDE: {"singer.singer_state.version": 2},
    }
    assert list_positions({}) == {}


@pytest.mark.parametrize(
    ("state", "target", "path", "value"),
    [
        (DLT, "visits.id=9", ("shop", "resources", "visits", "incremental", "id"), 9),
        (
            DLT,
            "orders.incremental.at.last_value=2026-01-01T00:00:00Z",
            ("shop", "resources", "orders", "incremental", "at"),
            "\uf0272026-01-01T00:00:00+00:00",
        ),
    ],
    ids=["a cursor", "a time, by its path"],
)
def test_set_of_dlt_keeps_the_kind_and_forgets_what_was_seen_there(
    state: dict[str, Any], target: str, path: tuple[str, ...], value: Any
) -> None:
    before = deepcopy(state)
    stream, key, text = split_target(target, streams=list_positions(state))

    changed = set_position(state, stream=stream, key=key, text=text)

    found = changed["sources"]
    for step in path:
        found = found[step]
    assert found == {"last_value": value, "unique_hashes": []}
    assert state == before


@pytest.mark.parametrize(
    ("target", "bookmarks"),
    [
        ("a.b.at=2026", {"a.b": {**SDK, "replication_key_value": "2026"}, "old": 5}),
        ("a.b.version=3", {"a.b": {**SDK, "version": 3}, "old": 5}),
        ("old.value=4", {"a.b": SDK, "old": 4}),
    ],
    ids=["a replication key", "a key that was not there", "a bare bookmark"],
)
def test_set_of_a_tap_changes_its_bookmark(target: str, bookmarks: dict[str, Any]) -> None:
    stream, key, text = split_target(target, streams=list_positions(SINGER))

    changed = set_position(SINGER, stream=stream, key=key, text=text)

    assert changed["sources"]["singer"]["singer_state"]["bookmarks"] == bookmarks


@pytest.mark.parametrize(
    ("state", "target", "problem"),
    [
        (DLT, "visits.id=soon", "not of the kind"),
        (DLT, "visits.id=true", "not of the kind"),
        (DLT, "orders.at=yesterday", "not a time like"),
        (DLT, "orders.at=2026-01-01", "not a time like"),
        (DLT, "orders.ta=1", "nothing is kept of orders under 'ta'"),
        (DLT, "oders.at=1", "no stream 'oders'"),
        (DLT, "orders.at", "not STREAM.KEY=VALUE"),
        (SINGER, "old.value=x", "not of the kind"),
    ],
)
def test_set_refuses_what_the_next_sync_could_not_compare(
    state: dict[str, Any], target: str, problem: str
) -> None:
    def set_it() -> None:
        stream, key, text = split_target(target, streams=list_positions(state))
        set_position(state, stream=stream, key=key, text=text)

    with pytest.raises(ConfigError, match=problem) as caught:
        set_it()

    assert caught.value.fix


def test_stream_that_two_sources_keep_is_refused() -> None:
    orders = {"resources": {"orders": {"incremental": {"id": {"last_value": 1}}}}}

    with pytest.raises(ConfigError, match="2 sources"):
        set_position({"sources": {"a": orders, "b": orders}}, stream="orders", key="id", text="2")


def test_positions_of_some_streams_are_taken_over_and_the_others_stay() -> None:
    older = deepcopy(DLT)
    del older["sources"]["shop"]["resources"]["orders"]
    older["sources"]["shop"]["resources"]["visits"]["incremental"]["id"]["last_value"] = 1

    taken = take_positions(DLT, of=older, streams=("orders", "visits"))

    assert diff_positions(DLT, taken) == (
        Moved(
            stream="orders",
            key="incremental.at.last_value",
            before="2026-11-22T01:58:00+00:00",
            after=None,
        ),
        Moved(stream="orders", key="incremental.at.unique_hashes", before=["x"], after=None),
        Moved(stream="visits", key="incremental.id.last_value", before=7, after=1),
    )
    assert taken["_state_version"] == 3


@pytest.mark.parametrize("state", [DLT, SINGER], ids=["dlt", "singer"])
def test_what_is_forgotten_is_gone_and_the_rest_is_not(state: dict[str, Any]) -> None:
    first, *others = sorted(filter(None, list_positions(state)))

    left = forget_positions(state, streams=[first])

    assert sorted(filter(None, list_positions(left))) == others
    assert list_positions(left)[BESIDE] == list_positions(state)[BESIDE]
    assert list_positions(forget_positions(state)) == {}


def test_text_that_still_has_the_mark_of_a_type_is_found() -> None:
    assert find_marked({"a": [1, {"b": "\uf027soon"}]}) == "soon"
    assert find_marked({"a": [1, {"b": "soon"}]}) is None


VALUES = st.integers() | st.text(max_size=3)
BOOKMARKS = st.dictionaries(st.text(min_size=1, max_size=2), VALUES, max_size=3)


@given(
    old=st.dictionaries(st.text(min_size=1, max_size=2), BOOKMARKS, max_size=3),
    new=st.dictionaries(st.text(min_size=1, max_size=2), BOOKMARKS, max_size=3),
)
def test_state_that_is_taken_over_whole_differs_in_nothing(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    live, other = ({"sources": {"shop": {"resources": one}}} for one in (old, new))

    taken = take_positions(live, of=other)

    assert diff_positions(taken, other) == ()
    # An entry that keeps nothing is no position.
    moved = {one.stream for one in diff_positions(live, other)}
    assert moved == {
        name for name in {*old, *new} if (old.get(name) or {}) != (new.get(name) or {})
    }
