"""Carries a state over from a Meltano project: the first version of a connector's own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import LeaseLost, StateDivergence
from connector_assets.ledger.records import Lease, StateVersion
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.setting import Setting, make_sync_id
from connector_assets.model import Connector

if TYPE_CHECKING:
    from connector_assets.destinations.load import LoadTarget

_KEEPS_ITS_OWN = (
    "Nothing was changed. A sync goes on from that state; `connectors import meltano --state skip` "
    "imports the file alone."
)


def check_stateless(setting: Setting, connector: str) -> None:
    """Make sure that the ledger knows no state of a connector.

    Raises:
        StateDivergence: It knows one.
    """
    known = setting.ledger.states.latest(connector, environment=setting.project.environment)
    if known is not None:
        raise StateDivergence(
            f"{connector} has a state already, of version {known.version} ({known.why})",
            connector=connector,
            place=f"environment {setting.project.environment}",
            fix=_KEEPS_ITS_OWN,
        )


def carry_state(
    setting: Setting, connector: Connector, *, state: Mapping[str, Any], origin: str, who: str
) -> StateVersion:
    """Make a tap's ``state`` the connector's first one; no sync runs meanwhile.

    It is in the destination by one transaction, and in the ledger after it; where this process
    ends between the two, the next sync adopts it. ``origin`` is Meltano's id of the state.

    Raises:
        StateDivergence: The connector has a state, in the ledger or in the destination.
        LeaseHeld: A sync of the connector is running.
        CredentialError: A secret of the destination is missing.
        ConnectorError: The destination cannot be loaded. In every case nothing was changed.
    """
    check_stateless(setting, connector.name)
    environment = setting.project.environment
    sync_id = make_sync_id(
        f"import meltano {origin}", connector=connector.name, environment=environment
    )
    lease = take_lease(setting, connector, sync_id=sync_id, wait=0)
    try:
        check_stateless(setting, connector.name)
        kept = _load(setting, connector, state=state, lease=lease)
        version = StateVersion(
            connector=connector.name,
            environment=environment,
            version=1,
            state=kept,
            sync_id=None,
            who=who,
            why=f"carried over from Meltano's state {origin}",
            at=datetime.now(UTC),
        )
        setting.ledger.states.append(version)
    finally:
        setting.ledger.leases.release(lease)
    return version


def _load(
    setting: Setting, connector: Connector, *, state: Mapping[str, Any], lease: Lease
) -> dict[str, Any]:
    """Load the state, and return what the destination then has of it."""
    from connector_assets.destinations.connect import connected
    from connector_assets.destinations.locks import build_patience, file_lock
    from connector_assets.destinations.readback import read_position
    from connector_assets.singer.position import load_position

    target = _build_target(setting, connector, lease=lease)
    work = setting.project.home
    work.mkdir(parents=True, exist_ok=True)
    for attempt in build_patience(setting.observer.waits):
        with (
            attempt,
            tempfile.TemporaryDirectory(prefix="import-", dir=work) as scratch,
            file_lock(connector.destination, purpose=f"import of {connector.name}"),
        ):
            folder = Path(scratch)
            load_position(
                connector,
                state=state,
                sync_id=lease.sync_id,
                folder=folder,
                target=replace(target, scratch=folder / "loading"),
            )
            with connected(connector.destination, secrets=target.secrets) as connection:
                return read_position(connection, connector)[1]
    raise AssertionError("unreachable: the last attempt raises")


def _build_target(setting: Setting, connector: Connector, *, lease: Lease) -> LoadTarget:
    from connector_assets.destinations.load import LoadTarget
    from connector_assets.destinations.stamp import Stamp

    def check_lease() -> None:
        if not setting.ledger.leases.holds(lease):
            problem = "the lease went to a sync before the state was committed"
            raise LeaseLost(problem, connector=connector.name, fix="Nothing was changed.")

    project, destination = setting.project, connector.destination
    of = f"destination {destination.name}"
    return LoadTarget(
        destination=destination,
        scratch=project.home,
        secrets=resolve_secrets(destination.secrets, of=of, root=project.root),
        stamp=Stamp(project_id=project.id, environment=project.environment),
        may_commit=check_lease,
    )
