"""The rules of a connector file that need more than one of its keys, or the project around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector_assets.alerting import AlertRule
from connector_assets.config import ConnectorFile, ProjectDefaults
from connector_assets.config_alerts import list_addresses
from connector_assets.config_errors import valid_keys
from connector_assets.credential_use import SOURCE
from connector_assets.credentials.references import (
    CURSOR,
    find_plain_secrets,
    find_references,
    hide_password,
)
from connector_assets.errors import ConfigError
from connector_assets.jitter import spread
from connector_assets.model import DLT_ASSETS, PYTHON_SOURCES, Destination, Engine
from connector_assets.naming import RESERVED_PREFIXES, is_dataset_name, table_name
from connector_assets.yaml_marks import Document, KeyPath

DLT_SOURCES = ("rest_api", "sql_database", "filesystem", "python:package.module:function")
_FUNCTION = re.compile(r"\w+:[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_EXTRACTOR = re.compile(r"[A-Za-z0-9][\w.-]*")
_FIXED = ("name", "renamed_from", "environments", "credentials")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a connector file may refer to: the project around it, its folder ``root``."""

    environment: str
    environments: tuple[str, ...]
    destinations: Mapping[str, Destination]
    defaults: ProjectDefaults
    alerts: tuple[AlertRule, ...] = ()
    pools: Mapping[str, int] = field(default_factory=dict)
    root: Path = Path()


def check_connector(
    file: ConnectorFile, *, document: Document, around: Surroundings
) -> Iterator[ConfigError]:
    """Yield each rule that a connector file breaks, with its line."""
    yield from _environments(file, document=document, around=around)
    yield from _source(file, document=document)
    yield from _config(file, document=document)
    yield from _destination(file, document=document, around=around)
    yield from _owner(file, document=document, around=around)
    yield from _jitter(file, document=document)
    yield from _pool(file, document=document, around=around)
    yield from _references(file, document=document)
    yield from _tables(file, document=document)
    yield from _credentials(file, document=document)


def _environments(
    file: ConnectorFile, *, document: Document, around: Surroundings
) -> Iterator[ConfigError]:
    for name, overlay in file.environments.items():
        if name not in around.environments:
            yield ConfigError(
                f"the environment {name!r} is not one of connectors.yaml",
                place=document.place(("environments", name)),
                value=name,
                valid=around.environments,
            )
        valid = [key for key in valid_keys(ConnectorFile, ()) if key not in _FIXED]
        for key in overlay.keys() - set(valid):
            yield ConfigError(
                f"the key {key!r} cannot be different in an environment",
                place=document.place(("environments", name, key)),
                value=key,
                valid=valid,
            )


def _pool(
    file: ConnectorFile, *, document: Document, around: Surroundings
) -> Iterator[ConfigError]:
    if file.pool and file.pool not in around.pools:
        yield ConfigError(
            f"the pool {file.pool!r} is not one of connectors.yaml",
            place=document.place(("pool",)),
            fix="" if around.pools else f"Add `pools: {{{file.pool}: 2}}` to connectors.yaml.",
            value=file.pool,
            valid=around.pools,
        )


def _jitter(file: ConnectorFile, *, document: Document) -> Iterator[ConfigError]:
    schedule = file.schedule
    if schedule is None or schedule.jitter is None:
        return
    place = document.place(("schedule", "jitter"))
    if not 60 <= schedule.jitter < 3600:
        problem = "a jitter is 1 to 59 minutes: it stays within the hour of the cron"
        yield ConfigError(problem, place=place, fix="Write `jitter: 30m`.")
        return
    try:
        spread(schedule.cron, name=file.name, seconds=schedule.jitter)
    except ValueError as error:
        fix = "Remove `jitter:`, or name an earlier minute in the cron."
        yield ConfigError(f"{error}: it cannot have a jitter", place=place, fix=fix)


def _source(file: ConnectorFile, *, document: Document) -> Iterator[ConfigError]:
    place, source = document.place(("source",)), file.source
    shown = repr(hide_password(source))
    if file.engine is Engine.MELTANO:
        if not _EXTRACTOR.fullmatch(source) or source in DLT_SOURCES:
            fix = "Write the name of an extractor in meltano.yml, such as tap-github."
            other = " It is a source of `engine: dlt`." if source in DLT_SOURCES else ""
            yield ConfigError(f"{shown} is no extractor", place=place, fix=fix + other)
    elif (kind := source.partition(":")[0]) in PYTHON_SOURCES and source != kind:
        if not _FUNCTION.fullmatch(source):
            fix = f"Write {kind}:package.module:function."
            yield ConfigError(f"{shown} names no Python function", place=place, fix=fix)
    elif source not in DLT_SOURCES[:3]:
        fix = "Taps run with `engine: meltano`." if source.startswith("tap-") else ""
        valid = (*DLT_SOURCES, f"{DLT_ASSETS}:package.module:function")
        yield ConfigError(
            f"{shown} is no source of dlt", place=place, fix=fix, value=source, valid=valid
        )


def _config(file: ConnectorFile, *, document: Document) -> Iterator[ConfigError]:
    """Yield the configs that nobody would take: a hand-written source has its arguments."""
    if file.source.partition(":")[0] != DLT_ASSETS:
        return
    given: dict[KeyPath, Any] = {("config",): file.config}
    given |= {("streams", name, "config"): one.config for name, one in file.streams.items()}
    for path in (path for path, config in given.items() if config):
        yield ConfigError(
            f"`config` would reach nobody: {file.source} has its arguments in Python",
            place=document.place(path),
            fix="Give them to the source there, and remove `config:` here.",
        )


def _destination(
    file: ConnectorFile, *, document: Document, around: Surroundings
) -> Iterator[ConfigError]:
    place = document.place(("destination",))
    name, dot, dataset = file.destination.partition(".")
    if not dot:
        fix = f"Write a destination and a dataset: {name}.{file.name}"
        yield ConfigError(f"`destination: {name}` names no dataset", place=place, fix=fix)
    elif not is_dataset_name(dataset):
        fix = "Lower-case letters, digits and single underscores, a letter first, none at the end."
        yield ConfigError(f"the dataset {dataset!r} cannot be used", place=place, fix=fix)
    elif dataset == name:
        fix = "DuckDB cannot tell the two apart in `name.table`: call the dataset otherwise."
        problem = f"the dataset {dataset!r} has the name of its destination"
        yield ConfigError(problem, place=place, fix=fix)
    if name not in around.destinations:
        yield ConfigError(
            f"connectors.yaml has no destination {name!r}",
            place=place,
            value=name,
            valid=around.destinations,
        )


def _owner(
    file: ConnectorFile, *, document: Document, around: Surroundings
) -> Iterator[ConfigError]:
    if not file.owner and not around.defaults.owner:
        fix = "Add `owner: team-name` here, or under `defaults:` of connectors.yaml."
        yield ConfigError("nobody owns the connector", place=document.place(), fix=fix)


def _references(file: ConnectorFile, *, document: Document) -> Iterator[ConfigError]:
    configs: list[tuple[KeyPath, dict[str, Any]]] = [(("config",), file.config)]
    configs += [(("streams", name, "config"), one.config) for name, one in file.streams.items()]
    for path, config in configs:
        special = {CURSOR} if path[0] == "streams" and file.source == "rest_api" else set()
        for below, name in find_references(config):
            if name not in file.secrets and name not in special:
                fix = f"Add `secrets: {{{name}: env:NAME}}`, or write `$${{{name}}}` for this text."
                yield ConfigError(
                    f"`${{{name}}}` refers to no secret of this connector",
                    place=document.place((*path, *below)),
                    fix="" if file.secrets else fix,
                    value=name,
                    valid=(*file.secrets, *special),
                )
        for below in find_plain_secrets(config):
            key = below[-1] if below else path[-1]
            yield ConfigError(
                f"a secret seems to stand in the file, under `{key}`",
                place=document.place((*path, *below)),
                fix='Write "${name}" for it, and where it comes from under `secrets:`.',
            )
    for below in find_plain_secrets(list_addresses(file.alerts)):
        yield ConfigError(
            "a secret seems to stand in the file, under `alerts`",
            place=document.place(("alerts", *below)),
            fix="Write env:NAME or file:PATH, where the whole URL comes from.",
        )
    if CURSOR in file.secrets and file.source == "rest_api":
        fix = "`${cursor}` is the cursor of a stream: call the secret otherwise."
        place = document.place(("secrets", CURSOR))
        yield ConfigError("a secret cannot be called `cursor` here", place=place, fix=fix)


def _credentials(file: ConnectorFile, *, document: Document) -> Iterator[ConfigError]:
    block = file.credentials
    if block is None:
        return
    if (block.model is None) != (block.version is None):
        fix = "Write both: `credentials: {model: NAME, version: 1}`."
        problem = "`model` and `version` belong together"
        yield ConfigError(problem, place=document.place(("credentials",)), fix=fix)
    for name, store in block.write_back.items():
        place = document.place(("credentials", "write_back", name))
        source = file.secrets.get(name, "")
        if file.engine is not Engine.MELTANO:
            fix = "Remove `write_back:`."
            yield ConfigError("only taps hand over rotated secrets", place=place, fix=fix)
        elif not source:
            problem = f"`write_back` names {name!r}, which is no secret of this connector"
            yield ConfigError(problem, place=place, value=name, valid=file.secrets)
        elif store == SOURCE and not source.startswith(("env:", "file:")):
            problem = f"a new value of {name!r} cannot be written to where it comes from"
            fix = "Name a command that takes it on its standard input: command:WORDS."
            yield ConfigError(problem, place=place, fix=fix)


def _tables(file: ConnectorFile, *, document: Document) -> Iterator[ConfigError]:
    tables: dict[str, str] = {}
    for name in file.streams:
        table, place = table_name(name), document.place(("streams", name))
        if not table.strip("_") or table.startswith(RESERVED_PREFIXES):
            fix = "dlt and the platform keep _dlt_ and _connectors_ for their own tables."
            problem = f"the stream {name!r} would have the table {table!r}"
            yield ConfigError(problem, place=place, fix=fix, stream=name)
        elif table in tables:
            fix = f"Both would load into `{table}`: move one into another connector."
            problem = f"the streams {tables[table]!r} and {name!r} have one table"
            yield ConfigError(problem, place=place, fix=fix, stream=name)
        tables.setdefault(table, name)
    if file.engine is Engine.DLT and file.source != "sql_database":
        yield from _child_tables(tables, document=document)


def _child_tables(tables: Mapping[str, str], *, document: Document) -> Iterator[ConfigError]:
    """Yield the streams whose table dlt could make for the nested values of another one."""
    for table, name in tables.items():
        parts = table.split("__")
        above = ("__".join(parts[:end]) for end in range(1, len(parts)))
        for parent in (tables[one] for one in above if one in tables):
            problem = f"the table {table!r} of {name!r} could be one of the nested values of"
            yield ConfigError(
                f"{problem} {parent!r}",
                place=document.place(("streams", name)),
                fix="Move one of the two streams into another connector.",
                stream=name,
            )
