"""The reaper: closes syncs whose process is gone, and settles what was unknown.

No scheduler runs the last two steps in every case: a start that was killed, a run marked by hand.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector_assets.ledger.records import Holder, SyncRow
from connector_assets.lifecycle.evidence import parse_evidence
from connector_assets.lifecycle.lease import IDLE_TTL
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Verdict

#: The last two steps come within seconds; a scheduler that has not begun them by then may never.
_LOADED = timedelta(minutes=2)


def find_abandoned(setting: Setting, *, connector: str | None = None) -> list[SyncRow]:
    """Return the syncs that nobody works on and whose outcome is not settled, oldest first."""
    environment = setting.project.environment
    history = setting.ledger.history
    rows = history.unsettled(environment=environment, connector=connector)
    return [row for row in reversed(rows) if not _is_held(setting, row)]


def _is_held(setting: Setting, row: SyncRow) -> bool:
    if row.verdict is Verdict.UNKNOWN:
        return False
    holder = setting.ledger.leases.holder(row.connector, environment=row.environment)
    if holder is None or holder.sync_id != row.sync_id:
        return False
    return not (_is_idle(holder, longer=_LOADED) and _is_loaded(setting, row))


def _is_idle(holder: Holder, *, longer: timedelta) -> bool:
    """Tell whether no process has worked on the sync for some time: it is between two steps."""
    if holder.process.pid is not None:
        return False
    since = holder.expires - timedelta(seconds=IDLE_TTL)
    return datetime.now(UTC) - since > longer


def _is_loaded(setting: Setting, row: SyncRow) -> bool:
    load = parse_evidence(setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt)).load
    return load is not None and load.ok
