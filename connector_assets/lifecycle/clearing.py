"""Drops what a connector has loaded, and where it would go on, together or not at all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import ConfigError
from connector_assets.lifecycle.setting import Setting
from connector_assets.lifecycle.state_changes import (
    Changed,
    StateChange,
    change_state,
    list_names,
)
from connector_assets.model import Connector
from connector_assets.positions import forget_positions


def count_loaded(
    setting: Setting, connector: Connector, streams: Collection[str]
) -> dict[str, int]:
    """Return the rows in the tables of some streams, or all, by stream; child tables not counted.

    Raises:
        ConfigError: A stream is not the connector's, or the connector has loaded nothing.
        ConnectorError: The destination cannot be read.
    """
    from connector_assets.destinations.bookkeeping import fetch_version
    from connector_assets.destinations.connect import connected, is_new
    from connector_assets.destinations.counts import count_total
    from connector_assets.destinations.locks import build_patience, file_lock

    chosen = _select(connector, streams)
    destination, dataset = connector.destination, connector.dataset
    if is_new(destination):
        raise _nothing(connector)
    of, root = f"destination {destination.name}", setting.project.root
    secrets = resolve_secrets(destination.secrets, of=of, root=root)
    for attempt in build_patience(setting.observer.waits):
        with (
            attempt,
            file_lock(destination, purpose=f"a look at {connector.name}"),
            connected(destination, secrets=secrets) as connection,
        ):
            if not fetch_version(connection, dataset=dataset, connector=connector.name):
                raise _nothing(connector)
            return {
                one.name: count_total(connection, dataset=dataset, table=one.table) or 0
                for one in chosen.streams
            }
    raise AssertionError("unreachable: the last attempt raises")


def clear(setting: Setting, connector: Connector, streams: Collection[str], *, who: str) -> Changed:
    """Empty the tables of some streams, or all, and forget their positions, in one transaction.

    The tables stay, with their columns: so do views on them. Of all streams, what the source keeps
    beside them is forgotten too.

    Raises:
        ConfigError: A stream is not the connector's.
        LeaseHeld: A sync of the connector is running.
        ConnectorError: The destination cannot be changed. In every case nothing was changed.
    """
    chosen = _select(connector, streams)
    emptied = tuple(one.name for one in chosen.streams)
    names = list_names(connector, emptied, state={}) if streams else ()
    change = StateChange(
        who=who,
        why=f"cleared: {', '.join(emptied)}",
        make=lambda state: forget_positions(state, streams=names),
        emptied=emptied,
    )
    return change_state(setting, connector, change=change)


def _select(connector: Connector, streams: Collection[str]) -> Connector:
    list_names(connector, streams, state={})
    chosen = tuple(one for one in connector.streams if not streams or one.name in streams)
    return replace(connector, streams=chosen)


def _nothing(connector: Connector) -> ConfigError:
    return ConfigError(
        f"{connector.name} has nothing in {connector.target}",
        connector=connector.name,
        fix=f"There is nothing to clear. To load it: connectors sync {connector.name}",
    )
