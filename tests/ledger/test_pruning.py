"""A ledger made smaller: old syncs go, what somebody still needs stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from connector_assets.errors import ConfigError
from connector_assets.ledger.audit_records import HeldPackage
from connector_assets.ledger.records import Closing, NewSync, StateVersion, View
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict
from tests.ledger.conftest import NOON

NewSyncs = Callable[..., NewSync]
LATER = NOON + timedelta(days=100)


def close(ledger: Ledger, new: NewSync, verdict: Verdict | None) -> None:
    ledger.syncs.open_attempt(new)
    ledger.syncs.record(new.sync_id, attempt=1, layer="start", payload={"lock": "current"})
    if verdict is not None:
        closing = Closing(verdict=verdict, cause="", result={}, at=new.at + timedelta(minutes=1))
        ledger.syncs.close(new.sync_id, attempt=1, closing=closing)


def left(ledger: Ledger, *names: str) -> list[str]:
    found = []
    for name in names:
        try:
            found.append(ledger.history.find(name).sync_id)
        except ConfigError:
            continue
    return found


def test_old_syncs_go_and_the_last_and_the_last_good_one_stay(
    ledger: Ledger, new_sync: NewSyncs
) -> None:
    verdicts = [Verdict.SUCCEEDED, Verdict.SUCCEEDED, Verdict.FAILED, Verdict.FAILED]
    names = [f"s{number}" for number in range(4)]
    for number, verdict in enumerate(verdicts):
        close(ledger, new_sync(names[number], hour=number), verdict)
    state = StateVersion(
        connector="shop",
        environment="prod",
        version=1,
        state={},
        sync_id="s0",
        who="ann",
        why="",
        at=NOON,
    )
    ledger.states.append(state)

    counted = ledger.pruning.count_old(environment="prod", before=LATER)
    dropped = ledger.pruning.drop_old(environment="prod", before=LATER)

    assert (counted, dropped) == (2, 2)
    assert left(ledger, *names) == ["s1", "s3"]
    assert ledger.syncs.evidence("s0", attempt=1) == {}
    told = {row.sync_id for row in ledger.outbox.pending(View.DAGSTER, environment="prod")}
    assert told == {"s1", "s3"}
    assert ledger.states.latest("shop", environment="prod") == state


@pytest.mark.parametrize("verdict", [None, Verdict.UNKNOWN])
def test_sync_that_is_not_settled_stays(
    ledger: Ledger, new_sync: NewSyncs, verdict: Verdict | None
) -> None:
    close(ledger, new_sync("s0"), verdict)
    close(ledger, new_sync("s1", hour=1), Verdict.SUCCEEDED)

    assert ledger.pruning.drop_old(environment="prod", before=LATER) == 0


def test_sync_whose_package_is_held_stays(ledger: Ledger, new_sync: NewSyncs) -> None:
    close(ledger, new_sync("s0"), Verdict.BLOCKED)
    close(ledger, new_sync("s1", hour=1), Verdict.SUCCEEDED)
    package = HeldPackage(
        package_id="p0",
        sync_id="s0",
        environment="prod",
        connector="shop",
        base_version=0,
        place="held/p0",
        size=1,
        held_at=NOON,
    )
    ledger.packages.hold(package)

    assert ledger.pruning.drop_old(environment="prod", before=LATER) == 0


def test_younger_syncs_and_other_environments_stay(ledger: Ledger, new_sync: NewSyncs) -> None:
    for number in range(3):
        close(ledger, new_sync(f"s{number}", hour=number), Verdict.SUCCEEDED)

    assert ledger.pruning.drop_old(environment="dev", before=LATER) == 0
    assert ledger.pruning.drop_old(environment="prod", before=NOON) == 0
    assert ledger.pruning.drop_old(environment="prod", before=NOON + timedelta(hours=1)) == 1
    assert left(ledger, "s0", "s1", "s2") == ["s1", "s2"]


def test_many_go_in_several_transactions(ledger: Ledger, new_sync: NewSyncs) -> None:
    for number in range(12):
        close(ledger, new_sync(f"s{number:02}", hour=number), Verdict.SUCCEEDED)

    assert ledger.pruning.drop_old(environment="prod", before=LATER, at_once=5) == 11
