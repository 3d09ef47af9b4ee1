"""Brings the state in the destination and the versions in the ledger together, or refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import StateDivergence
from connector_assets.ledger.records import StateVersion
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector

_ADOPTED = "adopted: the destination was ahead of the ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The state that a destination has; version 0 is none.

    ``changed_by`` and ``why`` are of a person who made it; empty where it was a sync.
    """

    version: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)
    changed_by: str = ""
    why: str = ""


def look(setting: Setting, connector: Connector, *, purpose: str) -> Live:
    """Return what a connector's destination has, once it is known to be the right one.

    Raises:
        EnvironmentMismatch: It belongs to another project or environment.
        StateDivergence: The connector has another name there.
        FileLocked: Another process has the DuckDB file, after a bounded wait.
        CredentialError: A secret of the destination is missing.
    """
    from connector_assets.destinations.bookkeeping import check_name, fetch_change
    from connector_assets.destinations.connect import connected, is_new
    from connector_assets.destinations.locks import build_patience, file_lock
    from connector_assets.destinations.readback import read_position
    from connector_assets.destinations.stamp import Stamp, check_stamp

    project, destination = setting.project, connector.destination
    if is_new(destination):
        return Live()
    of = f"destination {destination.name}"
    secrets = resolve_secrets(destination.secrets, of=of, root=project.root)
    stamp = Stamp(project_id=project.id, environment=project.environment)
    for attempt in build_patience(setting.observer.waits):
        with (
            attempt,
            file_lock(destination, purpose=purpose),
            connected(destination, secrets=secrets) as connection,
        ):
            check_stamp(connection, stamp, destination=destination)
            version, state = read_position(connection, connector)
            if not version:
                check_name(connection, dataset=connector.dataset, connector=connector.name)
            change = fetch_change(connection, dataset=connector.dataset, connector=connector.name)
            who, why = change or ("", "")
            return Live(version=version, state=state, changed_by=who, why=why)
    raise AssertionError("unreachable: the last attempt raises")


def reconcile(setting: Setting, connector: Connector, live: Live, *, rebuild: bool = False) -> int:
    """Return the highest version that destination or ledger has, once they agree.

    A destination that is ahead (a sync, or a change of the state, was killed after its commit) is
    adopted: its version is written into the ledger, with who made it and why where it was a
    person. ``rebuild`` accepts a destination that has nothing any more; so does a last version that
    nothing is gone on from, as that of a connector which was removed.

    Raises:
        StateDivergence: The destination is behind the ledger.
    """
    latest = setting.ledger.states.latest(connector.name, environment=setting.project.environment)
    known = latest.version if latest else 0
    anew = rebuild or not (latest and latest.state)
    if live.version > known:
        _adopt(setting, connector, live)
    elif live.version < known and not (live.version == 0 and anew):
        raise _diverged(connector, live=live.version, known=known)
    return max(live.version, known)


def _adopt(setting: Setting, connector: Connector, live: Live) -> None:
    setting.ledger.states.append(
        StateVersion(
            connector=connector.name,
            environment=setting.project.environment,
            version=live.version,
            state=live.state,
            sync_id=None,
            who=live.changed_by or "start_dag",
            why=f"{live.why} ({_ADOPTED})" if live.why else _ADOPTED,
            at=datetime.now(UTC),
        )
    )


def _diverged(connector: Connector, *, live: int, known: int) -> StateDivergence:
    if live == 0:
        return StateDivergence(
            f"{connector.target} is empty, and the ledger knows {known} state versions of it",
            place=f"destination {connector.destination.name}",
            connector=connector.name,
            fix="Is it the right destination, and mounted? If it was removed on purpose, load it "
            f"from the beginning: connectors sync {connector.name} --rebuild",
        )
    return StateDivergence(
        f"{connector.target} is at state version {live}, the ledger knows version {known}",
        place=f"destination {connector.destination.name}",
        connector=connector.name,
        fix="Was the ledger shared with another destination? Nothing was extracted. If this one "
        "was restored from a backup, go on from what it has: "
        f"connectors state restore {connector.name} {live} --why ...",
    )
