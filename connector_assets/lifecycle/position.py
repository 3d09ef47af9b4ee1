"""Writes a position into a destination, and what that has then into the ledger."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import LeaseLost
from connector_assets.ledger.records import Lease, StateVersion
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector

if TYPE_CHECKING:
    from connector_assets.destinations.load import LoadTarget
    from connector_assets.engines.position import Position


def write_position(
    setting: Setting, connector: Connector, *, position: Position, lease: Lease
) -> StateVersion:
    """Write a position into the destination, and what that has then into the ledger.

    Raises:
        StateConflict: The live state is another version than the position's base.
        LeaseLost: The lease went to a sync.
        ConnectorError: The destination cannot be changed. In every case nothing was changed.
    """
    version = put_position(setting, connector, position=position, leases=(lease,))
    setting.ledger.states.append(version)
    return version


def put_position(
    setting: Setting, connector: Connector, *, position: Position, leases: tuple[Lease, ...]
) -> StateVersion:
    """Write a position into the destination alone; return what the ledger does not know yet.

    Raises:
        StateConflict: The live state is another version than the position's base.
        LeaseLost: One of the leases went to a sync.
        ConnectorError: The destination cannot be changed. In every case nothing was changed.
    """
    from connector_assets.destinations.connect import connected
    from connector_assets.destinations.locks import build_patience, file_lock
    from connector_assets.destinations.readback import read_position
    from connector_assets.engines.position import load_position

    target = _build_target(setting, connector, leases=leases)
    work = setting.project.home
    work.mkdir(parents=True, exist_ok=True)
    for attempt in build_patience(setting.observer.waits):
        with (
            attempt,
            tempfile.TemporaryDirectory(prefix="state-", dir=work) as scratch,
            file_lock(connector.destination, purpose=f"the state of {connector.name}"),
        ):
            load_position(connector, position, folder=Path(scratch), target=target)
            with connected(connector.destination, secrets=target.secrets) as connection:
                return StateVersion(
                    connector=connector.name,
                    environment=setting.project.environment,
                    version=position.state_version,
                    state=read_position(connection, connector)[1],
                    sync_id=None,
                    who=position.who,
                    why=position.why,
                    at=datetime.now(UTC),
                )
    raise AssertionError("unreachable: the last attempt raises")


def _build_target(
    setting: Setting, connector: Connector, *, leases: tuple[Lease, ...]
) -> LoadTarget:
    from connector_assets.destinations.load import LoadTarget
    from connector_assets.destinations.stamp import Stamp

    def check_leases() -> None:
        if not all(setting.ledger.leases.holds(one) for one in leases):
            problem = "the lease went to a sync before the state was committed"
            raise LeaseLost(problem, connector=connector.name, fix="Nothing was changed.")

    project, destination = setting.project, connector.destination
    of = f"destination {destination.name}"
    return LoadTarget(
        destination=destination,
        scratch=project.home,
        secrets=resolve_secrets(destination.secrets, of=of, root=project.root),
        stamp=Stamp(project_id=project.id, environment=project.environment),
        may_commit=check_leases,
    )
