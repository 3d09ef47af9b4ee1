"""What a further try of a sync would do, and whether a person has to act first: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from connector_assets.errors import (
    ConnectorError,
    ConnectorPaused,
    EngineFailed,
    FailureClass,
    LeaseHeld,
    LeaseLost,
    PackageStale,
)
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.causes import KILLED, find_cause
from connector_assets.lifecycle.evidence import Arrival, Evidence, Outcome
from connector_assets.model import Verdict

#: Fatal for the try that has them, and no reason against another one.
_OVER = (LeaseLost, PackageStale)


class RetryAction(StrEnum):
    """What a further try is."""

    NOTHING = "nothing"  # there is nothing to try again
    RESUME = "resume"  # what was staged or committed on the way is gone on with
    REPLAY = "replay"  # the source is read again, from the position that the destination has
    RELEASE = "release"  # the package that the gate refused is held, for a person to let through
    NEEDS_HUMAN = "needs_human"  # it would end in the same way


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPlan:
    """What a further try is, why, and whether a scheduler makes it by itself."""

    action: RetryAction
    reason: str
    automatic: bool = False


def plan_retry(
    verdict: Verdict | None, evidence: Evidence, *, held: bool = False, killed: bool = False
) -> RetryPlan:
    """Return what a further try of an attempt would do.

    ``held`` tells that the refused package is kept, ``killed`` that a signal ended the engine.
    """
    if verdict is None:
        reason = "the attempt is open: the next start closes it by what the destination says"
        return RetryPlan(action=RetryAction.RESUME, reason=reason, automatic=True)
    if verdict.good:
        return RetryPlan(action=RetryAction.NOTHING, reason="everything arrived")
    if verdict is Verdict.UNKNOWN:
        reason = "the next start asks the destination, and loads only what is not there"
        return RetryPlan(action=RetryAction.RESUME, reason=reason, automatic=True)
    if verdict is Verdict.BLOCKED:
        return _plan_blocked(held=held)
    if verdict is Verdict.SKIPPED and isinstance(_find_error(evidence.errors), LeaseHeld):
        reason = "another sync was running; the next one is due as usual"
        return RetryPlan(action=RetryAction.NOTHING, reason=reason)
    if verdict is Verdict.CANCELLED:
        return RetryPlan(action=RetryAction.REPLAY, reason="somebody stopped it; nothing is wrong")
    return _plan_failed(evidence, killed=killed)


def plan_row(row: SyncRow, *, held: bool) -> RetryPlan:
    """Return the plan of a sync by what the ledger's row has of its evidence."""
    record, arrival = row.result.get("error") or {}, row.result.get("arrival")
    error = ConnectorError.from_record(dict(record)) if record else None
    evidence = Evidence(
        arrival=Arrival(arrival) if arrival else None,
        extract=Outcome(error=error) if error else None,
    )
    found = find_cause(kind=record.get("type", ""), problem=record.get("problem", ""), log=())
    killed = found.cause.id == KILLED
    return plan_retry(row.verdict, evidence, held=held, killed=killed)


def _plan_blocked(*, held: bool) -> RetryPlan:
    if held:
        reason = "the package is held: a person lets it through, or discards it"
        return RetryPlan(action=RetryAction.RELEASE, reason=reason)
    reason = "the gate would refuse it again; nothing is held that could be released"
    return RetryPlan(action=RetryAction.NEEDS_HUMAN, reason=reason)


def _plan_failed(evidence: Evidence, *, killed: bool) -> RetryPlan:
    if evidence.arrival is Arrival.CONTRADICTED:
        reason = "something else changed the tables: a further sync would build on that"
        return RetryPlan(action=RetryAction.NEEDS_HUMAN, reason=reason)
    action = RetryAction.REPLAY
    rest = "the source is read again from the position of the destination"
    if evidence.arrival is Arrival.PARTIAL:
        action, rest = RetryAction.RESUME, "the next try goes on from the last checkpoint"
    error = _find_error(evidence.errors)
    if error is None:
        return RetryPlan(action=action, reason=f"it ended without a word; {rest}")
    if isinstance(error, ConnectorPaused):
        return RetryPlan(action=RetryAction.NEEDS_HUMAN, reason="the connector is paused")
    if killed and isinstance(error, EngineFailed):
        return RetryPlan(action=action, reason=f"the engine was killed; {rest}")
    if isinstance(error, _OVER):
        return RetryPlan(action=action, reason=f"that was of this try; {rest}")
    if error.failure_class is FailureClass.TRANSIENT:
        return RetryPlan(action=action, reason=f"it can pass by itself; {rest}", automatic=True)
    asked = "somebody has to act first" if _acts(error) else "it would end in the same way"
    return RetryPlan(action=RetryAction.NEEDS_HUMAN, reason=asked)


def _find_error(errors: Sequence[ConnectorError]) -> ConnectorError | None:
    return errors[0] if errors else None


def _acts(error: ConnectorError) -> bool:
    return error.failure_class is FailureClass.ACTION_REQUIRED
