"""What an extractor offers: its streams, as its catalog describes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from connector_assets.audit.drift import Drift
from connector_assets.engines.meltano_plugin import describe_replication
from connector_assets.errors import ConfigError, ConnectorError, DriftBlocked, StreamMissing
from connector_assets.model import Connector, DriftKind, Stream, WriteDisposition
from connector_assets.naming import column_name, snake_case

_Error = TypeVar("_Error", bound=ConnectorError)
_REPLICATION = ("replication-method", "replication-key")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStream:
    """A stream of a catalog: its JSON schema, and ``metadata`` of the stream itself.

    ``cursor`` is the property that could be followed, ``followed`` the one that the tap says it
    follows, ``method`` how it says that it reads; both are empty where it does not say.
    ``excluded`` are the properties that the tap will not send.
    """

    name: str
    schema: Mapping[str, Any]
    primary_key: tuple[str, ...] = ()
    cursor: str = ""
    followed: str = ""
    method: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()

    @property
    def selected_schema(self) -> dict[str, Any]:
        """The schema without the properties that will not be sent."""
        properties = self.schema.get("properties") or {}
        kept = {name: one for name, one in properties.items() if name not in self.excluded}
        return {**self.schema, "properties": kept}

    @property
    def selected(self) -> bool:
        """Whether the tap is asked for it, in the metadata or in the way of old catalogs."""
        return True in (self.metadata.get("selected"), self.schema.get("selected"))

    @property
    def properties(self) -> tuple[str, ...]:
        """The names of its properties; empty where the schema names none."""
        return tuple(self.schema.get("properties") or ())


def load_catalog(file: Path) -> dict[str, CatalogStream] | None:
    """Return the streams of a catalog file by name; None where there is no usable one."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {each.name: each for each in parse_catalog(content)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def parse_catalog(catalog: Mapping[str, Any]) -> Iterator[CatalogStream]:
    """Yield the streams of a Singer catalog; what a field does not say, its metadata may."""
    for entry in catalog["streams"]:
        facts = _root_metadata(entry)
        keys = entry.get("key_properties") or facts.get("table-key-properties") or ()
        followed = entry.get("replication_key") or facts.get("replication-key") or ""
        methods = (facts.get("replication-method"), entry.get("replication_method"))
        valid = list(facts.get("valid-replication-keys") or ())
        yield CatalogStream(
            name=entry["tap_stream_id"],
            schema=entry["schema"],
            primary_key=tuple(keys),
            cursor=followed or (valid[0] if len(valid) == 1 else ""),
            followed=followed,
            method=next(filter(None, (*methods, facts.get("forced-replication-method"))), ""),
            metadata=facts,
            excluded=frozenset(_excluded(entry)),
        )


def check_offered(
    connector: Connector, *, catalog: Mapping[str, CatalogStream], known: Collection[str] = ()
) -> None:
    """Check that the extractor offers every stream of the connector.

    A tap passes over what it does not know: without this, a misspelt stream is an empty one. A
    ``known`` stream was read before: that it is gone is for the audit gate to say.

    Raises:
        StreamMissing: A stream is not in the catalog.
    """
    for stream in connector.streams:
        if stream.name not in catalog and stream.name not in known:
            error = StreamMissing(
                f"{connector.source} offers no stream {stream.name!r}",
                valid=sorted(catalog),
                value=stream.name,
                fix="" if catalog else "With this configuration it offers none at all.",
            )
            raise _locate(error, connector=connector, stream=stream)


def check_rules(
    connector: Connector, *, catalog: Mapping[str, CatalogStream], known: Collection[str] = ()
) -> None:
    """Check a catalog as the tap gets it: the project's and the connector's rules are applied.

    Raises:
        ConfigError: A stream is not in it, is not selected, or is not read by its cursor; or a
            cursor is no property.
        DriftBlocked: A ``known`` stream has lost the key that it is merged by.
    """
    check_offered(connector, catalog=catalog, known=known)
    for stream in connector.streams:
        if stream.name in catalog:
            offered, before = catalog[stream.name], stream.name in known
            error = _find_breach(stream, source=connector.source, offered=offered, known=before)
            if error:
                raise _locate(error, connector=connector, stream=stream)
            if before:
                _check_key(connector, stream, offered=offered)


def _check_key(connector: Connector, stream: Stream, *, offered: CatalogStream) -> None:
    """A merged stream cannot be staged without its key: the gate never sees a package of it."""
    names = set(offered.properties) | {snake_case(one) for one in offered.properties if one.strip()}
    key = stream.primary_key or offered.primary_key
    needed = stream.write is WriteDisposition.MERGE or stream.primary_key
    if not needed or not names or (key and all(one in names for one in key)):
        return
    gone = ", ".join(repr(one) for one in key if one not in names)
    error = DriftBlocked(
        f"the stream has lost {gone}, part of its primary key" if gone else "it has lost its key",
        fix="Nothing was loaded. Give the stream another `primary_key:`, or correct the source.",
    )
    old = sorted(map(column_name, key))
    error.found = (Drift(kind=DriftKind.KEY_REMOVED, stream=stream.name, old=old or None),)
    raise _locate(error, connector=connector, stream=stream)


def _find_breach(
    stream: Stream, *, source: str, offered: CatalogStream, known: bool
) -> ConfigError | None:
    misses = stream.cursor and offered.properties and stream.cursor not in offered.properties
    if misses and not known:
        return ConfigError(
            f"the cursor {stream.cursor!r} is no property of the stream {stream.name!r}",
            valid=offered.properties,
            value=stream.cursor,
        )
    fix = f"Look for `select_filter` or a `catalog` of its own at {source} in meltano.yml."
    if not offered.selected:
        return ConfigError(f"the Meltano project excludes the stream {stream.name!r}", fix=fix)
    for key, wanted in describe_replication(stream).items():
        if key in _REPLICATION and offered.metadata.get(key) != wanted:
            problem = f"{source} would read the stream {stream.name!r} with another {key}"
            return ConfigError(problem, value=str(offered.metadata.get(key)), fix=fix)
    return None


def _locate(error: _Error, *, connector: Connector, stream: Stream) -> _Error:
    place = f"{connector.file}:{stream.line}" if stream.line else str(connector.file)
    return error.with_context(connector=connector.name, stream=stream.name, place=place)


def _excluded(entry: Mapping[str, Any]) -> Iterator[str]:
    for each in entry.get("metadata") or ():
        facts = each.get("metadata") or {}
        inclusion, selected = facts.get("inclusion"), facts.get("selected")
        unwanted = inclusion == "unsupported" or (selected is False and inclusion != "automatic")
        if len(each["breadcrumb"]) == 2 and unwanted:
            yield each["breadcrumb"][1]


def _root_metadata(entry: Mapping[str, Any]) -> dict[str, Any]:
    for each in entry.get("metadata") or ():
        if not each["breadcrumb"]:
            return dict(each.get("metadata") or {})
    return {}
