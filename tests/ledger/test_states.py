"""State versions and observed structure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector_assets.errors import StateDivergence
from connector_assets.ledger.records import ObservedSchema, StateVersion
from connector_assets.ledger.store import Ledger

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def version(number: int, state: dict[str, Any], *, sync_id: str | None = "7f3a") -> StateVersion:
    return StateVersion(
        connector="shop",
        environment="prod",
        version=number,
        state=state,
        sync_id=sync_id,
        who="sync",
        why="committed",
        at=NOON,
    )


def seen(schema: dict[str, Any], *, stream: str = "orders", hour: int = 0) -> ObservedSchema:
    return ObservedSchema(
        connector="shop",
        environment="prod",
        stream=stream,
        schema=schema,
        sync_id=f"sync-{hour}",
        at=NOON + timedelta(hours=hour),
    )


def test_latest_is_the_highest_version(ledger: Ledger) -> None:
    assert ledger.states.latest("shop", environment="prod") is None
    ledger.states.append(version(2, {"cursor": "b"}))
    ledger.states.append(version(1, {"cursor": "a"}))

    assert ledger.states.latest("shop", environment="prod") == version(2, {"cursor": "b"})
    assert ledger.states.latest("shop", environment="dev") is None
    numbers = [found.version for found in ledger.states.versions("shop", environment="prod")]
    assert numbers == [2, 1]


def test_append_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.states.append(version(1, {"a": 1, "b": [2]}))
    ledger.states.append(version(1, {"b": [2], "a": 1}))

    assert len(ledger.states.versions("shop", environment="prod")) == 1


def test_append_refuses_another_content_for_a_version(ledger: Ledger) -> None:
    ledger.states.append(version(1, {"cursor": "a"}))

    with pytest.raises(StateDivergence, match="state version 1") as caught:
        ledger.states.append(version(1, {"cursor": "b"}, sync_id="91bc"))

    assert caught.value.connector == "shop"
    assert ledger.states.latest("shop", environment="prod") == version(1, {"cursor": "a"})


def test_schemas_keep_one_row_per_change(ledger: Ledger) -> None:
    assert ledger.schemas.save(seen({"id": "bigint"}))
    assert not ledger.schemas.save(seen({"id": "bigint"}, hour=1))
    assert ledger.schemas.save(seen({"id": "text"}, hour=2))
    assert ledger.schemas.save(seen({"id": "bigint"}, hour=3))
    ledger.schemas.save(seen({"name": "text"}, stream="stores"))

    assert ledger.schemas.observed("shop", environment="prod") == {
        "orders": {"id": "bigint"},
        "stores": {"name": "text"},
    }
    assert ledger.schemas.observed("shop", environment="dev") == {}
