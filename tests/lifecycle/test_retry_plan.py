"""What a further try would do, by verdict and evidence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector_assets.errors import (
    BadRecord,
    ConfigError,
    ConfigErrors,
    ConnectorError,
    ConnectorPaused,
    CredentialError,
    EngineFailed,
    FatalSyncError,
    LeaseHeld,
    LeaseLost,
    PackageStale,
    StateDivergence,
    TransientSyncError,
)
from connector_assets.lifecycle.evidence import Arrival, Evidence, Outcome
from connector_assets.lifecycle.retry_plan import RetryAction, plan_retry
from connector_assets.model import Verdict


@pytest.mark.parametrize("verdict", [one for one in Verdict if one.good])
def test_what_arrived_is_not_tried_again(verdict: Verdict) -> None:
    assert plan_retry(verdict, Evidence()).action is RetryAction.NOTHING


@pytest.mark.parametrize("verdict", [None, Verdict.UNKNOWN])
def test_what_is_open_or_not_known_is_settled_by_the_next_start(verdict: Verdict | None) -> None:
    plan = plan_retry(verdict, Evidence())

    assert (plan.action, plan.automatic) == (RetryAction.RESUME, True)


@pytest.mark.parametrize(
    ("held", "action"), [(True, RetryAction.RELEASE), (False, RetryAction.NEEDS_HUMAN)]
)
def test_what_the_gate_refused_waits_for_a_person(held: bool, action: RetryAction) -> None:
    plan = plan_retry(Verdict.BLOCKED, Evidence(), held=held)

    assert (plan.action, plan.automatic) == (action, False)


@pytest.mark.parametrize(
    ("error", "action", "automatic"),
    [
        (TransientSyncError("x"), RetryAction.REPLAY, True),
        (LeaseLost("x"), RetryAction.REPLAY, False),
        (PackageStale("x"), RetryAction.REPLAY, False),
        (FatalSyncError("x"), RetryAction.NEEDS_HUMAN, False),
        (EngineFailed("x"), RetryAction.NEEDS_HUMAN, False),
        (BadRecord("x"), RetryAction.NEEDS_HUMAN, False),
        (StateDivergence("x"), RetryAction.NEEDS_HUMAN, False),
        (ConfigError("x"), RetryAction.NEEDS_HUMAN, False),
        (CredentialError("x"), RetryAction.NEEDS_HUMAN, False),
        (ConnectorPaused("x"), RetryAction.NEEDS_HUMAN, False),
    ],
)
def test_failure_is_tried_again_where_that_can_help(
    error: ConnectorError, action: RetryAction, automatic: bool
) -> None:
    evidence = Evidence(extract=Outcome(error=error), arrival=Arrival.ABSENT)

    plan = plan_retry(Verdict.FAILED, evidence)

    assert (plan.action, plan.automatic) == (action, automatic)


def _list_errors(base: type[ConnectorError] = ConnectorError) -> Iterator[type[ConnectorError]]:
    for each in base.__subclasses__():
        yield each
        yield from _list_errors(each)


@pytest.mark.parametrize(
    "kind", [one for one in _list_errors() if one not in (ConfigErrors, LeaseHeld)]
)
def test_plan_says_of_each_error_what_the_schedulers_do(kind: type[ConnectorError]) -> None:
    """They try again what is transient: connectors sync, Dagster by class, Airflow by its code."""
    evidence = Evidence(extract=Outcome(error=kind("x")), arrival=Arrival.ABSENT)

    plan = plan_retry(Verdict.FAILED, evidence)

    assert plan.automatic == issubclass(kind, TransientSyncError)
    assert plan.automatic == (kind.exit_code == TransientSyncError.exit_code)


def test_sync_that_another_one_kept_waiting_is_not_tried_again() -> None:
    evidence = Evidence(start=Outcome(error=LeaseHeld("x"), skipped=True))

    assert plan_retry(Verdict.SKIPPED, evidence).action is RetryAction.NOTHING


def test_engine_that_was_killed_is_started_again() -> None:
    evidence = Evidence(extract=Outcome(error=EngineFailed("x")), arrival=Arrival.ABSENT)

    assert plan_retry(Verdict.FAILED, evidence, killed=True).action is RetryAction.REPLAY


def test_after_a_checkpoint_the_next_try_goes_on() -> None:
    error = TransientSyncError("the source does not answer")
    evidence = Evidence(extract=Outcome(error=error), arrival=Arrival.PARTIAL)

    assert plan_retry(Verdict.FAILED, evidence).action is RetryAction.RESUME


def test_tables_that_something_else_changed_need_a_person() -> None:
    plan = plan_retry(Verdict.FAILED, Evidence(arrival=Arrival.CONTRADICTED))

    assert plan.action is RetryAction.NEEDS_HUMAN
