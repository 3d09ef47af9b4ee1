"""The last probe of each connector."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from connector_assets.ledger.audit_records import ProbeRecord
from connector_assets.ledger.store import Ledger
from tests.ledger.conftest import NOON

PROBE = ProbeRecord(
    environment="prod", connector="shop", probe_id="probe-1", at=NOON, offered=("a", "b")
)


def test_later_probe_replaces_the_one_before(ledger: Ledger) -> None:
    later = replace(PROBE, probe_id="probe-2", at=NOON + timedelta(hours=1), offered=())

    for probe in (PROBE, later):
        ledger.probes.save(probe)

    assert ledger.probes.last(environment="prod") == {"shop": later}
    assert ledger.probes.last(environment="dev") == {}


def test_probe_that_saw_no_list_keeps_the_one_there_was(ledger: Ledger) -> None:
    failed = replace(PROBE, probe_id="probe-2", failure="EngineTimeout", offered=None)

    for probe in (PROBE, failed):
        ledger.probes.save(probe)

    assert ledger.probes.last(environment="prod") == {"shop": replace(failed, offered=("a", "b"))}


def test_without_any_list_nothing_is_known(ledger: Ledger) -> None:
    ledger.probes.save(replace(PROBE, offered=None))

    assert ledger.probes.last(environment="prod")["shop"].offered is None
