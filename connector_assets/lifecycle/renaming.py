"""Lets an environment follow what was renamed in the project's files: destination, then ledger.

The files are renamed once; each environment has its own ledger and destinations, and follows at the
next start of the connector there.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from connector_assets.ledger.records import Lease, StateVersion
from connector_assets.ledger.renames import Rename
from connector_assets.lifecycle.former_names import Pending, find_pending, list_moved
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.position import put_position
from connector_assets.lifecycle.reconciling import look, reconcile
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector, Engine
from connector_assets.positions import rename_positions

if TYPE_CHECKING:
    from connector_assets.engines.renaming import Renaming

#: Who renames where no person does.
BY_START = "start_dag"


def follow_renames(
    setting: Setting, connector: Connector, *, lease: Lease, who: str = BY_START
) -> Pending | None:
    """Give what is known of a connector its new names, and return what that was; None for nothing.

    One transaction in the destination, which makes a version of the state, then one in the ledger.
    Where this process ends between the two, the next start does the second. ``lease`` is the
    connector's; no sync runs by its old name meanwhile.

    Raises:
        LeaseHeld: A sync by the old name is running.
        ConfigError: A package is held, or both names have what cannot be in one.
        StateDivergence: The destination does not have the state that the ledger knows.
        ConnectorError: The destination cannot be changed. In every case nothing was changed.
    """
    pending = find_pending(setting, connector)
    if pending is None:
        return None
    former = replace(connector, name=pending.formerly)
    leases = [lease]
    with ExitStack() as stack:
        if former.name != connector.name:
            old = take_lease(setting, former, sync_id=lease.sync_id, wait=0)
            stack.callback(setting.ledger.leases.release, old)
            leases.append(old)
            # A sync by the old name may have ended since.
            pending = find_pending(setting, connector) or pending
        version = None
        if pending.loaded:
            version = _put(setting, connector, pending, leases=tuple(leases), who=who)
        rename = Rename(
            connector=connector.name,
            environment=setting.project.environment,
            formerly=pending.formerly,
            streams=pending.known,
        )
        setting.ledger.renames.follow(rename, version=version)
    setting.observer.notes(f"{connector.name}: {pending.tell(connector)}")
    return pending


def _put(
    setting: Setting,
    connector: Connector,
    pending: Pending,
    *,
    leases: tuple[Lease, ...],
    who: str,
) -> StateVersion:
    """Rename in the destination; return the version of the state that it has then."""
    from connector_assets.engines.position import Position

    former = replace(connector, name=pending.formerly)
    live = look(setting, former, purpose=f"the rename of {pending.formerly}")
    known = reconcile(setting, former, live)
    renaming = _build_renaming(setting, connector, pending)
    state = rename_positions(
        live.state,
        streams=list_moved(connector, pending.streams),
        sources=renaming.sources,
    )
    position = Position(
        sources=state.get("sources") or {},
        base_version=live.version,
        state_version=known + 1,
        who=who,
        why=pending.tell(connector),
        renaming=renaming,
    )
    return put_position(setting, connector, position=position, leases=leases)


def _build_renaming(setting: Setting, connector: Connector, pending: Pending) -> Renaming:
    from connector_assets.engines.renaming import Renaming
    from connector_assets.engines.source_name import ask_source_name

    sources: dict[str, str] = {}
    # A tap's state is kept under a name that is nobody's; a source in Python can have its own.
    if pending.formerly != connector.name and connector.engine is Engine.DLT:
        project = setting.project
        name = ask_source_name(connector, root=project.root, environment=project.environment)
        if name == connector.name:
            sources[pending.formerly] = name
    return Renaming(formerly=pending.formerly, streams=pending.streams, sources=sources)
