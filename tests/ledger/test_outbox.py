"""What the views are told: each exactly once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connector_assets.ledger.records import Closing, NewSync, View
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

Make = Callable[..., NewSync]
ENDED = datetime(2026, 11, 24, 13, tzinfo=UTC)


@pytest.fixture
def closed(ledger: Ledger, new_sync: Make) -> Ledger:
    """Three closed syncs."""
    for sync_id in ("a1", "b2", "c3"):
        ledger.syncs.open_attempt(new_sync(sync_id))
        closing = Closing(verdict=Verdict.FAILED, cause="no disk", result={}, at=ENDED)
        ledger.syncs.close(sync_id, attempt=1, closing=closing)
    return ledger


def test_pending_is_in_order_and_limited(closed: Ledger) -> None:
    rows = closed.outbox.pending(View.DAGSTER, environment="prod", limit=2)

    assert [row.sync_id for row in rows] == ["a1", "b2"]
    assert closed.outbox.pending(View.DAGSTER, environment="dev") == []


def test_mark_delivered_counts_once_per_view(closed: Ledger) -> None:
    first = closed.outbox.pending(View.DAGSTER, environment="prod")[0]

    assert closed.outbox.mark_delivered(first, view=View.DAGSTER)
    assert not closed.outbox.mark_delivered(first, view=View.DAGSTER)

    left = closed.outbox.pending(View.DAGSTER, environment="prod")
    assert [row.sync_id for row in left] == ["b2", "c3"]
    assert len(closed.outbox.pending(View.AIRFLOW, environment="prod")) == 3
