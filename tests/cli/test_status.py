"""How each connector stands: set up, last sync, in time."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector_assets.cli.status_table import render_trend
from connector_assets.cli.times import render_ago, render_short_utc, render_utc
from connector_assets.model import Verdict
from tests.cli.conftest import Close, Run

COUNTS = {"stream": "orders", "table": "orders", "emitted": 12, "staged": 12, "total": 1204}
KEYS = ("connector", "engine", "sync_id", "verdict", "cause", "started_at", "ended_at", "streams")
NOW = datetime(2026, 11, 22, 1, 58, tzinfo=UTC)


def streams(**counts: int | None) -> dict[str, object]:
    return {"streams": [{**COUNTS, "in_destination": 12, **counts}]}


def test_status_without_any_sync_is_no_error(run: Run, project: Path) -> None:
    ran, listed = run("status"), run("status", "--json")

    assert ran.code == 0
    # The one with a schedule is not late: nobody knows since when it should be synced.
    assert [line.count("never synced") for line in ran.out.splitlines()[1:3]] == [2, 1]
    assert listed.code == 0
    assert [(one["connector"], one["sync_id"]) for one in listed.json] == [
        ("shop", None),
        ("stock", None),
    ]


def test_status_shows_the_last_sync(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.FAILED, hours_ago=9)
    close("91bc000304", Verdict.SUCCEEDED, hours_ago=2, result=streams(in_destination=4120))

    line = next(line for line in run("status").out.splitlines() if line.startswith("shop"))

    assert line.split()[:7] == ["shop", "no", "secret", "succeeded", "2", "h", "ago"]
    assert "  4,120  █  " in line
    assert line.split()[-1] == "91bc0003"


def test_status_json_has_the_documented_keys(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.SUCCEEDED, result=streams())

    (sync, _) = run("status", "--json").json

    assert list(sync)[: len(KEYS)] == list(KEYS)
    assert (sync["connector"], sync["verdict"]) == ("shop", "succeeded")
    assert sync["destination"] == "lake.shop"
    assert sync["streams"] == [{**COUNTS, "in_destination": 12}]
    assert datetime.fromisoformat(sync["ended_at"]).utcoffset() == timedelta(0)


def test_running_sync_has_no_verdict_yet(run: Run, close: Close) -> None:
    close("7f3a000102", hours_ago=0.1)

    ran, (sync,) = run("status"), run("status", "shop", "--json").json

    assert "running" in ran.out
    assert (sync["verdict"], sync["ended_at"], sync["streams"]) == (None, None, [])


@pytest.mark.parametrize("verdict", [one for one in Verdict if not one.good])
def test_bad_verdict_comes_with_cause_fix_and_log(run: Run, close: Close, verdict: Verdict) -> None:
    result = {"streams": [], "error": {"problem": "no", "fix": "Set it: export TOKEN=..."}}
    close("7f3a000102", verdict, cause="the token was refused\nmore", result=result)

    shown = run("status").out

    assert "shop  the token was refused\n" in shown
    assert "    Set it: export TOKEN=...\n    connectors debug 7f3a0001\n" in shown


def test_unknown_count_is_no_number(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.UNKNOWN, result=streams(in_destination=None))

    line = next(line for line in run("status").out.splitlines() if line.startswith("shop"))
    assert "  ?  " in line


def test_status_of_one_connector(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.SUCCEEDED)
    close("91bc000304", Verdict.SUCCEEDED, connector="stock")

    assert [sync["connector"] for sync in run("status", "stock", "--json").json] == ["stock"]
    assert "Did you mean 'stock'?" in run("status", "stok").err


def test_broken_file_does_not_hide_how_its_sync_ended(
    run: Run, close: Close, project: Path
) -> None:
    close("7f3a000102", Verdict.SUCCEEDED)
    (project / "connectors" / "shop.yaml").write_text("name: shop\n")

    (shop, _) = run("status", "--json").json
    assert (shop["connector"], shop["verdict"]) == ("shop", "succeeded")
    assert (shop["setup"]["valid"], shop["timing"]["state"]) == (False, "not_known")
    assert "shop  is not set up: connectors/shop.yaml" in run("status").out


def test_three_questions_have_answers_of_their_own(
    run: Run, close: Close, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    close("7f3a000102", Verdict.SUCCEEDED, hours_ago=50, result=streams(in_destination=4120))
    close("91bc000304", Verdict.FAILED, hours_ago=49)
    close("a5a5000304", Verdict.SUCCEEDED, connector="stock", hours_ago=49)

    shop, stock = run("status", "--json").json

    assert shop["setup"] == {
        "ok": True,
        "valid": True,
        "missing_secrets": [],
        "locked": False,
        "problems": [],
    }
    assert (shop["verdict"], shop["timing"]["state"]) == ("failed", "late")
    assert shop["last_good"]["sync_id"] == "7f3a000102"
    assert (shop["last_good"]["rows"], shop["rows_before"]) == (4120, [4120])
    assert datetime.fromisoformat(shop["timing"]["next"]) > datetime.now(UTC)
    assert (stock["verdict"], stock["timing"]["state"]) == ("succeeded", "no_schedule")
    assert "shop  is late: it was due 20" in run("status").out


def test_missing_secret_is_named_and_a_command_is_not_asked(run: Run, project: Path) -> None:
    (shop,) = run("status", "shop", "--json").json

    assert shop["setup"]["missing_secrets"] == ["password"]
    assert "SHOP_PASSWORD" in shop["setup"]["problems"][0]


def test_lock_is_asked_for_in_production_only(run: Run, project: Path) -> None:
    file = project / "connectors.yaml"
    file.write_text(file.read_text() + "environments: {dev: , prod: }\n")

    (dev,) = run("status", "stock", "--env", "dev", "--json").json
    (prod,) = run("status", "stock", "--env", "prod", "--json").json

    assert (dev["setup"]["ok"], prod["setup"]["ok"]) == (True, False)
    assert prod["setup"]["problems"] == ["connectors discover stock --lock"]


def test_paused_connector_is_told_with_the_way_out(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.SUCCEEDED, hours_ago=50)
    run("pause", "shop", "--why", "moving")

    shown, (shop,) = run("status").out, run("status", "shop", "--json").json

    assert (shop["timing"]["state"], shop["paused"]["why"]) == ("paused", "moving")
    assert "by" in shown
    assert ": moving\n    connectors resume shop\n" in shown
    assert "is late" not in shown


@pytest.mark.parametrize(
    ("rows", "bars"),
    [
        ((), ""),
        ((5,), "█"),
        ((0, 1, 50, 100), "▁▂▅█"),
        ((0, 0), "▁▁"),
        ((None, 10), "·█"),
    ],
)
def test_trend_is_relative_to_its_largest(rows: tuple[int | None, ...], bars: str) -> None:
    assert render_trend(rows) == bars


def test_watch_prints_no_json(run: Run, project: Path) -> None:
    ran = run("status", "--watch", "--json")

    assert ran.code == 3
    assert ran.error["place"] == "--watch --json"


@pytest.mark.integration
def test_watch_follows_the_ledger_and_ends_quietly_with_ctrl_c(close: Close) -> None:
    close("7f3a000102", Verdict.SUCCEEDED)
    here, there = pty.openpty()
    command = [sys.executable, "-m", "connector_assets.cli", "status", "shop", "--watch"]
    watching = subprocess.Popen(
        command, stdin=there, stdout=there, stderr=there, start_new_session=True
    )
    os.close(there)

    first = read_until(here, "7f3a0001")
    close("91bc000304", Verdict.FAILED, hours_ago=1, cause="the token was refused")
    second = read_until(here, "the token was refused")
    watching.send_signal(signal.SIGINT)
    rest = read_until(here, None)

    assert watching.wait(30) == 0
    assert "Ctrl-C ends it" in first
    assert "failed" in second
    assert "Traceback" not in rest


def read_until(terminal: int, text: str | None) -> str:
    """Return what a terminal shows until a text comes, or until the end without one."""
    shown = b""
    while text is None or text.encode() not in shown:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            # The other side is gone.
            break
    return shown.decode()


def test_status_at_80_columns_has_one_line_per_connector(
    run: Run, close: Close, monkeypatch: pytest.MonkeyPatch
) -> None:
    close("7f3a000102", Verdict.SUCCEEDED, result=streams(in_destination=336_776))
    monkeypatch.setenv("COLUMNS", "80")

    lines = run("status").out.splitlines()

    assert [line.split()[0] for line in lines[:3]] == ["connector", "shop", "stock"]
    assert "…" not in lines[1]


@pytest.mark.parametrize(
    ("seconds", "ago"),
    [
        (5, "just now"),
        (60, "1 min ago"),
        (7_300, "2 h ago"),
        (90_000, "1 day ago"),
        (200_000, "2 days ago"),
        (86_400 * 15, "2 weeks ago"),
    ],
)
def test_ago_is_in_the_largest_unit(seconds: float, ago: str) -> None:
    assert render_ago(NOW - timedelta(seconds=seconds), now=NOW) == ago


@pytest.mark.parametrize(("days", "shown"), [(0, "11-22 01:58Z"), (400, "2025-10-18")])
def test_short_time_drops_what_is_plain(days: int, shown: str) -> None:
    assert render_short_utc(NOW - timedelta(days=days), now=NOW) == shown


def test_exact_time_is_utc() -> None:
    assert render_utc(NOW) == "2026-11-22 01:58Z"
