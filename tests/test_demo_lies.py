"""The demo over a stand-in for the platform that does not do what it says: the demo notices."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from connector_assets.cli.demo_acts import run_demo
from connector_assets.cli.output import Output
from connector_assets.errors import FatalSyncError

pytestmark = pytest.mark.integration
STAND_IN = (sys.executable, str(Path(__file__).with_name("demo_stand_in.py")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all: each demo after the first starts over in it."""
    return tmp_path_factory.mktemp("demo") / "project"


@pytest.mark.parametrize(
    ("lie", "problem"),
    [
        ("half_after_kill", "the table had 51,955 rows, and after the kill 80,789"),
        ("loads_drift", "the API's change was loaded, and nobody was asked"),
        ("loses_a_row", "not equal to the source: planes"),
    ],
)
def test_demo_stops_where_it_would_not_be_true(
    folder: Path, monkeypatch: pytest.MonkeyPatch, lie: str, problem: str
) -> None:
    monkeypatch.setenv("STAND_IN", lie)
    before = set(psutil.Process().children(recursive=True))

    with pytest.raises(FatalSyncError) as caught:
        run_demo(folder, output=Output(), connectors=STAND_IN)

    assert caught.value.problem == problem
    assert set(psutil.Process().children(recursive=True)) <= before
