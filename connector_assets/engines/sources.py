"""How a dlt connector's config becomes a dlt source: one builder per source kind.

``config`` reaches dlt as it is, with ``${name}`` replaced by secrets; each stream is one resource.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import dlt

from connector_assets.credentials.references import fill_references
from connector_assets.errors import ConfigError
from connector_assets.model import Connector, Stream

#: The keys of a rest_api stream that belong to the resource; all others are its endpoint's.
_RESOURCE_KEYS = {"processing_steps", "include_from_parent", "columns", "max_table_nesting"}


def build_source(connector: Connector, *, secrets: Mapping[str, str]) -> Any:
    """Return the dlt source of a connector: its streams, with their hints, and nothing else.

    Raises:
        ConfigError: The source kind is unknown, or a stream has no resource in it.
    """
    kind, _, target = connector.source.partition(":")
    builder = _BUILDERS.get(kind)
    if builder is None:
        raise ConfigError(
            f"{connector.source!r} is no dlt source",
            place=str(connector.file),
            value=kind,
            valid=_BUILDERS,
            connector=connector.name,
        )
    config = fill_references(connector.config, values=secrets)
    source = builder(connector, config, secrets, target)
    missing = [item.name for item in connector.streams if item.name not in source.resources]
    if missing:
        raise ConfigError(
            f"{connector.source} has no stream {missing[0]!r}",
            place=str(connector.file),
            value=missing[0],
            valid=sorted(source.resources),
            connector=connector.name,
            stream=missing[0],
        )
    chosen = source.with_resources(*(item.name for item in connector.streams))
    for item in connector.streams:
        _apply_hints(chosen.resources[item.name], item)
    return chosen


def _apply_hints(resource: Any, item: Stream) -> None:
    hints: dict[str, Any] = {"table_name": item.table, "write_disposition": str(item.write)}
    if item.primary_key:
        hints["primary_key"] = list(item.primary_key)
    # Resources made of functions carry an empty wrapper where no incremental was given.
    given = getattr(resource.incremental, "incremental", resource.incremental)
    if item.cursor and given is None:
        hints["incremental"] = dlt.sources.incremental(item.cursor)
    resource.apply_hints(**hints)


def _build_rest_api(
    connector: Connector, config: dict[str, Any], secrets: Mapping[str, str], _target: str
) -> Any:
    from dlt.sources.rest_api import rest_api_source

    resources = [_rest_resource(item, secrets) for item in connector.streams]
    declared: Any = {**config, "resources": resources}
    return rest_api_source(declared, name=connector.name)


def _rest_resource(item: Stream, secrets: Mapping[str, str]) -> dict[str, Any]:
    config = fill_references(item.config, values={**secrets, "cursor": "{incremental.start_value}"})
    resource = {key: value for key, value in config.items() if key in _RESOURCE_KEYS}
    endpoint = {key: value for key, value in config.items() if key not in _RESOURCE_KEYS}
    initial = endpoint.pop("initial_value", None)
    if item.cursor:
        endpoint.setdefault("incremental", {"cursor_path": item.cursor, "initial_value": initial})
    return {"name": item.name, "table_name": item.table, "endpoint": endpoint, **resource}


def _build_sql_database(
    connector: Connector, config: dict[str, Any], secrets: Mapping[str, str], _target: str
) -> Any:
    from dlt.sources.sql_database import sql_table

    resources = []
    for item in connector.streams:
        options = {"table": item.name, **config, **fill_references(item.config, values=secrets)}
        resources.append(sql_table(**options).with_name(item.name))
    return _as_source(connector, resources)


def _build_filesystem(
    connector: Connector, config: dict[str, Any], secrets: Mapping[str, str], _target: str
) -> Any:
    from dlt.sources import filesystem as files

    readers: dict[str, Callable[..., Any]] = {
        "csv": files.read_csv,
        "jsonl": files.read_jsonl,
        "parquet": files.read_parquet,
    }
    resources = []
    for item in connector.streams:
        options = {**config, **fill_references(item.config, values=secrets)}
        kind = options.pop("format", "csv")
        if kind not in readers:
            raise ConfigError(
                f"{kind!r} is no file format",
                place=f"{connector.file}:{item.line}",
                value=str(kind),
                valid=readers,
                stream=item.name,
            )
        reader = files.filesystem(**options) | readers[kind]()
        resources.append(reader.with_name(item.name))
    return _as_source(connector, resources)


def _build_python(
    connector: Connector, config: dict[str, Any], _secrets: Mapping[str, str], target: str
) -> Any:
    module, _, function = target.partition(":")
    try:
        factory = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{connector.source!r} cannot be imported: {error}",
            place=str(connector.file),
            fix="Write python:package.module:function, importable from the project folder.",
            connector=connector.name,
        ) from error
    made = factory(**config)
    if hasattr(made, "resources"):
        return made
    return _as_source(connector, made if isinstance(made, list | tuple) else [made])


def _as_source(connector: Connector, resources: Any) -> Any:
    return dlt.source(lambda: resources, name=connector.name)()


_BUILDERS: dict[str, Callable[..., Any]] = {
    "rest_api": _build_rest_api,
    "sql_database": _build_sql_database,
    "filesystem": _build_filesystem,
    "python": _build_python,
}
