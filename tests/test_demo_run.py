"""The demo as a whole, with a stand-in for the platform: it must tell the truth, and clean up."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from connector_assets.cli.demo import run_demo
from connector_assets.errors import FatalSyncError

pytestmark = pytest.mark.integration
STAND_IN = (sys.executable, str(Path(__file__).with_name("demo_stand_in.py")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "project"


def _run(folder: Path) -> str:
    output = io.StringIO()
    run_demo(folder, console=Console(file=output, width=120), connectors=STAND_IN)
    return output.getvalue()


def test_demo_shows_every_act_and_stops_what_it_started(folder: Path) -> None:
    before = set(psutil.Process().children(recursive=True))

    shown = _run(folder)

    assert "the table grew by 24,951" in shown
    assert "still has 51,955 rows" in shown
    assert "336,776 rows before, 336,776 rows after" in shown
    assert "20 of 20" in shown
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.parametrize(
    ("lie", "problem"),
    [
        ("half_after_kill", "the table had 51,955 rows, and after the kill 336,776"),
        ("loses_a_row", "not equal to the source: planes"),
    ],
)
def test_demo_stops_where_it_would_not_be_true(
    folder: Path, monkeypatch: pytest.MonkeyPatch, lie: str, problem: str
) -> None:
    monkeypatch.setenv("STAND_IN", lie)

    with pytest.raises(FatalSyncError) as caught:
        _run(folder)

    assert caught.value.problem == problem
