"""The project is read again where a file has changed, and only there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from connector_assets.assets.opening import read_project

pytestmark = pytest.mark.integration


@pytest.fixture
def settled(root: Path) -> Path:
    """The project, with files that nobody has touched for a minute."""
    for file in (root / "connectors.yaml", *(root / "connectors").iterdir()):
        changed = file.stat().st_mtime - 60
        os.utime(file, (changed, changed))
    return root


def _rewrite(root: Path) -> None:
    file = root / "connectors" / "shop.yaml"
    file.write_text(file.read_text().replace("orders", "orderz"))


def _add(root: Path) -> None:
    text = (root / "connectors" / "staff.yaml").read_text()
    (root / "connectors" / "new.yaml").write_text(text.replace("staff", "new"))


def _remove(root: Path) -> None:
    (root / "connectors" / "staff.yaml").unlink()


def _set_defaults(root: Path) -> None:
    file = root / "connectors.yaml"
    file.write_text(file.read_text().replace("owner: team", "owner: crew"))


def test_files_that_did_not_change_are_not_read_again(settled: Path) -> None:
    assert read_project(settled, environment="dev") is read_project(settled, environment="dev")


@pytest.mark.parametrize("change", [_rewrite, _add, _remove, _set_defaults])
def test_files_that_changed_are_read_again(settled: Path, change: Callable[[Path], None]) -> None:
    before = read_project(settled, environment="dev")

    change(settled)

    assert read_project(settled, environment="dev").connectors != before.connectors


def test_file_that_was_just_written_is_read_again(root: Path) -> None:
    # It could be written once more within the same time stamp.
    assert read_project(root, environment="dev") is not read_project(root, environment="dev")
