"""Who observed a difference, and when: what a finding becomes in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector_assets.audit.gate import Finding
from connector_assets.ledger.audit_records import SeenDrift
from connector_assets.ledger.drift import identify_drift


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at a connector, by a sync or a probe: its id, and whether it was ``loaded``."""

    environment: str
    connector: str
    id: str
    at: datetime
    loaded: bool = True


def to_seen(finding: Finding, *, by: Observation) -> SeenDrift:
    """Return a finding as the ledger takes it."""
    drift = finding.drift
    return SeenDrift(
        environment=by.environment,
        connector=by.connector,
        stream=drift.stream,
        column=drift.column,
        kind=drift.kind,
        old=drift.old,
        new=drift.new,
        identity=identify_drift(
            stream=drift.stream,
            column=drift.column,
            kind=drift.kind,
            old=drift.old,
            new=drift.new,
        ),
        policy=finding.policy,
        sync_id=by.id,
        at=by.at,
        loaded=by.loaded,
    )
