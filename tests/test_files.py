"""A file is replaced as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector_assets.files import replace_file


def test_file_is_replaced_once_and_readable_by_all(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"

    assert [replace_file(file, "one"), replace_file(file, "two"), replace_file(file, "two")] == [
        True,
        True,
        False,
    ]
    assert file.read_text() == "two"
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [file]


def test_file_that_cannot_be_replaced_stays_and_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.mkdir()

    with pytest.raises(OSError, match="directory"):
        replace_file(file, "one")

    assert list(tmp_path.iterdir()) == [file]
