"""Discovery of a dlt source: staged without rows, or with a few, into a scratch folder."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from dlt.common.json import json as typed_json
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table

from connector_assets.audit.profile import ColumnProfile, StreamProfile, parse_profiles
from connector_assets.credentials.references import fill_references
from connector_assets.engines.batch import describe_batch
from connector_assets.engines.discovery import DiscoveredStream
from connector_assets.engines.dlt_errors import explain
from connector_assets.engines.exact import add_checks
from connector_assets.engines.profile import render_type
from connector_assets.engines.sources import build_source
from connector_assets.engines.staging import open_pipeline, stage
from connector_assets.errors import ConnectorError
from connector_assets.lock import LockedStream, one_line
from connector_assets.model import Connector
from connector_assets.naming import column_name, snake_case


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a sync would start from: the structure of its streams, and dlt's state, as JSON values.

    Rows are read into the types of ``streams``, as a sync reads them into those of its tables: what
    does not fit is a variant. They are read from where ``state`` stopped, and from the beginning
    where that gives none.
    """

    streams: Mapping[str, LockedStream] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)


def discover_source(
    connector: Connector,
    *,
    secrets: Mapping[str, str],
    scratch: Path,
    expected: Expected | None = None,
) -> Iterator[DiscoveredStream]:
    """Yield the connector's streams with their child tables, and a database's other tables.

    A stream that gave no row has no columns.

    Raises:
        ConnectorError: As :func:`connector_assets.engines.discovery.discover` says.
    """
    profiles = {}
    if connector.streams:
        profiles = _stage_sample(
            connector, secrets=secrets, scratch=scratch, expected=expected or Expected()
        )
    for stream in connector.streams:
        empty = StreamProfile(
            rows=0,
            primary_key=tuple(map(snake_case, stream.primary_key)),
            cursor=column_name(stream.cursor),
        )
        profile = profiles.pop(stream.name, empty)
        yield DiscoveredStream(name=stream.name, profile=profile, declared=True)
    for name, child in profiles.items():
        yield DiscoveredStream(name=name, profile=child, declared=True)
    if connector.source == "sql_database":
        yield from _list_tables(connector, secrets=secrets)


def find_missing(
    connector: Connector, *, secrets: Mapping[str, str], among: Collection[str]
) -> tuple[str, ...]:
    """Return those of the streams ``among`` whose tables are not in the database.

    Raises:
        ConnectorError: The database refused, or was not reached.
    """
    from connector_assets.engines.sql_source import has_table

    config = fill_references(connector.config, values=secrets)
    missing = []
    for stream in connector.streams:
        options = {**config, **fill_references(stream.config, values=secrets)}
        try:
            if stream.name in among and not has_table({"table": stream.name, **options}):
                missing.append(stream.name)
        except Exception as error:
            raise explain(error, connector, stream=stream.name) from error
    return tuple(missing)


def _stage_sample(
    connector: Connector, *, secrets: Mapping[str, str], scratch: Path, expected: Expected
) -> dict[str, StreamProfile]:
    pipeline = open_pipeline(
        scratch,
        connector=connector.name,
        dataset=connector.dataset,
        kind=connector.destination.kind,
    )
    try:
        rows = _stage_from(pipeline, connector, secrets=secrets, expected=expected)
        silent = tuple(one for one in connector.streams if not rows.get(one.table))
        if expected.state and silent:
            # Into the same package: its profile is that of both.
            again, anew = replace(connector, streams=silent), replace(expected, state={})
            _stage_from(pipeline, again, secrets=secrets, expected=anew)
    except ConnectorError:
        raise
    except Exception as error:
        raise explain(error, connector) from error
    batch = describe_batch(connector, scratch, positions={})
    return parse_profiles(batch["profiles"])


def _stage_from(
    pipeline: Any, connector: Connector, *, secrets: Mapping[str, str], expected: Expected
) -> dict[str, int]:
    with pipeline.managed_state() as state:
        # With the characters that mark times and decimals turned into those again.
        text = json.dumps(expected.state.get("sources", {}))
        state["sources"] = typed_json.typed_loads(text)
    source = build_source(connector, secrets=secrets, sample=True)
    _expect(source, expected.streams, connector=connector)
    # They also decide which times have a zone.
    add_checks(source, streams=connector.streams, of=pipeline)
    return stage(pipeline, source)


def _expect(source: Any, known: Mapping[str, LockedStream], *, connector: Connector) -> None:
    """Give a source's schema the columns that its tables are known to have."""
    tables = {stream.name: stream.table for stream in connector.streams}
    streams = {stream.table: stream.name for stream in connector.streams}
    names = {tables.get(name, name): one for name, one in known.items()}
    # A table after the one that it is a child of: the longest beginning among the others.
    for name in sorted(names):
        parent = max((one for one in names if name.startswith(f"{one}__")), key=len, default="")
        columns = [_hint(key, one.type) for key, one in names[name].columns.items() if one.type]
        if parent or name in streams:
            resource = streams.get(name, "")
            source.schema.update_table(new_table(name, parent, columns=columns, resource=resource))


def _hint(name: str, kind: str) -> TColumnSchema:
    word, _, digits = kind.partition("(")
    hint: Any = {"name": name, "data_type": word, "nullable": True}
    if word == "timestamp_ntz":
        hint |= {"data_type": "timestamp", "timezone": False}
    if digits:
        precision, _, scale = digits.rstrip(")").partition(",")
        hint |= {"precision": int(precision), "scale": int(scale or 0)}
    return cast("TColumnSchema", hint)


def _list_tables(connector: Connector, *, secrets: Mapping[str, str]) -> Iterator[DiscoveredStream]:
    """Yield the tables and views of the connector's schema that it does not have."""
    from connector_assets.engines.sql_source import list_tables

    config = fill_references(connector.config, values=secrets)
    read = {str(stream.config.get("table", stream.name)) for stream in connector.streams}
    try:
        tables = list_tables(config.get("credentials"), schema=config.get("schema"))
    except Exception as error:
        raise explain(error, connector) from error
    for name, columns in sorted(tables.items()):
        if name not in read:
            profile = StreamProfile(
                rows=0,
                columns={
                    snake_case(key): ColumnProfile(
                        type=render_type(one),
                        filled=0,
                        nullable=bool(one.get("nullable", True)),
                        description=one_line(one.get("description")),
                    )
                    for key, one in columns.items()
                },
                primary_key=tuple(
                    snake_case(key) for key, one in columns.items() if one.get("primary_key")
                ),
                declared=True,
            )
            yield DiscoveredStream(name=name, profile=profile, declared=False)
