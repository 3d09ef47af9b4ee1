"""Removes a connector: destination first, then the ledger, then its files.

What happened stays in the ledger. Where this process ends on the way, removing it again goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from connector_assets.credentials.sources import mask_source, resolve_secrets
from connector_assets.destinations.fate import TableFate
from connector_assets.errors import ConfigError, ConfigErrors, LeaseLost
from connector_assets.ledger.audit_records import DriftStatus
from connector_assets.ledger.records import Lease, StateVersion
from connector_assets.lifecycle.former_names import find_pending
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.reconciling import look, reconcile
from connector_assets.lifecycle.renaming import follow_renames
from connector_assets.lifecycle.setting import Setting, make_sync_id
from connector_assets.lifecycle.steps import reap_all
from connector_assets.lock import lock_path
from connector_assets.model import Connector
from connector_assets.project import Project

if TYPE_CHECKING:
    from connector_assets.destinations.removal import Removal, Removed

_UNDECIDED = (DriftStatus.OPEN, DriftStatus.NOTED)
_ALIVE = (*_UNDECIDED, DriftStatus.RECORDED, DriftStatus.APPROVED)
_WORDS = {TableFate.ARCHIVE: "archived", TableFate.DROP: "dropped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalRequest:
    """What becomes of the tables, whether the file stays, and who wants it."""

    fate: TableFate
    who: str
    keep_file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedConnector:
    """What was done; ``destination`` is None where nothing of it was there, or it was not asked.

    ``version`` is the state's now, 0 where the ledger knows none. ``files`` were deleted, by their
    paths in the project.
    """

    destination: Removed | None
    version: int
    files: tuple[str, ...]


def check_removable(setting: Setting, connector: Connector, *, request: RemovalRequest) -> None:
    """Refuse what cannot be removed now; changes nothing.

    Raises:
        ConfigError: Others depend on it, a package of it waits for a decision, two files declare
            it, or nothing of it would be removed.
    """
    name, project = connector.name, setting.project
    if request.keep_file and request.fate is TableFate.KEEP:
        problem = f"nothing of {name} would be removed: its file and its tables are kept"
        fix = "Leave out --keep-file, or say what becomes of the tables: --tables archive"
        raise ConfigError(problem, place="--keep-file", connector=name, fix=fix)
    needing = [one for one in project.connectors if name in one.depends_on]
    if needing and not request.keep_file:
        raise ConfigError(
            f"other connectors depend on {name}: {', '.join(one.name for one in needing)}",
            place=", ".join(one.file.as_posix() for one in needing),
            connector=name,
            fix="Take it out of their `depends_on:`, or leave its file: --keep-file",
        )
    if len(_list_files(project, name)) > 1:
        raise ConfigErrors.collect(
            error for one in project.broken if one.name == name for error in one.errors
        )
    held = setting.ledger.packages.held(environment=project.environment, connector=name)
    if held:
        sync = held[0].sync_id
        raise ConfigError(
            f"a package of {name} is held, and nobody has decided on it",
            place=f"sync {sync}",
            connector=name,
            fix=f"connectors release {sync[:8]}, or connectors discard {sync[:8]}",
        )


def count_tables(setting: Setting, connector: Connector) -> dict[str, int]:
    """Return the rows of each of a connector's tables, child tables too; empty where it has none.

    Raises:
        ConnectorError: The destination cannot be read.
    """
    from connector_assets.destinations.connect import is_new
    from connector_assets.destinations.locks import build_patience, file_lock
    from connector_assets.destinations.owned import count_owned

    destination = connector.destination
    if is_new(destination):
        return {}
    # An environment that has not followed a rename yet has them by the old name.
    if pending := find_pending(setting, connector):
        connector = replace(connector, name=pending.formerly)
    of, root = f"destination {destination.name}", setting.project.root
    secrets = resolve_secrets(destination.secrets, of=of, root=root)
    for attempt in build_patience(setting.observer.waits):
        with attempt, file_lock(destination, purpose=f"a look at {connector.name}"):
            return count_owned(connector, secrets=secrets)
    raise AssertionError("unreachable: the last attempt raises")


def remove(setting: Setting, connector: Connector, *, request: RemovalRequest) -> RemovedConnector:
    """Remove a connector from destination, ledger and project, in this order.

    No sync of it runs meanwhile. Tables that are kept keep their state: a connector of the same
    name and dataset goes on from there. Otherwise one of its name begins from nothing.

    Raises:
        ConfigError: It cannot be removed now, or a file cannot be deleted.
        LeaseHeld: A sync of it is running. Nothing was changed.
        ConnectorError: The destination cannot be changed. Nothing was changed.
    """
    check_removable(setting, connector, request=request)
    reap_all(setting, connector)
    # A new one each time: the lease is not to be shared with another change.
    root_run_id, environment = f"remove {uuid4().hex}", setting.project.environment
    holder = make_sync_id(root_run_id, connector=connector.name, environment=environment)
    lease = take_lease(setting, connector, sync_id=holder, wait=0)
    try:
        follow_renames(setting, connector, lease=lease, who=request.who)
        removed = None
        if request.fate is not TableFate.KEEP:
            removed = _remove_tables(setting, connector, request=request, lease=lease)
            _forget(setting, connector.name)
        files: tuple[str, ...] = ()
        if not request.keep_file:
            _settle(setting, connector.name, who=request.who)
            files = _delete_files(setting.project, connector.name)
    finally:
        setting.ledger.leases.release(lease)
    latest = setting.ledger.states.latest(connector.name, environment=environment)
    return RemovedConnector(
        destination=removed, version=latest.version if latest else 0, files=files
    )


def find_unused(project: Project, connector: Connector) -> tuple[str, ...]:
    """Return where secrets of a connector come from that nothing else in the project uses."""
    others = [one.secrets for one in project.connectors if one.name != connector.name]
    others += [one.secrets for one in project.destinations.values()]
    used = {source for secrets in others for source in secrets.values()}
    own = dict.fromkeys(connector.secrets.values())
    return tuple(mask_source(source) for source in own if source not in used)


def _remove_tables(
    setting: Setting, connector: Connector, *, request: RemovalRequest, lease: Lease
) -> Removed | None:
    """Change the destination, and write into the ledger that nothing is gone on from."""
    from connector_assets.destinations.locks import file_lock
    from connector_assets.destinations.removal import remove_tables

    name, environment = connector.name, setting.project.environment
    live = look(setting, connector, purpose=f"the removal of {name}")
    latest = setting.ledger.states.latest(name, environment=environment)
    if live.version > (latest.version if latest else 0):
        reconcile(setting, connector, live)
        latest = setting.ledger.states.latest(name, environment=environment)
    removal = _build_removal(setting, connector, request=request, lease=lease)
    removed = None
    if live.version:
        with file_lock(connector.destination, purpose=f"the removal of {name}"):
            removed = remove_tables(connector, removal)
    version = removed.version if removed else 0
    if not version and latest is not None and latest.state:
        # It is gone already: this was killed on the way, or somebody dropped it by hand.
        version = removal.version + 1
    if version > removal.version:
        nothing = StateVersion(
            connector=name,
            environment=environment,
            version=version,
            state={},
            sync_id=None,
            who=removal.who,
            why=removal.why,
            at=datetime.now(UTC),
        )
        setting.ledger.states.append(nothing)
    return removed


def _build_removal(
    setting: Setting, connector: Connector, *, request: RemovalRequest, lease: Lease
) -> Removal:
    from connector_assets.destinations.removal import Removal
    from connector_assets.destinations.stamp import Stamp

    def check_lease() -> None:
        if not setting.ledger.leases.holds(lease):
            problem = "the lease went to a sync before anything was removed"
            raise LeaseLost(problem, connector=connector.name, fix="Nothing was changed.")

    project, destination = setting.project, connector.destination
    latest = setting.ledger.states.latest(connector.name, environment=project.environment)
    return Removal(
        fate=request.fate,
        version=latest.version if latest else 0,
        who=request.who,
        why=f"removed: its tables were {_WORDS[request.fate]}",
        secrets=resolve_secrets(
            destination.secrets, of=f"destination {destination.name}", root=project.root
        ),
        stamp=Stamp(project_id=project.id, environment=project.environment),
        may_commit=check_lease,
    )


def _forget(setting: Setting, name: str) -> None:
    """Let what was usual, seen and approved count no more for a connector of that name."""
    ledger, environment = setting.ledger, setting.project.environment
    ledger.batches.forget_all(name, environment=environment)
    ledger.offers.forget(name, environment=environment)
    ledger.probes.forget(name, environment=environment)
    _close_drift(setting, name, statuses=_ALIVE)


def _settle(setting: Setting, name: str, *, who: str) -> None:
    """End what goes on about a connector: its pause, its incidents, what waits for a decision."""
    ledger, environment, at = setting.ledger, setting.project.environment, datetime.now(UTC)
    ledger.pauses.resume(name, environment=environment, who=who, at=at)
    # Nothing recovered, so nobody is told so.
    ledger.incidents.close(name, environment=environment, at=at, tell=lambda _: None)
    _close_drift(setting, name, statuses=_UNDECIDED)


def _close_drift(setting: Setting, name: str, *, statuses: Collection[DriftStatus]) -> None:
    drift = setting.ledger.drift
    found = drift.find(environment=setting.project.environment, connector=name, statuses=statuses)
    drift.settle([one.id for one in found], who="removal", statuses=statuses)


def _list_files(project: Project, name: str) -> list[Path]:
    """Return the connector files of a name: more than one where two declare it."""
    usable = [one.file for one in project.connectors if one.name == name]
    return [*usable, *(one.file for one in project.broken if one.name == name)]


def _delete_files(project: Project, name: str) -> tuple[str, ...]:
    """Delete a connector's lock, and its file last; return those that were there."""
    files = [project.root / file for file in _list_files(project, name)]
    deleted = []
    for file in (lock_path(name, root=project.root), *files):
        label = file.relative_to(project.root).as_posix()
        try:
            file.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            problem = f"the file cannot be deleted: {error.strerror}"
            fix = "Everything else is removed. Let this user delete it, then remove it again."
            raise ConfigError(problem, place=label, connector=name, fix=fix) from error
        deleted.append(label)
    return tuple(deleted)
