"""The log of a sync."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from connector_assets.cli.log_lines import follow, render_line
from connector_assets.ledger.records import Closing
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict
from tests.cli.conftest import NOW, Close, Run

Write = Callable[..., Path]


def line(event: str, **fields: str) -> str:
    known = {"at": "2026-11-22T01:58:03.123+00:00", "level": "info", "source": "tap"}
    return json.dumps({**known, "event": event, "sync_id": "7f3a", "connector": "shop", **fields})


@pytest.fixture
def write(project: Path) -> Write:
    """A function that writes the log of a sync."""

    def write(sync_id: str, *lines: str, connector: str = "shop") -> Path:
        folder = project / ".connectors" / "artifacts" / "logs" / connector
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{sync_id}.jsonl"
        file.write_text("".join(f"{each}\n" for each in lines))
        return file

    return write


def test_line_has_time_source_level_and_text(run: Run, close: Close, write: Write) -> None:
    close("7f3a000102", Verdict.SUCCEEDED)
    write("7f3a000102", line("[bold]read[/bold] 3 rows", level="warning"))

    headline, shown = run("logs", "shop").out.splitlines()

    assert headline.startswith("shop  sync 7f3a000102  attempt 1  ")
    assert headline.endswith("  succeeded")
    assert shown == "01:58:03  tap       warning  [bold]read[/bold] 3 rows"


@pytest.mark.parametrize("words", [("7f3a",), ("shop",), ()], ids=["prefix", "connector", "last"])
def test_sync_is_found(run: Run, close: Close, write: Write, words: tuple[str, ...]) -> None:
    close("91bc000304", Verdict.FAILED, hours_ago=5)
    close("7f3a000102", Verdict.SUCCEEDED, hours_ago=1)
    write("7f3a000102", line("this one"))

    assert "this one" in run("logs", *words).out


def test_lines_that_are_not_json_come_as_they_are(run: Run, close: Close, write: Write) -> None:
    close("7f3a000102", Verdict.SUCCEEDED)
    write("7f3a000102", "plain \x1b[31mtext", "[1, 2]")

    assert run("logs", "7f3a").out.splitlines()[1:] == ["plain text", "[1, 2]"]


def test_json_is_what_is_stored(run: Run, close: Close, write: Write) -> None:
    close("7f3a000102", Verdict.SUCCEEDED)
    stored = write("7f3a000102", line("one"), "not json", line("two"))

    assert run("logs", "7f3a", "--json").out == stored.read_text()


def test_only_the_last_lines(run: Run, close: Close, write: Write) -> None:
    close("7f3a000102", Verdict.SUCCEEDED)
    write("7f3a000102", *map(str, range(9)))

    assert run("logs", "7f3a", "--lines", 2).out.splitlines()[1:] == ["7", "8"]


def test_platform_s_line_has_its_fields(run: Run) -> None:
    shown = render_line(line("lease taken", source="platform", token="3", step="start_dag"))

    assert shown.plain == "01:58:03  platform  info     lease taken  token=3"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "no connector was ever synced"),
        (("stock",), "the connector 'stock' was never synced"),
        (("stok",), "'stok' is neither a connector nor the start of a sync's id"),
    ],
    ids=["nothing", "never", "neither"],
)
def test_no_sync_is_a_clear_error(
    run: Run, ledger: Ledger, words: tuple[str, ...], problem: str
) -> None:
    ran = run("logs", *words)

    assert ran.code == 3
    assert problem in ran.err


def test_log_that_is_gone_is_a_clear_error(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.SUCCEEDED)

    ran = run("logs", "7f3a")

    assert ran.code == 3
    assert "the log of sync 7f3a000102 cannot be read" in ran.err


def test_ambiguous_id_is_a_clear_error(run: Run, close: Close) -> None:
    close("7f3a000102", Verdict.SUCCEEDED)
    close("7f3b000304", Verdict.SUCCEEDED, hours_ago=1)

    assert "is ambiguous" in run("logs", "7f3").err


def test_running_sync_that_logged_nothing_yet_is_no_error(run: Run, close: Close) -> None:
    close("7f3a000102")

    ran = run("logs", "7f3a")

    assert (ran.code, ran.out.splitlines()[1:]) == (0, ["(nothing was logged)"])


def test_follow_ends_with_the_sync(run: Run, close: Close, write: Write, ledger: Ledger) -> None:
    close("7f3a000102")
    file = write("7f3a000102", "first")

    def end() -> None:
        with file.open("a") as log:
            log.write("second\nthi")
            log.flush()
            log.write("rd\n")
        closing = Closing(verdict=Verdict.SUCCEEDED, cause="", result={}, at=NOW)
        ledger.syncs.close("7f3a000102", attempt=1, closing=closing)

    timer = threading.Timer(0.5, end)
    timer.start()
    ran = run("logs", "7f3a", "--follow")
    timer.join()

    assert ran.out.splitlines()[1:] == ["first", "second", "third"]


def test_follow_of_a_sync_that_ended_without_a_log_ends(tmp_path: Path) -> None:
    assert list(follow(tmp_path / "none.jsonl", has_ended=lambda: True, count=None)) == []
