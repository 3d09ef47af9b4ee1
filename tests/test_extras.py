"""What is missing is named with the extra that has it."""

from __future__ import annotations

import sys

import pytest

from connector_assets.errors import ConfigError
from connector_assets.extras import require


def test_package_that_is_there_is_asked_for_without_importing_it() -> None:
    # Of the standard library: it prints when it is imported, and nobody does.
    require("this", name="Zen", extra="none")

    assert "this" not in sys.modules


def test_package_that_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(ConfigError, match="Dagster is not installed") as caught:
        require("no_such_package", name="Dagster", extra="dagster")

    assert "pip install 'connector-assets[dagster]'" in str(caught.value)
