"""What a tick of the drift sensor says of the probes that it made."""

from __future__ import annotations

import pytest

from connector_assets.assets.probe_events import summarize
from connector_assets.audit.drift import Drift
from connector_assets.audit.gate import Finding
from connector_assets.errors import TransientSyncError
from connector_assets.lifecycle.probe import Probed
from connector_assets.model import DriftKind, DriftPolicy

pytestmark = pytest.mark.integration
CHANGED = Drift(
    stream="orders", column=("total",), kind=DriftKind.TYPE_CHANGED, old="bigint", new="text"
)


def probe(
    name: str, *, findings: tuple[Finding, ...] = (), error: TransientSyncError | None = None
) -> Probed:
    return Probed(
        connector=name, probe_id="probe-1", seconds=1.0, locked=True, findings=findings, error=error
    )


def test_news_come_first_and_what_is_as_expected_is_counted() -> None:
    found = [
        probe("staff"),
        probe("shop", findings=(Finding(drift=CHANGED, policy=DriftPolicy.BLOCK),)),
        probe("report", error=TransientSyncError("the API does not answer")),
        probe("visits"),
    ]

    assert summarize(found) == (
        "shop: orders.total type_changed: bigint -> text; "
        "report: could not look: the API does not answer; 2 as expected"
    )


def test_nothing_new_is_one_number() -> None:
    assert summarize([probe("staff"), probe("shop")]) == "2 as expected"
