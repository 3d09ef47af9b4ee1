"""A bench per test, and the HTTP API."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from .bench import Bench
from .server import Shop, serve


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "work")


@pytest.fixture
def shop() -> Iterator[Shop]:
    with serve() as running:
        yield running


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One attempt per request: dlt waits 15 seconds for five.

    dlt leaves its connections to the garbage collector, which would warn in a later test.
    """
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
