"""A project folder per test, untouched by the variables of who runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .folder import ProjectFolder


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONNECTORS_ENV", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    """A project with the environments dev and prod, a DuckLake and a DuckDB file."""
    return ProjectFolder(tmp_path / "project")
