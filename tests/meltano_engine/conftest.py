"""A fresh Meltano project per test, in a folder with a space in its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .bench import Bench


@pytest.fixture
def bench(tmp_path: Path, declare_taps: Callable[[Path], None]) -> Bench:
    root = tmp_path / "my project"
    root.mkdir()
    declare_taps(root)
    return Bench(root)
