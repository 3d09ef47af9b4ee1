"""A stream that follows a cursor and brings nothing new: a success, and after a while an event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from connector_assets.ledger.audit_records import DriftEvent, DriftStatus, SeenBatch
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import DriftKind, Verdict
from connector_assets.project import load_project

pytestmark = pytest.mark.integration
PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, retries: {max: 0}}
destinations:
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
"""
CONNECTOR = """\
name: shop
engine: dlt
source: python:moved_source:orders
destination: lake.shop
streams:
  orders: {write: merge, primary_key: id, cursor: moved}
"""
SOURCE = """\
import json, pathlib
import dlt

@dlt.resource(name="orders")
def orders(moved=dlt.sources.incremental("moved", initial_value=0)):
    yield from json.loads(pathlib.Path("rows.json").read_text())
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / '.connectors' / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def setting(tmp_path: Path, ledger: Ledger) -> Setting:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(PROJECT)
    (tmp_path / "connectors" / "shop.yaml").write_text(CONNECTOR)
    (tmp_path / "moved_source.py").write_text(SOURCE)
    return Setting(project=load_project(tmp_path), ledger=ledger)


@pytest.fixture
def sync(setting: Setting) -> Callable[[int], SyncRow]:
    def run(last: int) -> SyncRow:
        rows = [{"id": number, "moved": number} for number in range(1, last + 1)]
        (setting.project.root / "rows.json").write_text(json.dumps(rows))
        request = StartRequest(root_run_id=uuid4().hex)
        return run_sync(setting, setting.project.connector("shop"), request=request)

    return run


def remember_days(ledger: Ledger, *, until: float) -> None:
    """Let the ledger know of six days, each with a new row: the third came ``until`` days ago."""
    now = datetime.now(UTC)
    ledger.batches.save(
        [
            SeenBatch(
                sync_id=f"day{day}",
                stream="orders",
                environment="dev",
                connector="shop",
                rows=1,
                full=False,
                filled={},
                at=now - timedelta(days=until + 5 - day),
                position=str(day - 2),
            )
            for day in range(6)
        ]
    )


def find(ledger: Ledger) -> list[DriftEvent]:
    return ledger.drift.find(environment="dev", statuses=tuple(DriftStatus))


def test_long_silence_succeeds_and_opens_one_event_that_ends_with_the_next_row(
    sync: Callable[[int], SyncRow], setting: Setting
) -> None:
    remember_days(setting.ledger, until=4)

    verdicts = [sync(3).verdict for _ in range(2)]
    (event,) = find(setting.ledger)
    sync(5)

    assert verdicts == [Verdict.SUCCEEDED] * 2
    assert (event.kind, event.status, event.seen) == (DriftKind.STREAM_SILENT, "open", 2)
    assert "usually every 24 hours" in event.new
    assert [one.status for one in find(setting.ledger)] == [DriftStatus.GONE]


def test_usual_pause_is_no_silence(sync: Callable[[int], SyncRow], setting: Setting) -> None:
    remember_days(setting.ledger, until=2)

    assert sync(3).verdict is Verdict.SUCCEEDED
    assert find(setting.ledger) == []


def test_approved_silence_is_told_again_only_after_it_ended(
    sync: Callable[[int], SyncRow], setting: Setting
) -> None:
    remember_days(setting.ledger, until=4)
    sync(3)

    decisions.approve(setting, "shop", who="ada")
    sync(3)

    assert [one.status for one in find(setting.ledger)] == [DriftStatus.APPROVED]
