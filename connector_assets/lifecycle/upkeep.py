"""What is done now and then, beside running syncs: destinations, old logs, left-over folders."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from connector_assets.artifacts import drop_old_logs
from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import ConfigError
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import DestinationKind

if TYPE_CHECKING:
    from connector_assets.destinations.maintain import Maintained

#: A sync's folder is looked at this long after the sync ended.
_LEFT = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What was done to each DuckLake, and how many logs and folders were removed."""

    lakes: tuple[Maintained, ...]
    logs: int
    folders: int


def maintain(
    setting: Setting, *, undo: timedelta, logs: timedelta, destinations: tuple[str, ...] = ()
) -> Upkeep:
    """Keep DuckLakes small, all or those named, and remove what nobody looks at any more.

    Snapshots are kept for ``undo``, logs for ``logs``.

    Raises:
        ConfigError: A destination is not known.
        ConnectorError: A destination cannot be changed; those before it are done.
    """
    from connector_assets.destinations.connect import is_new
    from connector_assets.destinations.maintain import maintain_lake
    from connector_assets.destinations.stamp import Stamp

    project = setting.project
    chosen = [project.destination(name) for name in destinations or project.destinations]
    stamp = Stamp(project_id=project.id, environment=project.environment)
    lakes = []
    for destination in chosen:
        if destination.kind is not DestinationKind.DUCKLAKE or is_new(destination):
            continue
        of = f"destination {destination.name}"
        secrets = resolve_secrets(destination.secrets, of=of, root=project.root)
        setting.observer.waits(f"{destination.name} is tidied up")
        lakes.append(maintain_lake(destination, secrets=secrets, stamp=stamp, keep=undo))
    return Upkeep(
        lakes=tuple(lakes),
        logs=drop_old_logs(project.artifacts, before=datetime.now(UTC) - logs),
        folders=_drop_folders(setting),
    )


def _drop_folders(setting: Setting) -> int:
    """Remove what syncs left that ended long ago, or that the ledger does not know."""
    work, dropped = setting.project.work, 0
    settled = datetime.now(UTC) - _LEFT
    for folder in work.iterdir() if work.is_dir() else ():
        touched = datetime.fromtimestamp(folder.stat().st_mtime, tz=UTC)
        if touched < settled and _is_over(setting, folder.name):
            shutil.rmtree(folder, ignore_errors=True)
            dropped += 1
    return dropped


def _is_over(setting: Setting, sync_id: str) -> bool:
    try:
        row = setting.ledger.history.find(sync_id)
    except ConfigError:
        return True
    return row.verdict is not None
