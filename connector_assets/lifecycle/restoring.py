"""An earlier version of a state, as the connector and its streams are called now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connector_assets.errors import ConfigError
from connector_assets.ledger.records import StateVersion
from connector_assets.lifecycle.former_names import RENAMED, list_moved
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector
from connector_assets.naming import list_renamed
from connector_assets.positions import BESIDE, list_positions, rename_positions, take_positions

State = Mapping[str, Any]
#: Versions that are looked through for a rename.
_LOOKED_AT = 1000


def restore_positions(
    setting: Setting,
    connector: Connector,
    old: StateVersion,
    *,
    live: State,
    streams: Collection[str],
) -> dict[str, Any]:
    """Return the live state with the positions of an earlier version: of some streams, or all.

    Names that the connector, or its streams, had then are those that they have now, as
    ``renamed_from`` has them.

    Raises:
        ConfigError: A rename came after the version, and the file does not tell of it any more.
    """
    renamed = list_moved(connector, list_renamed(connector))
    known = live.get("sources") or {}
    # Not a source in Python that has its own name, which is that of the connector by chance.
    sources = {one: connector.name for one in connector.renamed_from if one not in known}
    state = rename_positions(old.state, streams=renamed, sources=sources)
    unknown = _find_unknown(connector, state, live=live, streams=streams)
    if unknown and _was_renamed(setting, connector, since=old.version):
        raise ConfigError(
            f"version {old.version} is of before a rename, and knows {unknown!r}",
            place=str(connector.file),
            connector=connector.name,
            fix="Nothing was changed. Put `renamed_from:` back into the file, or restore the other "
            "streams with --stream.",
        )
    return take_positions(live, of=state, streams=streams)


def _find_unknown(
    connector: Connector, state: State, *, live: State, streams: Collection[str]
) -> str:
    """Return a source or a stream of a state that is none of now; empty where there is none."""
    sources, known = state.get("sources") or {}, live.get("sources") or {}
    named = {BESIDE, *list_positions(live), *(one.name for one in connector.streams)}
    wanted = {one for one in list_positions(state) if not streams or one in streams}
    return next(
        iter(sorted({*(set(sources) - set(known) if known else ()), *(wanted - named)})), ""
    )


def _was_renamed(setting: Setting, connector: Connector, *, since: int) -> bool:
    versions = setting.ledger.states.versions(
        connector.name, environment=setting.project.environment, limit=_LOOKED_AT
    )
    return any(one.version > since and RENAMED in one.why for one in versions if not one.sync_id)
