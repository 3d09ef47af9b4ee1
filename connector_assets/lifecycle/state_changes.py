"""Changes a connector's state by hand: destination first, then the ledger, no sync beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import ConfigError, LeaseLost, StateConflict
from connector_assets.ledger.records import Lease, StateVersion
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.reconciling import look, reconcile
from connector_assets.lifecycle.setting import Setting, make_sync_id
from connector_assets.lifecycle.steps import reap
from connector_assets.model import Connector
from connector_assets.positions import BESIDE, Moved, diff_positions, list_positions

if TYPE_CHECKING:
    from connector_assets.destinations.load import LoadTarget
    from connector_assets.engines.position import Position

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
    reap(setting, connector=connector.name)
    # A new one each time: the lease is not to be shared with another change.
    root_run_id = f"state {uuid4().hex}"
    environment = setting.project.environment
    holder = make_sync_id(root_run_id, connector=connector.name, environment=environment)
    lease = take_lease(setting, connector, sync_id=holder, wait=0)
    try:
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


def write_position(
    setting: Setting, connector: Connector, *, position: Position, lease: Lease
) -> StateVersion:
    """Write a position into the destination, and what that has then into the ledger.

    Raises:
        StateConflict: The live state is another version than the position's base.
        LeaseLost: The lease went to a sync.
        ConnectorError: The destination cannot be changed. In every case nothing was changed.
    """
    version = StateVersion(
        connector=connector.name,
        environment=setting.project.environment,
        version=position.state_version,
        state=_load(setting, connector, position=position, lease=lease),
        sync_id=None,
        who=position.who,
        why=position.why,
        at=datetime.now(UTC),
    )
    setting.ledger.states.append(version)
    return version


def _load(
    setting: Setting, connector: Connector, *, position: Position, lease: Lease
) -> dict[str, Any]:
    """Load the position, and return what the destination then has of it."""
    from connector_assets.destinations.connect import connected
    from connector_assets.destinations.locks import build_patience, file_lock
    from connector_assets.destinations.readback import read_position
    from connector_assets.engines.position import load_position

    target = _build_target(setting, connector, lease=lease)
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


def _check_expected(connector: Connector, change: StateChange, *, live: int) -> None:
    if change.expect is not None and change.expect != live:
        raise StateConflict(
            f"the state of {connector.name} is version {live}, not {change.expect}",
            connector=connector.name,
            place=f"destination {connector.destination.name}",
            fix="Nothing was changed. See what was done meanwhile: connectors state diff "
            f"{connector.name} {change.expect} {live}",
        )
