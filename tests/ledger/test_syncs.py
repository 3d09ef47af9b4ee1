"""Syncs, attempts, evidence and what the views are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from connector_assets.errors import ConfigError
from connector_assets.ledger.records import Closing, NewSync, View
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

ENDED = datetime(2026, 11, 24, 13, tzinfo=UTC)
Make = Callable[..., NewSync]


def closing(verdict: Verdict = Verdict.SUCCEEDED, *, cause: str = "") -> Closing:
    return Closing(verdict=verdict, cause=cause, result={"rows": 3}, at=ENDED)


def test_open_attempt_numbers_attempts_from_one(ledger: Ledger, new_sync: Make) -> None:
    assert ledger.syncs.open_attempt(new_sync()) == 1
    assert ledger.syncs.open_attempt(new_sync(hour=2)) == 2

    row = ledger.history.find("7f3a0001")
    assert row.attempt == 2
    assert row.started_at - row.opened_at == timedelta(hours=2)
    assert row.plan == {"streams": ["orders"]}


def test_open_attempt_opens_a_closed_sync_again(ledger: Ledger, new_sync: Make) -> None:
    ledger.syncs.open_attempt(new_sync())
    ledger.syncs.close("7f3a0001", attempt=1, closing=closing(Verdict.FAILED, cause="no disk"))

    ledger.syncs.open_attempt(new_sync(hour=1))

    row = ledger.history.find("7f3a0001")
    assert (row.verdict, row.ended_at, row.cause, row.result) == (None, None, "", {})
    assert [open_.sync_id for open_ in ledger.history.unfinished(environment="prod")] == [
        "7f3a0001"
    ]


def test_open_attempt_refuses_an_id_of_another_connector(ledger: Ledger, new_sync: Make) -> None:
    ledger.syncs.open_attempt(new_sync())

    with pytest.raises(ConfigError, match="belongs to connector 'shop'"):
        ledger.syncs.open_attempt(new_sync(connector="stores"))


def test_times_come_back_in_utc(ledger: Ledger, new_sync: Make) -> None:
    berlin = datetime(2026, 11, 24, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    ledger.syncs.open_attempt(new_sync())
    ledger.syncs.close(
        "7f3a0001",
        attempt=1,
        closing=Closing(verdict=Verdict.SUCCEEDED, cause="", result={}, at=berlin),
    )

    ended = ledger.history.find("7f3a0001").ended_at
    assert ended == berlin
    assert ended is not None
    assert ended.tzinfo is UTC


def test_evidence_is_replaced_per_layer_and_kept_per_attempt(
    ledger: Ledger, new_sync: Make
) -> None:
    ledger.syncs.open_attempt(new_sync())
    ledger.syncs.record("7f3a0001", attempt=1, layer="start", payload={"ok": False})
    ledger.syncs.record("7f3a0001", attempt=1, layer="start", payload={"ok": True, "n": "\0"})
    ledger.syncs.open_attempt(new_sync())
    ledger.syncs.record("7f3a0001", attempt=2, layer="extract", payload={"rows": 5})

    assert ledger.syncs.evidence("7f3a0001", attempt=1) == {"start": {"ok": True, "n": "\0"}}
    assert ledger.syncs.evidence("7f3a0001") == {"extract": {"rows": 5}}
    assert ledger.syncs.evidence("nothing") == {}


def test_record_refuses_an_attempt_that_was_never_opened(ledger: Ledger, new_sync: Make) -> None:
    ledger.syncs.open_attempt(new_sync())

    with pytest.raises(ConfigError, match="no attempt 2"):
        ledger.syncs.record("7f3a0001", attempt=2, layer="start", payload={})


def test_close_tells_the_views_once(ledger: Ledger, new_sync: Make) -> None:
    ledger.syncs.open_attempt(new_sync())

    assert ledger.syncs.close("7f3a0001", attempt=1, closing=closing())
    assert not ledger.syncs.close("7f3a0001", attempt=1, closing=closing())

    told = ledger.outbox.pending(View.DAGSTER, environment="prod")
    assert [(row.kind, row.payload["verdict"], row.attempt) for row in told] == [
        ("sync", "succeeded", 1)
    ]
    assert told[0].payload["result"] == {"rows": 3}


def test_close_tells_a_settled_unknown_again(ledger: Ledger, new_sync: Make) -> None:
    ledger.syncs.open_attempt(new_sync())
    ledger.syncs.close("7f3a0001", attempt=1, closing=closing(Verdict.UNKNOWN))

    assert ledger.syncs.close("7f3a0001", attempt=1, closing=closing())

    told = ledger.outbox.pending(View.AIRFLOW, environment="prod")
    assert [row.payload["verdict"] for row in told] == ["unknown", "succeeded"]
    assert ledger.history.find("7f3a0001").verdict is Verdict.SUCCEEDED


def test_close_of_a_superseded_attempt_leaves_the_sync_open(ledger: Ledger, new_sync: Make) -> None:
    ledger.syncs.open_attempt(new_sync())
    ledger.syncs.open_attempt(new_sync(hour=1))

    assert not ledger.syncs.close("7f3a0001", attempt=1, closing=closing(Verdict.FAILED))

    assert ledger.history.find("7f3a0001").verdict is None
    assert ledger.outbox.pending(View.DAGSTER, environment="prod") == []


@pytest.mark.parametrize(("sync_id", "attempt"), [("none", 1), ("7f3a0001", 9)])
def test_close_refuses_what_was_never_opened(
    ledger: Ledger, new_sync: Make, sync_id: str, attempt: int
) -> None:
    ledger.syncs.open_attempt(new_sync())

    with pytest.raises(ConfigError, match="the ledger has no"):
        ledger.syncs.close(sync_id, attempt=attempt, closing=closing())
