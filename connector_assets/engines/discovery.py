"""What a source offers: its streams, their columns and types, as a sync would load them.

The structure comes from the code that stages: streams without rows where the source declares its
schema, a small sample where it does not. Nothing is loaded, no state is read or kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from connector_assets.audit.observe import introduce, observe
from connector_assets.audit.profile import StreamProfile
from connector_assets.credentials.redact import Redactor
from connector_assets.errors import ConnectorError
from connector_assets.lock import Lock, LockedStream
from connector_assets.model import Connector, Engine, Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredStream:
    """A stream that the source offers; a child table is one too, under the table's name.

    ``declared`` tells whether the connector has it. ``sampled``: its columns are those of a few
    rows, which proves nothing about others; without columns there were no rows at all.
    """

    name: str
    profile: StreamProfile
    declared: bool

    @property
    def sampled(self) -> bool:
        """Whether the source itself does not say which columns there are."""
        return not self.profile.declared

    @property
    def structure(self) -> LockedStream:
        """Its columns, primary key and cursor, by their names in the destination."""
        return introduce(self.profile)


def discover(
    connector: Connector,
    *,
    root: Path,
    environment: str,
    secrets: Mapping[str, str],
    scratch: Path,
) -> dict[str, DiscoveredStream]:
    """Return the streams that the source offers now, by name: the connector's own come first.

    ``secrets`` are values by name; ``scratch`` is an empty folder that the caller removes. Streams
    that the connector does not have are found where the source lists them: taps and databases.

    Raises:
        ConfigError: The source cannot be used as it is configured, or lacks a stream.
        CredentialError: It refused the secrets.
        TransientSyncError: It did not answer.
        ConnectorError: It failed otherwise.
    """
    try:
        found = list(
            _discover(
                connector, root=root, environment=environment, secrets=secrets, scratch=scratch
            )
        )
    except ConnectorError as error:
        Redactor(secrets.values()).error(error)
        raise
    return {each.name: each for each in sorted(found, key=lambda each: not each.declared)}


def _discover(
    connector: Connector,
    *,
    root: Path,
    environment: str,
    secrets: Mapping[str, str],
    scratch: Path,
) -> Iterator[DiscoveredStream]:
    if connector.engine is Engine.MELTANO:
        from connector_assets.engines.meltano_discovery import discover_tap

        return discover_tap(
            connector, root=root, environment=environment, secrets=secrets, scratch=scratch
        )
    from connector_assets.engines.dlt_discovery import discover_source

    return discover_source(connector, secrets=secrets, scratch=scratch)


def build_lock(
    connector: Connector, found: Iterable[DiscoveredStream], *, old: Lock | None
) -> Lock:
    """Return the lock of the streams that the connector has.

    What only a sample shows does not remove a column from the ``old`` lock: it may just not have
    come.
    """
    known = old.streams if old else {}
    streams = {
        each.name: _merge(known[each.name], each) if each.name in known else each.structure
        for each in found
        if each.declared
    }
    sampled = any(each.sampled for each in found if each.declared)
    kept = {name: one for name, one in known.items() if sampled and _is_child(name, of=streams)}
    return Lock(connector=connector.name, streams={**kept, **streams})


def _merge(old: LockedStream, new: DiscoveredStream) -> LockedStream:
    if not new.sampled:
        return new.structure
    seen = observe(old, new.profile, history={}, rule=Presence()).stream
    key, cursor = new.profile.primary_key, new.profile.cursor
    return LockedStream(columns=seen.columns, primary_key=key, cursor=cursor)


def _is_child(name: str, *, of: Iterable[str]) -> bool:
    return any(name.startswith(f"{parent}__") for parent in of)
