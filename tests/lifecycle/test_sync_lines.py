"""What a person reads of each step."""

from __future__ import annotations

from typing import Any

import pytest

from connector_assets.cli.sync_lines import BAD, GOOD, WARN, describe_step
from connector_assets.model import Step

STAGED = {"seconds": 2.0, "streams": [{"stream": "orders", "emitted": 5000, "staged": 5000}]}
LOADED = {"seconds": 0.5, "state_version": 3, "snapshot": 812}


def lines(step: Step, **layers: Any) -> list[tuple[str, str, str]]:
    found = describe_step(step, layers, seconds=1.0)
    return [(line.mark, line.label, line.text) for line in found]


def test_run_shows_rows_rate_and_transaction() -> None:
    shown = lines(Step.RUN_DLT, extract=STAGED, load=LOADED)

    assert shown == [
        (GOOD, "run_dlt", "1 stream, 5,000 rows staged, 2,500 rows/s"),
        ("  ", "commit", "1 transaction, state 3, snapshot 812"),
    ]


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ({"extract": {"error": {"problem": "it broke\nhere"}}}, "it broke"),
        ({"extract": {"cancelled": True}}, "cancelled"),
        ({"extract": {"running": True}}, "stopped before everything was staged"),
        ({}, "stopped before everything was staged"),
    ],
    ids=["error", "cancelled", "killed", "nothing"],
)
def test_run_that_staged_nothing_says_why(layers: dict[str, Any], text: str) -> None:
    assert lines(Step.RUN_MELTANO, **layers) == [(BAD, "run_meltano", text)]


def test_sync_with_checkpoints_tells_them_whole_or_not() -> None:
    whole = lines(Step.RUN_DLT, extract={**STAGED, "checkpoints": 3}, load=LOADED)
    stopped = {**STAGED, "checkpoints": 1, "error": {"problem": "it broke"}}

    assert whole[1] == ("  ", "commit", "4 transactions, state 3, snapshot 812")
    assert lines(Step.RUN_DLT, extract=stopped) == [(BAD, "run_dlt", "it broke")]
    assert lines(
        Step.FINALIZE, destination={"arrival": "partially_committed", "checkpoints": 2}
    ) == [
        (
            WARN,
            "finalize_dag",
            "read back: 2 checkpoints committed, the next sync goes on from there",
        )
    ]


def test_run_that_did_not_commit_is_never_ok() -> None:
    marks = [mark for mark, _, _ in lines(Step.RUN_DLT, extract=STAGED)]

    assert marks == [BAD, BAD]


def test_run_that_was_blocked_shows_each_reason() -> None:
    gate = {"decision": "block", "reasons": ["total: DECIMAL -> TEXT", "key id is gone"]}

    shown = lines(Step.RUN_DLT, extract=STAGED, gate=gate)

    assert [text for _, label, text in shown if label == "gate"] == gate["reasons"]


@pytest.mark.parametrize(
    ("destination", "mark", "text"),
    [
        ({"arrival": "confirmed", "cursors": {"a": 20}}, GOOD, "read back; cursor a -> 20"),
        ({"arrival": "absent"}, GOOD, "read back: nothing arrived, the tables are as before"),
        ({"arrival": "unread", "error": {"problem": "locked"}}, BAD, "locked"),
        ({}, GOOD, "nothing was started, nothing to read back"),
    ],
    ids=["confirmed", "absent", "unread", "not started"],
)
def test_finalize_says_what_the_destination_said(
    destination: dict[str, Any], mark: str, text: str
) -> None:
    assert lines(Step.FINALIZE, destination=destination) == [(mark, "finalize_dag", text)]
