"""Carries a state over from a Meltano project: the first version of a connector's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector_assets.errors import StateConflict, StateDivergence
from connector_assets.ledger.records import StateVersion
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.position import write_position
from connector_assets.lifecycle.setting import Setting, make_sync_id
from connector_assets.model import Connector
from connector_assets.positions import SINGER_KEY, SINGER_SOURCE

_KEEPS_ITS_OWN = (
    "Nothing was changed. A sync goes on from that state; `connectors import meltano --state skip` "
    "imports the file alone."
)


def check_stateless(setting: Setting, connector: str, *, fix: str = _KEEPS_ITS_OWN) -> None:
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
            fix=fix,
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
    from connector_assets.engines.position import Position

    check_stateless(setting, connector.name)
    environment = setting.project.environment
    sync_id = make_sync_id(
        f"import meltano {origin}", connector=connector.name, environment=environment
    )
    lease = take_lease(setting, connector, sync_id=sync_id, wait=0)
    try:
        check_stateless(setting, connector.name)
        position = Position(
            sources={SINGER_SOURCE: {SINGER_KEY: state}},
            base_version=0,
            state_version=1,
            who=who,
            why=f"carried over from Meltano's state {origin}",
        )
        return write_position(setting, connector, position=position, lease=lease)
    except StateConflict as error:
        raise StateDivergence(
            error.problem, connector=connector.name, place=error.place, fix=_KEEPS_ITS_OWN
        ) from error
    finally:
        setting.ledger.leases.release(lease)
