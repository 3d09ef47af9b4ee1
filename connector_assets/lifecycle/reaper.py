"""The reaper: closes syncs whose process is gone, and settles what was unknown.

No scheduler runs the last two steps in every case: a start that was killed, a run marked by hand.
"""

from __future__ import annotations

from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Verdict


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
    return holder is not None and holder.sync_id == row.sync_id
