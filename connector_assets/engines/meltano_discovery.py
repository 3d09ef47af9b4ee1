"""Discovery of a tap: its fresh catalog, staged without rows as connector-target would stage it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from subprocess import PIPE
from typing import Any

from connector_assets.audit.profile import ColumnProfile, StreamProfile, parse_profiles
from connector_assets.engines.batch import describe_batch, describe_columns
from connector_assets.engines.discovery import DiscoveredStream
from connector_assets.engines.meltano import check
from connector_assets.engines.meltano_catalog import CatalogStream, check_offered, parse_catalog
from connector_assets.engines.meltano_command import (
    LOCK_WAIT,
    plan_overlay,
    plan_run,
    start,
)
from connector_assets.engines.meltano_log import Speaker, Transcript, explain_failure, parse_line
from connector_assets.engines.meltano_plugin import name_plugin
from connector_assets.engines.meltano_rotation import open_tap
from connector_assets.engines.progress import Progress
from connector_assets.errors import ConnectorError, EngineFailed
from connector_assets.model import Connector, Stream
from connector_assets.singer import stage as staging
from connector_assets.singer.batches import Assembler
from connector_assets.singer.nesting import logical_word
from connector_assets.singer.spec import StageSpec
from connector_assets.singer.types import parse_columns


def discover_tap(
    connector: Connector,
    *,
    root: Path,
    environment: str,
    secrets: Mapping[str, str],
    scratch: Path,
) -> Iterator[DiscoveredStream]:
    """Yield the streams of the tap's catalog.

    Raises:
        ConnectorError: As :func:`connector_assets.engines.discovery.discover` says.
    """
    catalog = fetch_catalog(connector, project_root=root, environment=environment, secrets=secrets)
    check_offered(connector, catalog=catalog)
    yield from describe_catalog(connector, catalog=catalog, scratch=scratch)


def describe_catalog(
    connector: Connector, *, catalog: Mapping[str, CatalogStream], scratch: Path
) -> Iterator[DiscoveredStream]:
    """Yield the streams of a catalog, which has those of the connector.

    Raises:
        ConnectorError: A stream's schema cannot be loaded.
    """
    profiles = {}
    if connector.streams:
        profiles = _stage_empty(connector, catalog=catalog, scratch=scratch)
    for stream in connector.streams:
        yield DiscoveredStream(name=stream.name, profile=profiles[stream.name], declared=True)
    for name, offered in catalog.items():
        if connector.stream(name) is None:
            yield DiscoveredStream(name=name, profile=_describe(offered), declared=False)


def fetch_catalog(
    connector: Connector, *, project_root: Path, environment: str, secrets: Mapping[str, str]
) -> dict[str, CatalogStream]:
    """Return every stream that the tap offers now, by name.

    Meltano caches a catalog by config, so that new tables and columns stay invisible; here it is
    made anew.

    Raises:
        ConfigError: As :func:`connector_assets.engines.meltano.check`.
        ConnectorError: The tap failed in discovery.
    """
    check(connector, project_root=project_root)
    overlay = plan_overlay(
        connector, project_root=project_root, environment=environment, purpose=".discover"
    )
    words = ("invoke", "--refresh-catalog", "--dump=catalog", name_plugin(connector))
    run = plan_run(connector, overlay=overlay, secrets=secrets, words=words)
    opened = open_tap(overlay, connector=connector, wait=LOCK_WAIT)
    with opened, start(run, env={}, stderr=PIPE) as meltano:
        catalog, log = meltano.communicate()
    if meltano.returncode:
        error = explain_discovery(log, exit_code=meltano.returncode, source=connector.source)
        raise error.with_context(connector=connector.name)
    try:
        return {each.name: each for each in parse_catalog(json.loads(catalog))}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineFailed(
            f"the catalog of {connector.source} cannot be read: {type(error).__name__}",
            connector=connector.name,
            fix=f"Try `meltano invoke --dump=catalog {connector.source}` in the project folder.",
        ) from error


def explain_discovery(log: bytes, *, exit_code: int, source: str) -> ConnectorError:
    """Return the error for a call of Meltano that was to print a catalog, from its log."""
    transcript = Transcript()
    for raw in log.splitlines():
        line = parse_line(raw)
        transcript.add(line)
        if line.speaker is Speaker.MELTANO and line.level in ("error", "critical"):
            transcript.reason = line.text
    return explain_failure(transcript, exit_code=exit_code, source=source)


def _stage_empty(
    connector: Connector, *, catalog: Mapping[str, CatalogStream], scratch: Path
) -> dict[str, StreamProfile]:
    """Return the profiles of a package with the declared streams' schemas, and no rows."""
    spec = StageSpec(
        connector=connector.name,
        dataset=connector.dataset,
        kind=connector.destination.kind,
        pipelines_dir=scratch,
        manifest=scratch / "manifest.json",
        progress=None,
        streams=connector.streams,
    )
    assembler = Assembler(resolve=spec.resolve, normalize=staging.build_normalize())
    schemas = (_declare(stream, catalog[stream.name]) for stream in connector.streams)
    messages = BytesIO(b"\n".join(json.dumps(each).encode() for each in schemas))
    pipeline = staging.build_pipeline(spec)
    try:
        staging.stage(messages, pipeline=pipeline, assembler=assembler, progress=Progress(None))
    except ConnectorError as error:
        error.with_context(connector=connector.name)
        raise
    batch = describe_batch(connector, scratch, positions={})
    profiles = parse_profiles(batch["profiles"])
    return {
        name: describe_columns(one, catalog[name].selected_schema) if name in catalog else one
        for name, one in profiles.items()
    }


def _declare(stream: Stream, offered: CatalogStream) -> dict[str, Any]:
    return {
        "type": "SCHEMA",
        "stream": stream.name,
        "schema": offered.selected_schema,
        "key_properties": list(offered.primary_key),
    }


def _describe(offered: CatalogStream) -> StreamProfile:
    """Return what a stream that the connector does not have would be, as far as it can be told."""
    try:
        columns = parse_columns(
            offered.schema, stream=offered.name, place="", normalize=staging.build_normalize()
        )
    except ConnectorError:
        columns = ()
    described = {
        each.name: ColumnProfile(type=logical_word(each.type), filled=0) for each in columns
    }
    names = {each.property: each.name for each in columns}
    profile = StreamProfile(
        rows=0,
        columns=described,
        primary_key=tuple(names[key] for key in offered.primary_key if key in names),
        cursor=names.get(offered.cursor, ""),
        declared=True,
    )
    return describe_columns(profile, offered.schema)
