"""One sync in this process: the four steps in their order, retried as the plan says."""

from __future__ import annotations

from contextlib import suppress

import tenacity

from connector_assets.errors import ConnectorError, TransientSyncError
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle import steps
from connector_assets.lifecycle.retry import plan_wait
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.model import Connector, Retries


def run_sync(setting: Setting, connector: Connector, *, request: StartRequest) -> SyncRow:
    """Sync a connector here and return how it ended; what goes wrong is in the verdict.

    A transient failure of the engine is tried again as often as the connector says. An interrupt
    ends the engine, closes the sync as cancelled, and is raised.

    Raises:
        LeaseHeld: Another sync of the connector is running and this one is not scheduled.
        ConfigError: The connector cannot be planned.
        LedgerUnreachable: The ledger does not answer.
    """
    started = steps.start(setting, connector, request=request)
    try:
        if started.error is None:
            # Recorded as evidence, from which the verdict is computed.
            with suppress(ConnectorError):
                _run(setting, started.sync_id, retries=connector.retries)
    except BaseException:
        steps.cancel(setting, started.sync_id)
        _close(setting, started.sync_id)
        raise
    return _close(setting, started.sync_id)


def _run(setting: Setting, sync_id: str, *, retries: Retries) -> None:
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientSyncError),
        stop=tenacity.stop_after_attempt(retries.max + 1),
        wait=lambda state: plan_wait(retries, tried=state.attempt_number) or 0.0,
        before_sleep=lambda state: setting.observer.waits(_announce(state)),
        reraise=True,
    )
    retrying(steps.run, setting, sync_id)


def _close(setting: Setting, sync_id: str) -> SyncRow:
    steps.finalize(setting, sync_id)
    return steps.status(setting, sync_id)


def _announce(state: tenacity.RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    problem = str(getattr(error, "problem", error)).partition("\n")[0]
    return f"{problem}; trying again in {state.upcoming_sleep:.0f} s"
