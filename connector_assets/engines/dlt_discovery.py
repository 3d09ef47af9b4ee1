"""Discovery of a dlt source: staged without rows, or with a few, into a scratch folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from connector_assets.audit.profile import ColumnProfile, StreamProfile, parse_profiles
from connector_assets.credentials.references import fill_references
from connector_assets.engines.batch import describe_batch
from connector_assets.engines.discovery import DiscoveredStream
from connector_assets.engines.dlt_errors import explain
from connector_assets.engines.profile import render_type
from connector_assets.engines.sources import build_source
from connector_assets.engines.staging import open_pipeline, stage
from connector_assets.errors import ConnectorError
from connector_assets.model import Connector
from connector_assets.naming import column_name, snake_case


def discover_source(
    connector: Connector, *, secrets: Mapping[str, str], scratch: Path
) -> Iterator[DiscoveredStream]:
    """Yield the connector's streams with their child tables, and a database's other tables.

    A stream that gave no row has no columns.

    Raises:
        ConnectorError: As :func:`connector_assets.engines.discovery.discover` says.
    """
    profiles = _stage_sample(connector, secrets=secrets, scratch=scratch)
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


def _stage_sample(
    connector: Connector, *, secrets: Mapping[str, str], scratch: Path
) -> dict[str, StreamProfile]:
    pipeline = open_pipeline(
        scratch,
        connector=connector.name,
        dataset=connector.dataset,
        kind=connector.destination.kind,
    )
    try:
        stage(pipeline, build_source(connector, secrets=secrets, sample=True))
    except ConnectorError:
        raise
    except Exception as error:
        raise explain(error, connector) from error
    batch = describe_batch(connector, scratch, positions={})
    return parse_profiles(batch["profiles"])


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
                        type=render_type(one), filled=0, nullable=bool(one.get("nullable", True))
                    )
                    for key, one in columns.items()
                },
                primary_key=tuple(
                    snake_case(key) for key, one in columns.items() if one.get("primary_key")
                ),
                declared=True,
            )
            yield DiscoveredStream(name=name, profile=profile, declared=False)
