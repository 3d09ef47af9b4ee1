"""A page hears of a living scheduler; one that does not answer costs bounded time and no sync."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.bounded import run_bounded
from connector_assets.lifecycle.heartbeat import beat
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import load_project

from .conftest import Webhook, WriteProject

Sync = Callable[..., SyncRow]


def open_setting(root: Path, ledger: Ledger) -> Setting:
    return Setting(project=load_project(root), ledger=ledger)


def test_it_is_heard_once_in_its_time(
    root: Path, write_project: WriteProject, ledger: Ledger, webhook: Webhook
) -> None:
    url = f"http://127.0.0.1:{webhook.server_port}/beat"
    write_project(project=f"heartbeat: {{url: '{url}', every: 1s}}")
    setting = open_setting(root, ledger)

    heard = [beat(setting), beat(setting)]
    time.sleep(1.05)
    heard.append(beat(setting))

    assert heard == [True, False, True]
    assert webhook.pinged == 2 * ["/beat"]


def test_dead_scheduler_is_not_reported(
    root: Path, write_project: WriteProject, ledger: Ledger, webhook: Webhook
) -> None:
    url = f"http://127.0.0.1:{webhook.server_port}/beat"
    write_project(project=f"heartbeat: {{url: '{url}'}}")

    assert not beat(open_setting(root, ledger), alive=lambda: False)
    assert webhook.pinged == []


@pytest.mark.parametrize("url", ["env:NO_SUCH_URL_HERE", "http://127.0.0.1:9/", "file:beat.txt"])
def test_page_that_cannot_be_asked_is_no_error(
    root: Path, write_project: WriteProject, ledger: Ledger, url: str
) -> None:
    (root / "beat.txt").write_text("file:///etc/hostname")
    write_project(project=f"heartbeat: {{url: '{url}'}}")

    assert not beat(open_setting(root, ledger))


@pytest.mark.integration
def test_page_that_never_answers_costs_bounded_time(
    root: Path, write_project: WriteProject, ledger: Ledger
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        write_project(project=f"heartbeat: {{url: 'http://127.0.0.1:{silent.getsockname()[1]}/'}}")
        began = time.monotonic()

        assert not beat(open_setting(root, ledger))

    assert 4 < time.monotonic() - began < 15


def test_what_is_bounded_ends_with_its_time_or_with_its_own_error() -> None:
    assert run_bounded(lambda: 7, seconds=5) == 7
    with pytest.raises(ZeroDivisionError):
        run_bounded(lambda: 1 / 0, seconds=5)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 seconds"):
        run_bounded(lambda: time.sleep(1), seconds=0.01)


@pytest.mark.integration
def test_scheduled_sync_reports_a_scheduler_and_one_by_hand_does_not(
    root: Path, write_project: WriteProject, ledger: Ledger, webhook: Webhook
) -> None:
    url = f"http://127.0.0.1:{webhook.server_port}/beat"
    write_project(project=f"heartbeat: {{url: '{url}'}}")
    setting = open_setting(root, ledger)
    pinged = []
    for trigger in ("manual", "schedule"):
        request = StartRequest(
            root_run_id=uuid4().hex, trigger=trigger, scheduled=trigger == "schedule"
        )
        row = run_sync(setting, setting.project.connector("shop"), request=request)
        assert row.verdict is Verdict.SUCCEEDED
        pinged.append(len(webhook.pinged))

    assert pinged == [0, 1]
