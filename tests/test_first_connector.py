"""docs/first-connector.md is what its commands print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.integration
@pytest.mark.full
def test_page_is_what_its_commands_print() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "scripts.record_first", "--check"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_page_shows_each_kind_of_source_and_no_place_of_a_machine() -> None:
    text = (ROOT / "docs" / "first-connector.md").read_text()

    for source in ("filesystem", "rest_api", "sql_database", "tap-postgres"):
        assert f"--source {source}" in text
        assert text.count("SUCCEEDED") == 5
    assert "first-" not in text.replace("first-connector", "")
