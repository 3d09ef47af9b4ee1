"""The exit code of a sync: 0 where the data is where it belongs, else by what is to be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connector_assets.errors import (
    ConfigError,
    ConnectorError,
    ConnectorPaused,
    CredentialError,
    DriftBlocked,
    EnvironmentMismatch,
    FatalSyncError,
    LeaseHeld,
    TransientSyncError,
    ViewsDiffer,
)
from connector_assets.model import Verdict

UNKNOWN = 10
CANCELLED = 130
#: What several ended with is told by the last of these: trying again helps the first.
_WORSE = (
    0,
    LeaseHeld.exit_code,
    ConnectorPaused.exit_code,
    TransientSyncError.exit_code,
    DriftBlocked.exit_code,
    ViewsDiffer.exit_code,
    EnvironmentMismatch.exit_code,
    CredentialError.exit_code,
    ConfigError.exit_code,
    FatalSyncError.exit_code,
    ConnectorError.exit_code,
)


def exit_code(verdict: Verdict | None, *, error: Mapping[str, Any]) -> int:
    """Return the exit code for a verdict; of one that failed or was skipped, its error's.

    ``error`` is the record of the first error in the evidence, empty where there is none.
    """
    if verdict is not None and verdict.good:
        return 0
    if verdict in (Verdict.FAILED, Verdict.SKIPPED) and error:
        return ConnectorError.from_record(dict(error)).exit_code
    codes = {
        Verdict.BLOCKED: DriftBlocked.exit_code,
        Verdict.SKIPPED: LeaseHeld.exit_code,
        Verdict.FAILED: FatalSyncError.exit_code,
        Verdict.CANCELLED: CANCELLED,
    }
    return codes.get(verdict or Verdict.UNKNOWN, UNKNOWN)


def worst(codes: Iterable[int]) -> int:
    """Return the exit code of several connectors: the one that needs a person most, 0 for none."""
    return max(codes, key=_WORSE.index, default=0)
