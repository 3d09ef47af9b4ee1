"""One sync in one process: evidence, verdict, counts, state, and what it leaves behind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

pytestmark = pytest.mark.integration
Sync = Callable[..., SyncRow]
WriteProject = Callable[..., None]


def test_sync_loads_everything_and_the_next_one_only_what_is_new(
    root: Path, sync: Sync, ledger: Ledger
) -> None:
    first = sync()
    with sqlite3.connect(root / "source.sqlite") as database:
        database.execute("INSERT INTO orders VALUES (3, 30)")
    database.close()
    second = sync()

    assert [row.verdict for row in (first, second)] == [Verdict.SUCCEEDED] * 2
    assert [row.result["streams"][0]["in_destination"] for row in (first, second)] == [2, 1]
    assert second.result["streams"][0]["total"] == 3
    assert second.result["cursors"] == {"orders": 30}
    versions = ledger.states.versions("shop", environment="dev")
    assert [one.version for one in versions] == [2, 1]
    assert versions[0].sync_id == second.sync_id


def test_sync_with_nothing_new_sees_no_drift(sync: Sync) -> None:
    sync()

    again = sync()

    assert again.verdict is Verdict.SUCCEEDED
    assert again.result["streams"][0]["in_destination"] == 0


def test_sync_leaves_a_log_with_its_ids_and_no_work_folder(root: Path, sync: Sync) -> None:
    row = sync()

    assert list((root / ".connectors" / "work").iterdir()) == []
    log = root / ".connectors" / "artifacts" / "logs" / "shop" / f"{row.sync_id}.jsonl"
    assert all(json.loads(line)["sync_id"] == row.sync_id for line in log.read_text().splitlines())


def test_sync_without_its_secret_fails_before_anything_is_extracted(
    write_project: WriteProject, root: Path, sync: Sync
) -> None:
    write_project(connector='secrets: {token: "env:NO_SUCH_VARIABLE_HERE"}')

    row = sync()

    assert row.verdict is Verdict.FAILED
    assert row.result["error"]["type"] == "CredentialError"
    assert "NO_SUCH_VARIABLE_HERE" in row.cause
    assert not (root / "data").exists()


def test_sync_into_another_environments_destination_is_refused(root: Path, sync: Sync) -> None:
    sync()

    row = sync(environment="prod")

    assert row.verdict is Verdict.FAILED
    assert row.result["error"]["type"] == "EnvironmentMismatch"
    assert "environment 'dev'" in row.cause


def test_sync_into_a_destination_that_vanished_is_refused_unless_rebuilt(
    root: Path, sync: Sync, ledger: Ledger
) -> None:
    sync()
    (root / "data" / "warehouse.duckdb").unlink()

    refused = sync()
    rebuilt = sync(rebuild=True)

    assert refused.result["error"]["type"] == "StateDivergence"
    assert rebuilt.verdict is Verdict.SUCCEEDED
    assert rebuilt.result["state_version"] == 2
    assert ledger.leases.holder("shop", environment="dev") is None
