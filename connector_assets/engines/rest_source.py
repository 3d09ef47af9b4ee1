"""The endpoints of an HTTP API as dlt resources: the keys of a stream's config, and its cursor."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from connector_assets.credentials.references import CURSOR, fill_references, find_references
from connector_assets.errors import ConfigError
from connector_assets.model import Connector, Stream

#: The keys of a stream's config that belong to the resource; all others are its endpoint's.
_RESOURCE_KEYS = {"processing_steps", "include_from_parent", "columns", "max_table_nesting"}
#: Where dlt takes braces for placeholders.
_EXPANDED = {"path", "headers", "params", "json", "data"}
_START = "{incremental.start_value}"
_REFERENCE = f"${{{CURSOR}}}"


def build_api(
    connector: Connector,
    config: Mapping[str, Any],
    secrets: Mapping[str, str],
    *,
    known: Collection[str] = (),
) -> Any:
    """Return dlt's ``rest_api`` source with a resource per stream; ``known`` were read before.

    Raises:
        ConfigError: ``${cursor}`` is used where a first sync has nothing to put.
    """
    from dlt.sources.rest_api import rest_api_source

    resources = [
        _build_resource(item, connector=connector, secrets=secrets) for item in connector.streams
    ]
    for item, resource in zip(connector.streams, resources, strict=True):
        if lets_through(item, connector, known=known):
            resource["endpoint"]["incremental"]["on_cursor_value_missing"] = "include"
    declared: Any = {**config, "resources": resources}
    return rest_api_source(declared, name=connector.name)


def lets_through(item: Stream, connector: Connector, *, known: Collection[str]) -> bool:
    """Tell whether rows without the stream's cursor are staged, so that the gate can judge them.

    Only of a stream that had it before: in a first sync the cursor is misspelt. An ``incremental``
    in the stream's config says itself what is done.
    """
    plain = bool(item.cursor) and not set(".[$") & set(item.cursor)
    declared = "incremental" in item.config
    return connector.source == "rest_api" and plain and item.name in known and not declared


def is_dependent(item: Stream) -> bool:
    """Tell whether an endpoint is asked for each row of another one; no answer speaks for all."""
    text = str(item.config)
    return "{resources." in text or "'resolve'" in text


def _build_resource(
    item: Stream, *, connector: Connector, secrets: Mapping[str, str]
) -> dict[str, Any]:
    resource = {key: value for key, value in item.config.items() if key in _RESOURCE_KEYS}
    endpoint = {key: value for key, value in item.config.items() if key not in _RESOURCE_KEYS}
    if item.cursor and "incremental" not in endpoint:
        endpoint = _follow_cursor(endpoint, item=item, connector=connector)
    filled = {
        key: fill_references(value, values=_values(secrets, expanded=key in _EXPANDED))
        for key, value in endpoint.items()
    }
    return {
        "name": item.name,
        "table_name": item.table,
        "endpoint": filled,
        **fill_references(resource, values=secrets),
    }


def _follow_cursor(
    endpoint: Mapping[str, Any], *, item: Stream, connector: Connector
) -> dict[str, Any]:
    """Return the endpoint with dlt's ``incremental``.

    A parameter that is ``${cursor}`` and nothing else is left out of a first sync without an
    ``initial_value``; dlt would send the text None.
    """
    incremental: dict[str, Any] = {"cursor_path": item.cursor}
    rest = dict(endpoint)
    params = dict(rest.get("params") or {})
    if "initial_value" in rest:
        incremental["initial_value"] = rest.pop("initial_value")
    elif start := next(_only_cursor(params), None):
        incremental["start_param"] = start
        del params[start]
        rest["params"] = params
    if "initial_value" not in incremental:
        _refuse_cursor(rest, item=item, connector=connector)
    return {**rest, "incremental": incremental}


def _only_cursor(params: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name, value in params.items() if value == _REFERENCE)


def _refuse_cursor(endpoint: Mapping[str, Any], *, item: Stream, connector: Connector) -> None:
    for place, name in find_references(endpoint):
        if name == CURSOR:
            raise ConfigError(
                f"`{_REFERENCE}` under `{place[0]}` has no value in a first sync",
                place=f"{connector.file}:{item.line}",
                connector=connector.name,
                stream=item.name,
                fix='Add `initial_value` to the stream\'s config: "2024-01-01", or 0.',
            )


def _values(secrets: Mapping[str, str], *, expanded: bool) -> dict[str, str]:
    if not expanded:
        return dict(secrets)
    doubled = {name: value.replace("{", "{{").replace("}", "}}") for name, value in secrets.items()}
    return {**doubled, CURSOR: _START}
