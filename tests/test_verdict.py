"""The verdict is good only on the destination's own word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.errors import ConnectorError, EngineFailed
from connector_assets.lifecycle.evidence import (
    Arrival,
    Evidence,
    Outcome,
    parse_evidence,
)
from connector_assets.lifecycle.verdict import judge
from connector_assets.model import Decision, StreamCounts, Verdict

OK = Outcome()
FAILED = Outcome(error=EngineFailed("tap-x ended with exit code 1"))
COUNTS = (StreamCounts(stream="a", table="a", emitted=3, staged=3, in_destination=3),)

errors: st.SearchStrategy[ConnectorError | None] = st.sampled_from([None, EngineFailed("it broke")])
outcomes = st.none() | st.builds(
    Outcome, error=errors, skipped=st.booleans(), cancelled=st.booleans()
)
evidences = st.builds(
    Evidence,
    start=outcomes,
    extract=outcomes,
    decision=st.none() | st.sampled_from(Decision),
    reasons=st.just(()),
    load=outcomes,
    arrival=st.none() | st.sampled_from(Arrival),
    counts=st.sampled_from([(), COUNTS]),
)


@given(evidences)
def test_verdict_without_confirmed_destination_is_never_good(evidence: Evidence) -> None:
    if judge(evidence).verdict.good:
        assert evidence.arrival is Arrival.CONFIRMED


@given(evidences)
def test_verdict_with_confirmed_destination_is_always_good(evidence: Evidence) -> None:
    if evidence.arrival is Arrival.CONFIRMED:
        assert judge(evidence).verdict.good


@given(evidences)
def test_verdict_has_a_cause(evidence: Evidence) -> None:
    assert judge(evidence).cause


@given(evidences)
def test_verdict_is_never_unknown_once_the_destination_was_read(evidence: Evidence) -> None:
    if evidence.arrival not in (None, Arrival.UNREAD):
        assert judge(evidence).verdict is not Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(), Verdict.UNKNOWN),
        (Evidence(start=FAILED), Verdict.FAILED),
        (Evidence(start=OK), Verdict.UNKNOWN),
        (Evidence(start=OK, arrival=Arrival.ABSENT), Verdict.FAILED),
        (Evidence(start=OK, extract=FAILED), Verdict.FAILED),
        (Evidence(start=OK, extract=OK, load=FAILED), Verdict.UNKNOWN),
        (Evidence(start=OK, extract=OK, load=FAILED, arrival=Arrival.CONFIRMED), Verdict.SUCCEEDED),
        (Evidence(start=OK, extract=OK, decision=Decision.BLOCK), Verdict.BLOCKED),
        (Evidence(start=Outcome(skipped=True)), Verdict.SKIPPED),
        (Evidence(start=OK, extract=Outcome(cancelled=True)), Verdict.CANCELLED),
        (Evidence(start=OK, arrival=Arrival.CONTRADICTED), Verdict.FAILED),
    ],
    ids=[
        "nothing recorded",
        "start failed",
        "killed, destination unread",
        "killed, destination read",
        "tap failed",
        "load failed, destination unread",
        "reply to COMMIT lost",
        "blocked",
        "lease taken",
        "cancelled while extracting",
        "tables contradict the record",
    ],
)
def test_verdict_of_known_cases(evidence: Evidence, verdict: Verdict) -> None:
    assert judge(evidence).verdict is verdict


def test_evidence_parses_what_the_ledger_holds() -> None:
    layers: dict[str, dict[str, Any]] = {
        "start": {},
        "extract": {"error": EngineFailed("tap-x died", stream="a").to_record()},
        "destination": {"arrival": "absent", "streams": [{"stream": "a", "table": "a"}]},
    }

    evidence = parse_evidence(layers)

    assert evidence.start == OK
    assert evidence.errors[0].stream == "a"
    assert isinstance(evidence.errors[0], EngineFailed)
    assert evidence.counts[0].emitted is None
