"""Drift events: one as long as the difference lasts, approved or gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector_assets.errors import ConfigError
from connector_assets.ledger.audit_records import PROBE, DriftStatus, SeenDrift
from connector_assets.ledger.drift import identify_drift
from connector_assets.ledger.store import Ledger
from connector_assets.model import DriftKind, DriftPolicy
from tests.ledger.conftest import NOON


def seen(
    *, hour: float = 0, policy: str = "block", new: Any = "text", probed: bool = False
) -> SeenDrift:
    kind, column = DriftKind.TYPE_CHANGED, ("total",)
    identity = identify_drift(stream="orders", column=column, kind=kind, old="bigint", new=new)
    return SeenDrift(
        environment="prod",
        connector="shop",
        stream="orders",
        column=column,
        kind=kind,
        old="bigint",
        new=new,
        identity=identity,
        policy=DriftPolicy(policy),
        sync_id=f"{PROBE if probed else 's'}{hour:g}",
        at=NOON + timedelta(hours=hour),
        loaded=not probed,
    )


def test_difference_seen_three_times_is_one_event(ledger: Ledger) -> None:
    opened = [ledger.drift.see([seen(hour=hour)]) for hour in range(3)]

    assert [len(events) for events in opened] == [1, 0, 0]
    (event,) = ledger.drift.find(environment="prod")
    assert (event.seen, event.first_sync_id, event.last_sync_id) == (3, "s0", "s2")
    assert (event.old, event.new, event.column) == ("bigint", "text", ("total",))


def test_allowed_difference_is_recorded_and_never_open(ledger: Ledger) -> None:
    ledger.drift.see([seen(policy="allow")])

    assert ledger.drift.find(environment="prod") == []
    recorded = ledger.drift.find(environment="prod", statuses=[DriftStatus.RECORDED])
    assert [event.kind for event in recorded] == ["type_changed"]


def test_approved_difference_names_who_and_stays_one_event(ledger: Ledger) -> None:
    (event,) = ledger.drift.see([seen()])

    approved = ledger.drift.approve(event.id, environment="prod", who="ada")
    again = ledger.drift.see([seen(hour=1)])

    assert (approved.status, approved.settled_by) == (DriftStatus.APPROVED, "ada")
    assert again == []


def test_difference_that_is_gone_and_comes_back_is_a_new_event(ledger: Ledger) -> None:
    (first,) = ledger.drift.see([seen()])

    ledger.drift.settle([first.id], who="sync s1")
    (second,) = ledger.drift.see([seen(hour=2)])

    assert second.id != first.id
    gone = ledger.drift.find(environment="prod", statuses=[DriftStatus.GONE])
    assert [(event.id, event.settled_by) for event in gone] == [(first.id, "sync s1")]


def test_approved_difference_is_not_settled_as_gone(ledger: Ledger) -> None:
    (event,) = ledger.drift.see([seen()])
    ledger.drift.approve(event.id, environment="prod", who="ada")

    ledger.drift.settle([event.id], who="sync s1")

    assert len(ledger.drift.find(environment="prod", statuses=[DriftStatus.APPROVED])) == 1


def test_same_sync_seen_again_counts_once(ledger: Ledger) -> None:
    ledger.drift.see([seen()])
    ledger.drift.see([seen()])

    assert [event.seen for event in ledger.drift.find(environment="prod")] == [1]


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_approving_what_is_not_there_is_refused(ledger: Ledger, environment: str) -> None:
    with pytest.raises(ConfigError, match="drift event 4711 does not exist"):
        ledger.drift.approve(4711, environment=environment, who="ada")


def test_approvals_that_went_into_the_lock_are_not_applied_again(ledger: Ledger) -> None:
    (event,) = ledger.drift.see([seen()])
    ledger.drift.approve(event.id, environment="prod", who="ada")

    assert ledger.drift.fold("shop", environment="prod") == 1
    assert ledger.drift.find(environment="prod", statuses=[DriftStatus.APPROVED]) == []


def test_what_a_probe_notes_counts_when_a_sync_sees_it(ledger: Ledger) -> None:
    ledger.drift.see([seen(policy="allow", probed=True)])
    ledger.drift.see([seen(policy="allow", probed=True, hour=1)])
    (noted,) = ledger.drift.find(environment="prod", statuses=[DriftStatus.NOTED])
    ledger.drift.see([seen(policy="allow", hour=2)])

    (recorded,) = ledger.drift.find(environment="prod", statuses=[DriftStatus.RECORDED])
    assert (noted.seen, recorded.seen, recorded.id) == (2, 3, noted.id)


def test_what_a_probe_noted_and_is_gone_is_closed(ledger: Ledger) -> None:
    (noted,) = ledger.drift.see([seen(policy="allow", probed=True)])

    ledger.drift.settle([noted.id], who="probe-1")

    assert ledger.drift.find(environment="prod", statuses=[DriftStatus.NOTED]) == []


def test_open_event_of_a_probe_is_claimed_once_and_can_be_given_back(ledger: Ledger) -> None:
    (event,) = ledger.drift.see([seen(probed=True)])
    ledger.drift.see([seen(new="json")])

    first = ledger.drift.claim_untold("shop", environment="prod")
    second = ledger.drift.claim_untold("shop", environment="prod")
    ledger.drift.take_back(first)
    third = ledger.drift.claim_untold("shop", environment="prod")

    # The one that a sync saw first is told of by the sync.
    assert [[one.id for one in each] for each in (first, second, third)] == [
        [event.id],
        [],
        [event.id],
    ]
