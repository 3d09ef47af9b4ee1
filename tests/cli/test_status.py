"""How the last sync of each connector ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

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

    assert (ran.code, ran.out.count("never synced")) == (0, 2)
    assert (listed.code, listed.json) == (0, [])


def test_status_shows_the_last_sync(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.FAILED, hours_ago=9)
    close("91bc000304", Verdict.SUCCEEDED, hours_ago=2, result=streams(in_destination=4120))

    line = next(line for line in run("status").out.splitlines() if line.startswith("shop"))

    assert line.split()[:6] == ["shop", "dlt", "succeeded", "2", "h", "ago"]
    assert line.split()[-2:] == ["4,120", "91bc0003"]


def test_status_json_has_the_documented_keys(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.SUCCEEDED, result=streams())

    (sync,) = run("status", "--json").json

    assert list(sync)[: len(KEYS)] == list(KEYS)
    assert (sync["connector"], sync["verdict"]) == ("shop", "succeeded")
    assert sync["destination"] == "lake.shop"
    assert sync["streams"] == [{**COUNTS, "in_destination": 12}]
    assert datetime.fromisoformat(sync["ended_at"]).utcoffset() == timedelta(0)


def test_running_sync_has_no_verdict_yet(run: Run, close: Close) -> None:
    close("7f3a000102", hours_ago=0.1)

    ran, (sync,) = run("status"), run("status", "--json").json

    assert "running" in ran.out
    assert (sync["verdict"], sync["ended_at"], sync["streams"]) == (None, None, [])


@pytest.mark.parametrize("verdict", [one for one in Verdict if not one.good])
def test_bad_verdict_comes_with_cause_fix_and_log(run: Run, close: Close, verdict: Verdict) -> None:
    result = {"streams": [], "error": {"problem": "no", "fix": "Set it: export TOKEN=..."}}
    close("7f3a000102", verdict, cause="the token was refused\nmore", result=result)

    shown = run("status").out

    assert "shop  the token was refused\n" in shown
    assert "    Set it: export TOKEN=...\n    connectors logs 7f3a0001\n" in shown


def test_unknown_count_is_no_number(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.UNKNOWN, result=streams(in_destination=None))

    line = next(line for line in run("status").out.splitlines() if line.startswith("shop"))
    assert line.split()[-2] == "?"


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

    assert [sync["connector"] for sync in run("status", "--json").json] == ["shop"]


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
