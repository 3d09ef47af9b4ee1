"""Loading again: from the same package, without the source, and never twice."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psutil
import pytest
import sqlalchemy as sa

from connector_assets.errors import ConnectorError, EngineFailed
from connector_assets.faults import VARIABLE
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle import steps
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.model import Verdict

from .conftest import NewShop
from .killing import count_rows, live_version
from .processes import find_worker, wait_for, wait_until_none
from .proxy import PostgresProxy
from .shop import Shop

pytestmark = pytest.mark.fault
ALL = {"shop_data.orders": 4, "shop_data.orders__items": 8, "shop_data.visits": 3}
READ_ONCE, READ_TWICE = ["orders", "visits"], ["orders", "visits"] * 2


@contextmanager
def started(shop: Shop) -> Iterator[tuple[Setting, str]]:
    """Run start_dag; yield what the next steps need."""
    with shop.setting() as setting:
        connector = setting.project.connector("shop")
        found = steps.start(setting, connector, request=StartRequest(root_run_id=uuid4().hex))
        yield setting, found.sync_id


def close(setting: Setting, sync_id: str) -> SyncRow:
    steps.finalize(setting, sync_id)
    return steps.status(setting, sync_id)


def case_of(point: str, kind: str, *, full: bool = False) -> Any:
    return pytest.param(point, kind, marks=(pytest.mark.full,) if full else ())


@pytest.mark.parametrize(
    ("point", "kind"),
    [
        case_of("first_load_job", "ducklake"),
        case_of("first_load_job", "duckdb", full=True),
        case_of("last_load_job", "ducklake", full=True),
        case_of("last_load_job", "duckdb", full=True),
        case_of("before_commit", "ducklake", full=True),
        case_of("before_commit", "duckdb", full=True),
        # On DuckLake it is the lost reply that is looked at below.
        case_of("after_commit", "ducklake", full=True),
        case_of("after_commit", "duckdb"),
    ],
)
def test_run_again_after_a_killed_load_loads_the_package_once_without_the_source(
    point: str, kind: str, new_shop: NewShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = new_shop(kind, write="append")
    with started(shop) as (setting, sync_id):
        monkeypatch.setenv(VARIABLE, f"{point}:kill")
        with pytest.raises(EngineFailed, match="SIGKILL"):
            steps.run(setting, sync_id)
        monkeypatch.delenv(VARIABLE)
        shop.offer({"orders": [], "visits": []})

        steps.run(setting, sync_id)
        row = close(setting, sync_id)

    assert row.verdict is Verdict.SUCCEEDED
    assert count_rows(shop) == ALL
    assert shop.reads() == READ_ONCE


def test_run_again_after_a_killed_extraction_asks_the_source_again(
    new_shop: NewShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = new_shop("duckdb", write="append")
    with started(shop) as (setting, sync_id):
        monkeypatch.setenv(VARIABLE, "end_of_extract:kill")
        with pytest.raises(EngineFailed):
            steps.run(setting, sync_id)
        monkeypatch.delenv(VARIABLE)

        steps.run(setting, sync_id)
        row = close(setting, sync_id)

    assert row.verdict is Verdict.SUCCEEDED
    assert shop.reads() == READ_TWICE
    assert count_rows(shop) == ALL


def test_steps_as_commands_load_the_package_of_a_killed_run(new_shop: NewShop) -> None:
    shop = new_shop("duckdb", write="append")

    def step(name: str, *words: str, **environment: str) -> tuple[int, dict[str, Any]]:
        process = shop.command("step", name, *words, **environment)
        output, _ = process.communicate(timeout=120)
        return process.returncode, json.loads(output)

    _, answer = step("start", "--connector", "shop", "--root-run-id", "r1")
    same = ("--sync-id", answer["sync_id"])
    killed, _ = step("run", *same, CONNECTORS_FAULT="first_load_job:kill")
    codes = [step(name, *same)[0] for name in ("run", "finalize")]
    final, row = step("status", *same)

    assert (killed, codes, final) == (8, [0, 0], 0)
    assert row["verdict"] == "succeeded"
    assert shop.reads() == READ_ONCE
    assert count_rows(shop) == ALL


def test_error_after_the_commit_is_settled_by_the_destination(new_shop: NewShop) -> None:
    shop = new_shop("duckdb", write="append")

    sync = shop.start(fault="after_commit:raise")
    output, errors = sync.communicate(timeout=120)

    assert sync.returncode == 0, errors
    assert json.loads(output)["verdict"] == "succeeded"
    with shop.ledger() as ledger:
        load = ledger.syncs.evidence(shop.last().sync_id)["load"]
    assert "Nothing was loaded" not in load["error"]["fix"]
    assert shop.sync().verdict is Verdict.SUCCEEDED
    assert count_rows(shop) == ALL


@pytest.mark.parametrize("history", ["first", pytest.param("later", marks=pytest.mark.full)])
def test_lost_reply_to_commit_loads_nothing_twice(history: str, new_shop: NewShop) -> None:
    shop = new_shop("ducklake", write="append")
    direct = dict(shop.destination)
    with PostgresProxy(sa.make_url(direct["catalog"])) as proxy:
        behind = shop.having(destination={**direct, "catalog": proxy.url})
        if history == "later":
            assert behind.sync().verdict is Verdict.SUCCEEDED
        sync = behind.start(fault="before_commit:stop")
        worker = find_worker(sync.pid)
        wait_for(lambda: worker.status() == psutil.STATUS_STOPPED)
        proxy.cut_after_commit()
        worker.send_signal(signal.SIGCONT)
        output, errors = sync.communicate(timeout=120)

    assert proxy.cuts == 1
    assert sync.returncode == 0, output + errors
    assert json.loads(output)["verdict"] == "succeeded"
    shop.declare()
    assert count_rows(shop) == ALL
    assert live_version(shop) == (1 if history == "first" else 2)
    wait_until_none(shop.root)


def test_run_of_an_attempt_that_start_did_not_open_says_so(new_shop: NewShop) -> None:
    shop = new_shop("duckdb")
    sync = shop.start(fault="start:kill")
    sync.communicate(timeout=60)

    with shop.setting() as setting, pytest.raises(ConnectorError, match="left no evidence"):
        steps.run(setting, shop.last().sync_id)
