"""Changes a connector's state by hand: destination first, then the ledger, no sync beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from connector_assets.errors import ConfigError, StateConflict
from connector_assets.ledger.records import Lease
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.position import write_position
from connector_assets.lifecycle.reconciling import look, reconcile
from connector_assets.lifecycle.renaming import follow_renames
from connector_assets.lifecycle.setting import Setting, make_sync_id
from connector_assets.lifecycle.steps import reap_all
from connector_assets.model import Connector
from connector_assets.positions import BESIDE, Moved, diff_positions, list_positions

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """What becomes of a state: ``make`` gets the live one and returns another.

    With ``expect`` the live version has to be that one. ``emptied`` are streams whose tables lose
    their rows in the same transaction. ``behind`` accepts a destination that has an older version
    than the ledger, as after a backup was restored.
    """

    who: str
    why: str
    make: Callable[[State], State]
    expect: int | None = None
    emptied: tuple[str, ...] = ()
    behind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The version that a connector has now, and what moved; not ``written`` where nothing did."""

    version: int
    moved: tuple[Moved, ...]
    written: bool = True


def change_state(setting: Setting, connector: Connector, *, change: StateChange) -> Changed:
    """Change a connector's state in the destination and in the ledger, as a new version.

    No sync of the connector runs meanwhile. Where this process ends between destination and
    ledger, the next start of the connector brings the ledger up to date. A change to what is there
    already writes nothing.

    Raises:
        StateConflict: The state is another version than was expected.
        StateDivergence: The destination is behind the ledger.
        LeaseHeld: A sync of the connector is running.
        ConfigError: The new state cannot be made of the live one.
        ConnectorError: The destination cannot be changed. In every case nothing was changed.
    """
    reap_all(setting, connector)
    # A new one each time: the lease is not to be shared with another change.
    root_run_id = f"state {uuid4().hex}"
    environment = setting.project.environment
    holder = make_sync_id(root_run_id, connector=connector.name, environment=environment)
    lease = take_lease(setting, connector, sync_id=holder, wait=0)
    try:
        follow_renames(setting, connector, lease=lease, who=change.who)
        return _change(setting, connector, change=change, lease=lease)
    finally:
        setting.ledger.leases.release(lease)


def list_names(connector: Connector, streams: Collection[str], *, state: State) -> tuple[str, ...]:
    """Return the names under which a state keeps the positions of some streams; none for all.

    A stream that the connector does not have any more is one while ``state`` knows it.

    Raises:
        ConfigError: One of them is neither the connector's nor in the state.
    """
    from connector_assets.engines.refresh import list_resources

    kept = set(list_positions(state)) - {BESIDE}
    declared = {one.name for one in connector.streams}
    for name in streams:
        if name not in kept | declared:
            raise ConfigError(
                f"{connector.name} has no stream {name!r}",
                place="--stream",
                value=name,
                valid=sorted(kept | declared),
                connector=connector.name,
            )
    chosen = tuple(one for one in connector.streams if one.name in streams)
    return tuple({*streams, *list_resources(replace(connector, streams=chosen))})


def _change(
    setting: Setting, connector: Connector, *, change: StateChange, lease: Lease
) -> Changed:
    from connector_assets.engines.position import Position

    live = look(setting, connector, purpose=f"a change of the state of {connector.name}")
    latest = setting.ledger.states.latest(connector.name, environment=setting.project.environment)
    known = latest.version if latest else 0
    behind = change.behind and 0 < live.version < known
    if not behind:
        known = reconcile(setting, connector, live)
    _check_expected(connector, change, live=live.version)
    state = change.make(live.state)
    moved = diff_positions(live.state, state)
    if not (moved or change.emptied or behind):
        return Changed(version=live.version, moved=(), written=False)
    position = Position(
        sources=state.get("sources") or {},
        base_version=live.version,
        state_version=known + 1,
        who=change.who,
        why=change.why,
        emptied=change.emptied,
    )
    write_position(setting, connector, position=position, lease=lease)
    return Changed(version=position.state_version, moved=moved)


def _check_expected(connector: Connector, change: StateChange, *, live: int) -> None:
    if change.expect is not None and change.expect != live:
        raise StateConflict(
            f"the state of {connector.name} is version {live}, not {change.expect}",
            connector=connector.name,
            place=f"destination {connector.destination.name}",
            fix="Nothing was changed. See what was done meanwhile: connectors state diff "
            f"{connector.name} {change.expect} {live}",
        )
