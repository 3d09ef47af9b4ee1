"""The exit code of a sync."""

from __future__ import annotations

import pytest

from connector_assets.errors import (
    ConnectorError,
    CredentialError,
    EngineFailed,
    TransientSyncError,
)
from connector_assets.lifecycle.exits import exit_code
from connector_assets.model import Verdict


@pytest.mark.parametrize("verdict", [one for one in Verdict if one.good], ids=str)
def test_exit_code_of_a_good_verdict_is_0(verdict: Verdict) -> None:
    assert exit_code(verdict, error={}) == 0


@pytest.mark.parametrize("verdict", [None, *(one for one in Verdict if not one.good)], ids=str)
def test_exit_code_of_a_bad_verdict_is_never_0(verdict: Verdict | None) -> None:
    assert exit_code(verdict, error={}) > 0


@pytest.mark.parametrize(
    "error",
    [CredentialError("no token"), TransientSyncError("HTTP 503"), EngineFailed("exit code 1")],
    ids=lambda error: type(error).__name__,
)
def test_exit_code_of_a_failure_is_that_of_its_error(error: ConnectorError) -> None:
    assert exit_code(Verdict.FAILED, error=error.to_record()) == error.exit_code
