"""What is done now and then, beside running syncs: destinations, old logs, left-over folders."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from connector_assets.artifacts import drop_old_logs
from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import ConfigError, CredentialError, LeaseHeld
from connector_assets.lifecycle.holding import drop_surplus
from connector_assets.lifecycle.lease import take_lease, upkeep_id
from connector_assets.lifecycle.leftovers import clear_configuration, settle_rotated
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector, Destination, DestinationKind

if TYPE_CHECKING:
    from connector_assets.destinations.maintain import Lake, Maintained

#: A sync's folder is looked at this long after the sync ended.
_LEFT = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What was done to each DuckLake, and how many logs, folders and held packages were removed.

    ``flushed_rows`` stood in a catalog and are files now, ``emptied`` are staging tables that had
    rows; of the connectors ``busy`` a sync was running, and neither was done.
    """

    lakes: tuple[Maintained, ...]
    logs: int
    folders: int
    packages: int = 0
    flushed_rows: int = 0
    emptied: int = 0
    busy: tuple[str, ...] = ()


def maintain(
    setting: Setting, *, undo: timedelta, logs: timedelta, destinations: tuple[str, ...] = ()
) -> Upkeep:
    """Keep DuckLakes small, all or those named, and remove what nobody looks at any more.

    Snapshots are kept for ``undo``, logs for ``logs``.

    Raises:
        ConfigError: A destination is not known.
        ConnectorError: A destination cannot be changed; those before it are done.
    """
    from connector_assets.destinations.maintain import maintain_lake

    _clear_secrets(setting)
    project = setting.project
    lakes: list[Maintained] = []
    flushed, emptied, busy = 0, 0, list[str]()
    for destination in _list_lakes(setting, destinations):
        setting.observer.waits(f"{destination.name} is tidied up")
        lake = _build_lake(setting, destination, keep=undo)
        for connector in _list_connectors(setting, destination):
            try:
                tidied = _tidy_dataset(setting, connector, lake=lake)
            except LeaseHeld:
                busy.append(connector.name)
            else:
                flushed, emptied = flushed + tidied[0], emptied + tidied[1]
        lakes.append(maintain_lake(lake))
    return Upkeep(
        lakes=tuple(lakes),
        logs=drop_old_logs(project.artifacts, before=datetime.now(UTC) - logs),
        folders=_drop_folders(setting),
        packages=len(drop_surplus(setting)),
        flushed_rows=flushed,
        emptied=emptied,
        busy=tuple(busy),
    )


def _clear_secrets(setting: Setting) -> None:
    """Remove what killed runs of Meltano left, and store what their taps rotated."""
    clear_configuration(setting.project.root)
    for connector in setting.project.connectors:
        # What cannot be stored stays; the next start says why.
        with suppress(CredentialError):
            settle_rotated(connector, root=setting.project.root)


def _list_lakes(setting: Setting, names: tuple[str, ...]) -> list[Destination]:
    from connector_assets.destinations.connect import is_new

    project = setting.project
    chosen = [project.destination(name) for name in names or project.destinations]
    return [one for one in chosen if one.kind is DestinationKind.DUCKLAKE and not is_new(one)]


def _build_lake(setting: Setting, destination: Destination, *, keep: timedelta) -> Lake:
    from connector_assets.destinations.maintain import Lake
    from connector_assets.destinations.stamp import Stamp

    project = setting.project
    return Lake(
        destination=destination,
        secrets=resolve_secrets(
            destination.secrets, of=f"destination {destination.name}", root=project.root
        ),
        stamp=Stamp(project_id=project.id, environment=project.environment),
        keep=keep,
        others=tuple(
            one.data_path
            for one in project.destinations.values()
            if one.kind is DestinationKind.DUCKLAKE and one.name != destination.name
        ),
    )


def _list_connectors(setting: Setting, destination: Destination) -> list[Connector]:
    connectors = setting.project.connectors
    return [one for one in connectors if one.destination.name == destination.name]


def _tidy_dataset(setting: Setting, connector: Connector, *, lake: Lake) -> tuple[int, int]:
    """Do what no load may run beside; return the rows flushed and the staging tables emptied.

    Raises:
        LeaseHeld: A sync of the connector runs.
    """
    from connector_assets.destinations.maintain import attempt, flush
    from connector_assets.destinations.staging import STAGING, empty_staging

    dataset = connector.dataset
    holder = upkeep_id(setting, connector=connector.name)
    lease = take_lease(setting, connector, sync_id=holder, wait=0)
    try:
        emptied = attempt(lake, lambda connection, _: empty_staging(connection, dataset=dataset))
        return sum(flush(lake, dataset=one) for one in (dataset, f"{dataset}{STAGING}")), emptied
    finally:
        setting.ledger.leases.release(lease)


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
