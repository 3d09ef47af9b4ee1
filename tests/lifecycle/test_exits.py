"""The exit code of a sync."""

from __future__ import annotations

import pytest

from connector_assets import errors
from connector_assets.errors import (
    ConnectorError,
    CredentialError,
    DriftBlocked,
    EngineFailed,
    TransientSyncError,
)
from connector_assets.lifecycle.exits import exit_code, worst
from connector_assets.model import Verdict


def find_kinds() -> list[type[ConnectorError]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, ConnectorError)]


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


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, TransientSyncError.exit_code], TransientSyncError.exit_code),
        ([TransientSyncError.exit_code, DriftBlocked.exit_code], DriftBlocked.exit_code),
        ([DriftBlocked.exit_code, CredentialError.exit_code], CredentialError.exit_code),
        ([EngineFailed.exit_code, CredentialError.exit_code, 0], EngineFailed.exit_code),
    ],
    ids=str,
)
def test_exit_code_of_several_is_the_worst(codes: list[int], code: int) -> None:
    assert worst(codes) == code


@pytest.mark.parametrize("kind", find_kinds(), ids=lambda kind: kind.__name__)
def test_every_error_class_has_its_place_among_the_worst(kind: type[ConnectorError]) -> None:
    assert worst([0, kind.exit_code]) == kind.exit_code
