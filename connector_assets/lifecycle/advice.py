"""What a person wants to know after a sync, in the same words everywhere: the data, what next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_assets.errors import ConnectorPaused
from connector_assets.lifecycle.evidence import Arrival
from connector_assets.model import DriftKind, Verdict

if TYPE_CHECKING:
    from connector_assets.ledger.records import SyncRow

_PAUSED = ConnectorPaused.__name__


def tell_data(row: SyncRow) -> str:
    """Return how the tables stand after a sync that did not end well."""
    if row.result.get("arrival") == Arrival.CONTRADICTED:
        return "something else changed the tables: compare them with the source"
    if row.result.get("arrival") == Arrival.PARTIAL:
        return "tables and position are as of the last checkpoint; the next sync goes on from there"
    if row.verdict is Verdict.UNKNOWN:
        return "not known yet; the next sync of the connector settles it"
    return "the tables and the position are as they were before this sync"


def suggest_next(row: SyncRow, *, look: str = "debug") -> tuple[str, ...]:
    """Return the commands that a person wants next.

    ``look`` is the command that shows why: another one for whom that has told already, or none.
    """
    short, name = row.sync_id[:8], row.connector
    why = (f"connectors {look} {short}",) if look else ()
    drifted = any(f" {kind}" in row.cause for kind in DriftKind)
    if row.verdict is Verdict.SUCCEEDED_WITH_DRIFT:
        return (f"connectors drift diff {name}", f"connectors approve {name}")
    if row.verdict is Verdict.SKIPPED and row.result.get("error", {}).get("type") == _PAUSED:
        return (f"connectors resume {name}",)
    if row.verdict is not Verdict.BLOCKED:
        return () if row.verdict and row.verdict.good else why
    allow = f"connectors approve {name} --release" if drifted else f"connectors release {short}"
    looks = (f"connectors drift diff {name}",) if drifted else why
    return (*looks, allow, f"connectors discard {short}")
