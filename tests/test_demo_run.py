"""One real demo: its acts, what it leaves, what it suggests, and the pages recorded from it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from connector_assets.cli.demo_next import NEXT

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
BREAKS = "CONNECTORS_FAULT=before_commit:kill connectors sync operations"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A demo that ended: its folder, and all that it printed."""

    folder: Path
    text: str

    def act(self, number: int) -> str:
        return self.text.partition(f"\n{number}. ")[2].partition(f"\n{number + 1}. ")[0]


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    place = tmp_path_factory.mktemp("demo").resolve()
    done = subprocess.run(
        ["connectors", "demo"],
        cwd=place,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return Run(folder=place / "nyc-flights-demo", text=done.stdout)


def test_demo_loads_month_by_month(run: Run) -> None:
    assert "27,004  27,004" in run.act(1)
    assert "the tap sent 25,879 rows (a tap repeats its last day), the table grew by 24,951" in (
        run.act(2)
    )


def test_demo_kills_the_loader_and_finds_the_table_as_it_was(run: Run) -> None:
    act = run.act(4)

    assert "ended by SIGKILL in the phase 'commit'" in act
    assert "final_status  FAILED" in act
    assert "the table still has 51,955 rows, as before" in act


def test_demo_is_complete_after_the_kill_and_adds_nothing_once_more(run: Run) -> None:
    assert re.search(r"flights +285,785 +285,785 +285,785 +336,776", run.act(5))
    assert "336,776 rows before, 336,776 rows after" in run.act(6)


def test_demo_compares_every_column_of_every_stream(run: Run) -> None:
    line = r"^(\w+) +\S+ +([\d,]+) +([\d,]+) +(\d+) of (\d+)"
    equal = re.findall(line, run.act(7), re.MULTILINE)

    assert {stream: rows for stream, rows, *_ in equal} == {
        "flights": "336,776",
        "airports": "1,458",
        "airlines": "16",
        "planes": "3,322",
        "weather": "26,115",
    }
    assert all(source == there and some == all_ for _, source, there, some, all_ in equal)


def test_demo_blocks_what_the_api_changed_and_loads_it_once_it_is_approved(run: Run) -> None:
    blocked, released = run.act(8), run.act(9)

    assert "gate          airports.alt type_changed: bigint -> text" in blocked
    assert "final_status  BLOCKED" in blocked
    assert re.search(r"1458 +9078", blocked)
    assert "9999 xx" in blocked
    assert "final_status  SUCCEEDED" in released
    assert "1044 ft  America/New_York" in released


def test_demo_commits_each_sync_into_the_lake_as_one_snapshot(run: Run) -> None:
    assert re.findall(r"snapshot (\d+)", run.text) == ["1", "2", "3", "4", "5", "6"]


def test_demo_leaves_no_process(run: Run) -> None:
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cwd", "cmdline"])
        if str(run.folder) in (process.info["cwd"] or "")
    ]

    assert left == []


@pytest.mark.parametrize("command", NEXT)
def test_what_to_try_next_works(run: Run, command: str) -> None:
    assert command in run.text
    done = subprocess.run(
        command,
        shell=True,
        cwd=run.folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) is (command != BREAKS), done.stdout + done.stderr


def test_status_of_the_demo_is_a_list_with_one_object_per_connector(run: Run) -> None:
    command = ["connectors", "status", "--json"]
    shown = subprocess.check_output(command, cwd=run.folder, env=_environment())

    names = [one["connector"] for one in json.loads(shown)]
    assert names == ["airports", "flights", "operations", "shop"]


def test_readme_and_page_show_what_the_demo_prints(run: Run, tmp_path: Path) -> None:
    transcript = tmp_path / "transcript.txt"
    transcript.write_text(run.text)

    command = [sys.executable, "scripts/record_demo.py", "--check", str(transcript)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
