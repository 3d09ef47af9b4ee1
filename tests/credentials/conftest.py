"""A project folder whose connectors follow a credential model with a history."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.config.folder import ProjectFolder

HISTORY = Path(__file__).with_name("history")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.startswith(("SHOP_", "CONNECTORS_", "AIRFLOW_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    """A project with the credential model shop_api."""
    project = ProjectFolder(tmp_path / "project")
    project.write("credentials/shop_api.yaml", (HISTORY / "model.yaml").read_text())
    return project


def read_version(version: int) -> str:
    """Return the connector as it was written for a version of the model."""
    return (HISTORY / f"v{version}.yaml").read_text()
