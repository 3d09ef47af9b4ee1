"""Positions read out of a destination's state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector_assets.cursors import find_cursors
from connector_assets.model import (
    Connector,
    Destination,
    DestinationKind,
    Engine,
    Stream,
    WriteDisposition,
)


def connector(*streams: str) -> Connector:
    return Connector(
        name="shop",
        owner="team",
        engine=Engine.DLT,
        source="rest_api",
        destination=Destination(name="lake", kind=DestinationKind.DUCKDB, path="x.duckdb"),
        dataset="shop_data",
        streams=tuple(
            Stream(name=name, table=name, write=WriteDisposition.APPEND, cursor="at")
            for name in streams
        ),
        file=Path("connectors/shop.yaml"),
    )


def test_cursors_of_dlt_resources_lose_their_type_mark() -> None:
    incremental = {"at": {"last_value": "\uf0272026-11-22T01:58:00Z", "unique_hashes": []}}
    state = {"sources": {"shop": {"resources": {"orders": {"incremental": incremental}}}}}

    assert find_cursors(state, connector("orders")) == {"orders": "2026-11-22T01:58:00Z"}


@pytest.mark.parametrize(
    ("kept", "position"),
    [
        ({"bookmarks": {"orders": {"replication_key_value": 7, "version": 1}}}, 7),
        ({"bookmarks": {"orders": {"at": 7, "version": 1}}}, 7),
        ({"bookmarks": {"orders": {"id": 7}}}, 7),
        ({"bookmarks": {"orders": {"partitions": [{"at": 7}], "version": 1}}}, ...),
        ({"bookmarks": {"orders": 7}}, 7),
        ({"orders": 7}, 7),
        ({"bookmarks": {"orders": {"replication_key_value": None}}}, None),
        ({"bookmarks": {"orders": {}, "other": 7}}, None),
        ({"bookmarks": {}}, None),
    ],
    ids=["sdk", "by cursor", "only one", "several", "bare", "bare, old", "null", "empty", "none"],
)
def test_cursor_of_a_tap_is_its_bookmark_in_whatever_form(
    kept: dict[str, Any], position: Any
) -> None:
    # A stream with a bookmark that nobody recognised would be taken for one that is read in full,
    # and a night without new rows would be blocked.
    found = find_cursors({"sources": {"singer": {"singer_state": kept}}}, connector("orders"))

    whole = kept.get("bookmarks", {}).get("orders") if position is ... else position
    assert found == ({} if position is None else {"orders": whole})


def test_cursors_of_streams_that_are_not_declared_are_left_out() -> None:
    bookmarks = {"other": {"replication_key_value": 1}}

    state = {"sources": {"singer": {"singer_state": {"bookmarks": bookmarks}}}}

    assert find_cursors(state, connector("orders")) == {}


@pytest.mark.integration
def test_state_is_decoded_as_dlt_encodes_it() -> None:
    from dlt.common import pendulum
    from dlt.common.versioned_state import compress_state

    from connector_assets.destinations.readback import decode_state

    at = pendulum.datetime(2026, 11, 22, 1, 58)
    incremental = {"incremental": {"at": {"last_value": at}}}
    sources = {"shop": {"resources": {"orders": incremental}}}
    encoded = compress_state({"sources": sources, "_local": {}})  # type: ignore[typeddict-unknown-key] # dlt's own type lacks its keys

    state = decode_state(encoded)

    assert "_local" not in state
    assert find_cursors(state, connector("orders"))["orders"].startswith("2026-11-22T01:58:00")
