"""A position without rows: what a person, or another tool, says of a state, loaded as a sync's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from connector_assets.destinations.bookkeeping import LoadRecord, name_change, name_rename
from connector_assets.destinations.load import LoadTarget, load_package
from connector_assets.destinations.package import Package
from connector_assets.destinations.restore import restore
from connector_assets.engines.refresh import list_tables
from connector_assets.engines.renaming import Renaming, Reopened, open_renamed
from connector_assets.engines.staging import open_pipeline
from connector_assets.errors import ConfigError, StateConflict, StateDivergence
from connector_assets.model import Connector, Engine
from connector_assets.positions import SINGER_SOURCE, find_marked

if TYPE_CHECKING:
    from dlt import Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The ``sources`` of dlt's state, as the ledger keeps them, in the place of a live version.

    ``base_version`` is that version, 0 for none; ``state_version`` the one that it becomes. Of the
    streams ``emptied`` the tables lose their rows, too. With ``renaming`` the connector has the
    live version by another name, or streams of it have; ``sources`` have the new ones.
    """

    sources: Mapping[str, Any]
    base_version: int
    state_version: int
    who: str
    why: str
    emptied: tuple[str, ...] = ()
    renaming: Renaming | None = None


def load_position(
    connector: Connector, position: Position, *, folder: Path, target: LoadTarget
) -> LoadRecord:
    """Make ``position`` the connector's state, in one transaction; return its record.

    The next sync goes on from it. ``folder`` is for the package, which has no rows; the caller
    holds the connector's lease and the file lock.

    Raises:
        StateConflict: The live state is another version, or got one meanwhile.
        ConfigError: A value in it is none that dlt could read.
        EnvironmentMismatch: The destination belongs to another project or environment.
        TransientSyncError: The destination is locked or not reached. In every case nothing was
            changed.
    """
    staged, renaming = folder / "staged", position.renaming
    opened = _open(connector, position, staged=staged, target=target)
    pipeline = opened.pipeline
    _stage(pipeline, connector, position=position)
    chosen = tuple(one for one in connector.streams if one.name in position.emptied)
    package = Package(
        package_id=f"state-{uuid4().hex}",
        sync_id=_name(position),
        connector=connector.name,
        dataset=connector.dataset,
        folder=staged,
        base_version=position.base_version,
        state_version=position.state_version,
        streams=(),
        emptied=list_tables(pipeline, replace(connector, streams=chosen)),
        formerly=renaming.formerly if renaming and renaming.formerly != connector.name else "",
        renamed=opened.tables,
    )
    try:
        return load_package(package, replace(target, scratch=folder / "loading"))
    except StateDivergence as error:
        raise _conflict(connector, expected=position.base_version, live=None) from error


def _name(position: Position) -> str:
    who, why = position.who, position.why
    if position.renaming:
        return name_rename(who=who, why=why, formerly=position.renaming.formerly)
    return name_change(who=who, why=why)


def _open(
    connector: Connector, position: Position, *, staged: Path, target: LoadTarget
) -> Reopened:
    """Return a pipeline with the destination's state, which is the position's base."""
    if position.renaming:
        opened = open_renamed(connector, position.renaming, folder=staged, target=target)
    else:
        pipeline = open_pipeline(
            staged,
            connector=connector.name,
            dataset=connector.dataset,
            kind=connector.destination.kind,
        )
        base = restore(
            pipeline,
            destination=connector.destination,
            secrets=target.secrets,
            connector=connector.name,
        )
        opened = Reopened(pipeline=pipeline, version=base, tables={})
    if opened.version != position.base_version:
        raise _conflict(connector, expected=position.base_version, live=opened.version)
    return opened


def _stage(pipeline: Pipeline, connector: Connector, *, position: Position) -> None:
    """Make a package of the state alone in the pipeline's folder; none where it is as before."""
    from dlt.common.schema import Schema

    if not pipeline.default_schema_name:
        # Of the name that the first sync gives it: dlt keeps no state without a schema.
        usual = SINGER_SOURCE if connector.engine is Engine.MELTANO else connector.name
        name = next(iter(position.sources), usual)
        pipeline.schemas.save_schema(Schema(name))
        vars(pipeline)["default_schema_name"] = name
    sources = _read(position.sources, connector)
    with pipeline.managed_state(extract_state=True) as state:
        state["sources"] = sources
    pipeline.normalize()


def _read(sources: Mapping[str, Any], connector: Connector) -> Any:
    """Return the sources with the values that dlt has in the place of marked texts."""
    from dlt.common import json as typed

    read = typed.typed_loads(json.dumps(sources))
    # dlt takes what it cannot read for a text, and the next sync would compare that with times.
    unread = find_marked(read)
    if unread is not None:
        raise ConfigError(
            f"the state has a value that cannot be read: {unread!r}",
            connector=connector.name,
            fix="Nothing was changed. A time is 2026-11-22T01:58:00+00:00, a date 2026-11-22.",
        )
    return read


def _conflict(connector: Connector, *, expected: int, live: int | None) -> StateConflict:
    problem = f"{connector.target} was at state version {expected}, and is at {live} now"
    if live is None:
        problem = f"{connector.target} got a state meanwhile that is not of version {expected}"
    elif expected == 0:
        problem = f"{connector.target} has a state already, of version {live}"
    return StateConflict(
        problem,
        connector=connector.name,
        place=f"destination {connector.destination.name}",
        fix=f"Nothing was changed. Look again: connectors state log {connector.name}",
    )
