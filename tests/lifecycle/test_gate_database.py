"""The gate and a database whose tables lose what the connector needs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

pytestmark = pytest.mark.integration
Sync = Callable[..., SyncRow]


def change(root: Path, *statements: str) -> None:
    with sqlite3.connect(root / "source.sqlite") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def told(ledger: Ledger) -> set[str]:
    events = ledger.drift.find(environment="dev")
    return {f"{'.'.join((one.stream, *one.column))} {one.kind}" for one in events}


def test_table_that_is_gone_is_drift(root: Path, sync: Sync, ledger: Ledger) -> None:
    sync()
    change(root, "DROP TABLE orders")

    row = sync()

    assert (row.verdict, row.cause) == (Verdict.BLOCKED, "orders stream_removed")
    assert told(ledger) == {"orders stream_removed"}


def test_cursor_that_is_no_column_any_more_is_drift(root: Path, sync: Sync, ledger: Ledger) -> None:
    sync()
    change(root, "ALTER TABLE orders DROP COLUMN updated")

    row = sync()

    assert (row.verdict, row.cause) == (Verdict.BLOCKED, "orders cursor_removed: updated")
    assert told(ledger) == {"orders cursor_removed", "orders.updated column_removed"}


def test_table_that_was_never_there_is_an_error(root: Path, sync: Sync, ledger: Ledger) -> None:
    change(root, "DROP TABLE orders")

    row = sync()

    assert row.verdict is Verdict.FAILED
    assert "has no table or view 'orders'" in row.cause
    assert told(ledger) == set()
