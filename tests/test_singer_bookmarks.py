"""A tap that was asked for some streams: the bookmarks of the others stay."""

from __future__ import annotations

from typing import Any

import pytest

from connector_assets.singer.stage import STATE_KEY, keep_bookmarks

BEFORE = {"bookmarks": {"orders": {"id": 3}, "stores": {"id": 9}}}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"orders": {"id": 5}}, {"orders": {"id": 5}, "stores": {"id": 9}}),
        ({"orders": {"id": 5}, "stores": {"id": 9}}, {"orders": {"id": 5}, "stores": {"id": 9}}),
        # What it was asked for, it may also forget.
        ({}, {"stores": {"id": 9}}),
    ],
    ids=["of what it read", "all", "none"],
)
def test_bookmarks_of_streams_that_were_not_read_stay(
    sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    kept = keep_bookmarks({"bookmarks": sent}, before={STATE_KEY: BEFORE}, reads=["orders"])

    assert kept == {"bookmarks": expected}


@pytest.mark.parametrize("before", [None, {}, {"position": 4}, {"bookmarks": [1]}])
def test_state_of_another_form_is_the_tap_s_own(before: dict[str, Any] | None) -> None:
    state = {"position": 7}

    assert keep_bookmarks(state, before={STATE_KEY: before}, reads=["orders"]) == state
