"""Builds a Connector from its file: defaults filled in, the environment's overlay applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from connector_assets.commit import Commit
from connector_assets.config import ConnectorFile, StreamBlock, StreamRules
from connector_assets.config_alerts import build_rules
from connector_assets.config_blocks import Block
from connector_assets.config_errors import parse_overlaid
from connector_assets.connector_commit import check_commit
from connector_assets.connector_renames import check_renames
from connector_assets.connector_rules import Surroundings, check_connector
from connector_assets.credential_models import Followed, follow_model
from connector_assets.credentials.references import CURSOR, find_references
from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.jitter import spread
from connector_assets.limits import MEMORY
from connector_assets.model import (
    PYTHON_SOURCES,
    Connector,
    Engine,
    OnEmpty,
    Presence,
    Retries,
    Schedule,
    Stream,
    WriteDisposition,
)
from connector_assets.naming import table_name
from connector_assets.yaml_marks import Document

TIMEOUT_SECONDS = 3600.0
MAX_WAIT_SECONDS = 600.0


def build_connector(document: Document, *, around: Surroundings) -> Connector:
    """Return the connector that a file declares, in the project's active environment.

    Raises:
        ConfigError: The file breaks a rule; several breaches come as one ConfigErrors.
    """
    files = parse_overlaid(ConnectorFile, document)
    file, overlaid = files.get(around.environment, files[""])
    found = list(check_connector(file, document=overlaid, around=around))
    streams: list[Stream] = []
    for name, block in file.streams.items():
        try:
            streams.append(_build_stream(name, block, file=file, document=overlaid, around=around))
        except ConfigError as error:
            found.extend(ConfigErrors.split(error))
    found += check_commit(file, streams=streams, document=overlaid)
    found += check_renames(file, document=overlaid)
    if found:
        raise ConfigErrors.collect(error.with_context(connector=file.name) for error in found)
    followed = _follow(file, document=overlaid, around=around)
    named = followed.file.streams
    return replace(
        _build(
            followed.file,
            document=overlaid,
            around=around,
            streams=tuple(_complete(one, named[one.name]) for one in streams),
        ),
        credentials=followed.use,
    )


def _complete(stream: Stream, block: StreamBlock) -> Stream:
    return replace(stream, config=block.config, renamed_from=block.renamed_from)


def _follow(file: ConnectorFile, *, document: Document, around: Surroundings) -> Followed:
    try:
        return follow_model(file, document=document, root=around.root)
    except ConfigError as error:
        error.with_context(connector=file.name)
        raise


def _build(
    file: ConnectorFile, *, document: Document, around: Surroundings, streams: tuple[Stream, ...]
) -> Connector:
    defaults = around.defaults
    destination, _, dataset = file.destination.partition(".")
    retries = (file.retries, defaults.retries)
    return Connector(
        name=file.name,
        owner=file.owner or defaults.owner or "",
        engine=file.engine,
        source=file.source,
        destination=around.destinations[destination],
        dataset=dataset,
        streams=streams,
        config=file.config,
        secrets=file.secrets,
        schedule=_build_schedule(file, usual=defaults.timezone or "UTC"),
        depends_on=file.depends_on,
        pool=file.pool or "",
        retries=Retries(
            max=_said("max", *retries, otherwise=2), wait=_said("wait", *retries, otherwise=30.0)
        ),
        timeout=file.timeout or defaults.timeout or TIMEOUT_SECONDS,
        max_wait=_said("max_wait", file, defaults, otherwise=MAX_WAIT_SECONDS),
        commit=Commit(**file.commit.model_dump()) if file.commit else None,
        memory=file.memory or defaults.memory or MEMORY,
        alerts=build_rules(file.alerts) if file.alerts else around.alerts,
        pause_after=_said("pause_after", file, defaults, otherwise=0),
        drift={**defaults.drift, **file.defaults.drift, **file.drift},
        presence=_build_presence(file.defaults, defaults),
        renamed_from=file.renamed_from,
        file=Path(document.label),
    )


def _build_schedule(file: ConnectorFile, *, usual: str) -> Schedule | None:
    if file.schedule is None:
        return None
    written, jitter = file.schedule.cron, file.schedule.jitter
    zone = file.schedule.timezone or usual
    if jitter is None:
        return Schedule(cron=written, timezone=zone)
    shifted = spread(written, name=file.name, seconds=jitter)
    return Schedule(cron=shifted, timezone=zone, jitter=jitter, written=written)


def _build_stream(
    name: str,
    block: StreamBlock,
    *,
    file: ConnectorFile,
    document: Document,
    around: Surroundings,
) -> Stream:
    path, levels = ("streams", name), (block, file.defaults, around.defaults)
    write = _said("write", *levels)
    primary_key = _said("primary_key", *levels, otherwise=())
    if write is None:
        raise ConfigError(
            f"the stream {name!r} says nowhere what a sync does to its table",
            place=document.place(path),
            fix="Add `write: merge`, `append` or `replace` to it, or to `defaults:`.",
            stream=name,
        )
    cursor = _pick_cursor(name, levels=levels, write=write, document=document)
    if write is WriteDisposition.MERGE and not primary_key and not _names_keys_itself(file):
        problem = f"the stream {name!r} merges, and nothing says which rows are the same"
        fix = "Add `primary_key: id` (its column or columns) to the stream or to `defaults:`."
        raise ConfigError(problem, place=document.place((*path, "write")), fix=fix, stream=name)
    _check_cursor_use(name, block, cursor=cursor, document=document)
    return Stream(
        name=name,
        table=table_name(name),
        write=write,
        primary_key=primary_key,
        cursor=cursor,
        on_empty=_said("on_empty", *levels, otherwise=OnEmpty.BLOCK),
        min_rows=_said("min_rows", *levels),
        min_share=_said("min_share", *levels),
        presence=_build_presence(*levels),
        naive_times=_said("naive_times", *levels),
        old_versions=_said("old_versions", *levels),
        drift={**around.defaults.drift, **file.defaults.drift, **file.drift, **block.drift},
        config=block.config,
        line=document.line(path),
    )


def _build_presence(*levels: StreamRules) -> Presence:
    blocks = [level.presence for level in levels]
    usual = Presence()
    return Presence(
        rate=_said("rate", *blocks, otherwise=usual.rate),
        min_rows=_said("min_rows", *blocks, otherwise=usual.min_rows),
    )


def _check_cursor_use(name: str, block: StreamBlock, *, cursor: str, document: Document) -> None:
    if not cursor and any(reference == CURSOR for _, reference in find_references(block.config)):
        raise ConfigError(
            f"the stream {name!r} uses `${{cursor}}` and has no cursor",
            place=document.place(("streams", name, "config")),
            fix="Add `cursor:`, the column it follows.",
            stream=name,
        )


def _pick_cursor(
    name: str,
    *,
    levels: tuple[StreamRules, ...],
    write: WriteDisposition,
    document: Document,
) -> str:
    own = levels[0].cursor
    if write is not WriteDisposition.REPLACE:
        return str(_said("cursor", *levels, otherwise=""))
    if own is None:
        # A cursor among the defaults is for the streams that can follow one.
        return ""
    raise ConfigError(
        f"the stream {name!r} is replaced by each sync, and cannot follow the cursor {own!r}",
        place=document.place(("streams", name, "cursor")),
        fix="Remove `cursor:` (each sync reads everything), or write `write: merge`.",
        stream=name,
    )


def _names_keys_itself(file: ConnectorFile) -> bool:
    return file.engine is Engine.MELTANO or file.source.partition(":")[0] in PYTHON_SOURCES


def _said(key: str, *levels: Block | None, otherwise: Any = None) -> Any:
    """Return what the nearest level says, also where it says that there is none."""
    said = (getattr(level, key) for level in levels if level and key in level.model_fields_set)
    value = next(said, None)
    return otherwise if value is None else value
