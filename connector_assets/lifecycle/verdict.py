"""The verdict: a pure function of the evidence.

Only the destination's own word makes a verdict good. Where it could not be read, the verdict is
``unknown`` unless the evidence shows that the load cannot have begun.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector_assets.lifecycle.evidence import Arrival, Evidence
from connector_assets.model import Decision, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict and, in one sentence, why."""

    verdict: Verdict
    cause: str


def judge(evidence: Evidence) -> Judgement:
    """Return the verdict of one attempt; the same evidence always gives the same verdict."""
    if evidence.arrival is Arrival.CONFIRMED:
        return _judge_arrived(evidence)
    if evidence.arrival is Arrival.CONTRADICTED:
        return Judgement(
            verdict=Verdict.FAILED,
            cause="the load record is there, but the tables do not hold what it says",
        )
    if evidence.start and evidence.start.skipped:
        cause = str(evidence.start.error.problem) if evidence.start.error else "the lease is taken"
        return Judgement(verdict=Verdict.SKIPPED, cause=cause)
    if evidence.arrival is Arrival.PARTIAL:
        return _judge_partial(evidence)
    if evidence.arrival is Arrival.ABSENT or not _may_have_loaded(evidence):
        return _judge_absent(evidence)
    return Judgement(
        verdict=Verdict.UNKNOWN,
        cause="the load may have begun and the destination has not been read since",
    )


def _judge_arrived(evidence: Evidence) -> Judgement:
    if evidence.decision is Decision.PASS_WITH_DRIFT:
        cause = "; ".join(evidence.reasons) or "the source drifted"
        return Judgement(verdict=Verdict.SUCCEEDED_WITH_DRIFT, cause=cause)
    if evidence.counts and all(counts.emitted == 0 for counts in evidence.counts):
        return Judgement(verdict=Verdict.SUCCEEDED_EMPTY, cause="the source had no rows")
    return Judgement(verdict=Verdict.SUCCEEDED, cause="everything staged is in the destination")


def _may_have_loaded(evidence: Evidence) -> bool:
    """Tell whether the transaction may have begun: nothing recorded proves that it did not."""
    if evidence.start is None or not evidence.start.ok:
        return evidence.start is None
    if evidence.decision is Decision.BLOCK:
        return False
    stopped_before = evidence.extract is not None and not evidence.extract.ok
    return not (stopped_before and evidence.load is None)


def _judge_partial(evidence: Evidence) -> Judgement:
    """Judge what stopped after a checkpoint as what stopped it; what is committed stays."""
    count = evidence.checkpoints
    stays = "1 checkpoint stays" if count == 1 else f"{count} checkpoints stay"
    stays = f"{stays} committed"
    if evidence.cancelled:
        return Judgement(verdict=Verdict.CANCELLED, cause=f"it was cancelled; {stays}")
    if evidence.decision is Decision.BLOCK:
        reasons = evidence.reasons or ("the audit gate refused a package",)
        return Judgement(verdict=Verdict.BLOCKED, cause="; ".join((*reasons, stays)))
    problem = evidence.errors[0].problem if evidence.errors else "the run ended without a word"
    return Judgement(verdict=Verdict.FAILED, cause=f"{problem}; {stays}")


def _judge_absent(evidence: Evidence) -> Judgement:
    if evidence.undone_by:
        cause = f"it was undone by {evidence.undone_by}; the data is as it was before"
        return Judgement(verdict=Verdict.CANCELLED, cause=cause)
    if evidence.cancelled:
        return Judgement(verdict=Verdict.CANCELLED, cause="it was cancelled; nothing was loaded")
    if evidence.decision is Decision.BLOCK:
        cause = "; ".join(evidence.reasons) or "the audit gate refused the package"
        return Judgement(verdict=Verdict.BLOCKED, cause=cause)
    if evidence.errors:
        return Judgement(verdict=Verdict.FAILED, cause=evidence.errors[0].problem)
    return Judgement(
        verdict=Verdict.FAILED, cause="the run ended without a word; nothing was loaded"
    )
