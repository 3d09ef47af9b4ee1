"""What an environment has of a connector by old names, and whether it can have the new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import ConfigError
from connector_assets.ledger.leases import refuse
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector
from connector_assets.naming import follow_name, list_renamed, table_name
from connector_assets.positions import list_positions

if TYPE_CHECKING:
    from connector_assets.destinations.renaming import Standing

#: What the reason of every version of a state says that a rename made.
RENAMED = "renamed from"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What an environment has by old names; ``formerly`` is the connector's own where only streams.

    ``streams`` are those that the destination has, by their old names; ``known`` those of the
    ledger, child tables included. ``loaded`` tells whether the destination has to be changed.
    """

    formerly: str
    streams: Mapping[str, str]
    known: Mapping[str, str]
    loaded: bool

    def tell(self, connector: Connector) -> str:
        """Return what is renamed, in words."""
        words = [f"{RENAMED} {self.formerly}"] if self.formerly != connector.name else []
        streams = self.streams or self.known
        words += (f"stream {new} {RENAMED} {old}" for old, new in streams.items())
        return "; ".join(words)


def check_free(setting: Setting, connector: Connector) -> None:
    """Make sure that no sync of a connector runs, by its name or one that it had.

    Raises:
        LeaseHeld: One does; names it.
    """
    environment = setting.project.environment
    for name in (connector.name, *connector.renamed_from):
        holder = setting.ledger.leases.holder(name, environment=environment)
        if holder is not None:
            raise refuse(holder, connector=name, environment=environment)


def find_pending(setting: Setting, connector: Connector) -> Pending | None:
    """Return what an environment has by a connector's old names; None where there is nothing.

    Raises:
        ConfigError: It cannot become one with what is there by the new ones.
        EnvironmentMismatch: The destination belongs to another project or environment.
        ConnectorError: The destination cannot be read. Nothing is written.
    """
    renamed = list_renamed(connector)
    if not (connector.renamed_from or renamed):
        return None
    environment, renames = setting.project.environment, setting.ledger.renames
    standing = _look(setting, connector)
    names = connector.renamed_from
    formerly = next((one for one in names if one in standing.versions), "") or next(
        (one for one in names if renames.knows(one, environment=environment)), connector.name
    )
    streams = _find_streams(connector, standing, renamed=renamed)
    listed = {
        name
        for one in {connector.name, formerly}
        for name in renames.streams(one, environment=environment)
    }
    declared = {one.name for one in connector.streams}
    called = {one: follow_name(one, renamed=renamed, declared=declared) for one in sorted(listed)}
    known = {old: new for old, new in called.items() if old != new}
    if formerly == connector.name and not (streams or known):
        return None
    pending = Pending(
        formerly=formerly,
        streams=streams,
        known=known,
        loaded=formerly in standing.versions and (formerly != connector.name or bool(streams)),
    )
    _check(setting, connector, pending, standing=standing)
    return pending


def _look(setting: Setting, connector: Connector) -> Standing:
    """Return what the destination has by all names; nothing where it is not there yet."""
    from connector_assets.destinations.connect import connected, is_new
    from connector_assets.destinations.locks import build_patience, file_lock
    from connector_assets.destinations.renaming import Standing, find_standing
    from connector_assets.destinations.stamp import Stamp, check_stamp

    project, destination = setting.project, connector.destination
    if is_new(destination):
        return Standing()
    of = f"destination {destination.name}"
    secrets = resolve_secrets(destination.secrets, of=of, root=project.root)
    stamp = Stamp(project_id=project.id, environment=project.environment)
    names = (connector.name, *connector.renamed_from)
    streams = list_renamed(connector)
    for attempt in build_patience(setting.observer.waits):
        with (
            attempt,
            file_lock(destination, purpose=f"a look at {connector.name}"),
            connected(destination, secrets=secrets) as connection,
        ):
            check_stamp(connection, stamp, destination=destination)
            return find_standing(
                connection,
                connectors=[replace(connector, name=name) for name in names],
                tables={table_name(one) for pair in streams.items() for one in pair},
            )
    raise AssertionError("unreachable: the last attempt raises")


def _find_streams(
    connector: Connector, standing: Standing, *, renamed: Mapping[str, str]
) -> dict[str, str]:
    """Return the renamed streams that have a table or a position by an old name, the newest one."""
    kept = list_positions(standing.state)
    found: dict[str, str] = {}
    for old, new in renamed.items():
        moves = table_name(old) != table_name(new) and table_name(old) in standing.rows
        resources = list_moved(connector, {old: new})
        if (moves or any(one in kept for one in resources)) and new not in found.values():
            found[old] = new
    return found


def list_moved(connector: Connector, renamed: Mapping[str, str]) -> dict[str, str]:
    """Return the names by which a state keeps positions of renamed streams, with the new ones."""
    from connector_assets.engines.refresh import list_resources

    moved: dict[str, str] = {}
    for old, new in renamed.items():
        streams = [one for one in connector.streams if one.name == new]
        named = [
            list_resources(
                replace(connector, streams=tuple(replace(s, name=name) for s in streams))
            )
            for name in (old, new)
        ]
        moved |= dict(zip(*named, strict=True))
    return moved


def _check(setting: Setting, connector: Connector, pending: Pending, *, standing: Standing) -> None:
    environment, ledger = setting.project.environment, setting.ledger
    place = f"environment {environment}"
    if held := ledger.packages.held(environment=environment, connector=pending.formerly):
        sync = held[0].sync_id
        raise ConfigError(
            f"{connector.name}: {pending.tell(connector)}, and a package is held of before that",
            place=place,
            connector=connector.name,
            fix=f"Drop it: connectors discard {sync}. Or load it, with the files of before the"
            f" rename: connectors release {sync}",
        )
    if pending.formerly != connector.name and pending.loaded:
        own = connector.name in standing.versions or ledger.states.latest(
            connector.name, environment=environment
        )
        if own:
            raise ConfigError(
                f"{connector.name} is renamed from {pending.formerly}, and both have a state here",
                place=place,
                connector=connector.name,
                fix="Nothing was changed. Give it a name that has no history, or remove "
                "`renamed_from:` and let it go on with its own.",
            )
    for old, new in pending.streams.items():
        both = [_count(connector, standing, table=table_name(one)) for one in (old, new)]
        if table_name(old) != table_name(new) and all(both):
            raise ConfigError(
                f"the stream {new!r} is renamed from {old!r}, and both have a table with rows: "
                f"{both[0]:,} and {both[1]:,}",
                place=connector.target,
                connector=connector.name,
                stream=new,
                fix="Nothing was changed. Remove `renamed_from:` and go on with the new one. To "
                "have the old one in its place, empty that then, and put the line back: "
                f"connectors clear {connector.name} --stream {new}",
            )


def _count(connector: Connector, standing: Standing, *, table: str) -> int:
    others = {one.table for one in connector.streams} - {table}
    return sum(
        rows
        for name, rows in standing.rows.items()
        if (name == table or name.startswith(f"{table}__")) and name not in others
    )
