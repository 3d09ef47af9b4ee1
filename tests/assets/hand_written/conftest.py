"""A code location with hand-written assets, loaded anew for each test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import dagster as dg
import dlt
import pytest

from connector_assets.ledger.store import Ledger
from tests.assets.hand_written.project import write_project

Run = Callable[..., dg.ExecuteInProcessResult]
Load = Callable[[str], ModuleType]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # dlt.pipeline() of the code location keeps a folder in the home of whoever runs it.
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    write_project(tmp_path)
    return tmp_path


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{root / '.connectors' / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def load(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """A function that imports a module of the project as it is now, as a code location does."""
    monkeypatch.syspath_prepend(str(root))

    def load_anew(name: str) -> ModuleType:
        _forget()
        return importlib.import_module(name)

    yield load_anew
    _forget()
    dlt.current.pipeline().deactivate()


def _forget() -> None:
    importlib.invalidate_caches()
    for name in ("definitions", "github_assets", "github_source"):
        sys.modules.pop(name, None)


@pytest.fixture
def run(load: Load) -> Run:
    """A function that materializes assets, by their keys as people write them; all without one."""

    def materialize(*keys: str) -> dg.ExecuteInProcessResult:
        job = load("definitions").defs.resolve_implicit_global_asset_job_def()
        chosen = [dg.AssetKey(key.split("/")) for key in keys] or None
        result: dg.ExecuteInProcessResult = job.execute_in_process(
            asset_selection=chosen, raise_on_error=False
        )
        return result

    return materialize
