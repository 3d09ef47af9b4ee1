"""How a dlt connector's config becomes a dlt source: one builder per source kind.

``config`` reaches dlt as it is, with ``${name}`` replaced by secrets; each stream is one resource.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.extract import Incremental

from connector_assets.credentials.references import fill_references
from connector_assets.engines.stopping import stop_after
from connector_assets.errors import ConfigError, FatalSyncError, StreamMissing
from connector_assets.model import DLT_ASSETS, PYTHON_SOURCES, Connector, Stream
from connector_assets.naming import column_name

#: A look at the structure reads so many pages of an API, or yields of a function, and no longer.
_SAMPLE_PAGES, _SAMPLE_SECONDS = 3, 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What a builder gets, with the secrets filled into ``config``."""

    connector: Connector
    config: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    sample: bool
    known: Collection[str]

    def options(self, item: Stream) -> dict[str, Any]:
        """Return a stream's options: those of the connector, and its own over them."""
        return {**self.config, **fill_references(item.config, values=self.secrets)}


def build_source(
    connector: Connector,
    *,
    secrets: Mapping[str, str],
    sample: bool = False,
    known: Collection[str] = (),
) -> Any:
    """Return the dlt source of a connector with its streams selected, and their hints.

    A database is connected to, and its tables are reflected; no row is read. With ``sample`` the
    source gives no rows of a database, and of others as few as show their structure. ``known``
    streams were read before.

    Raises:
        ConfigError: The source kind is unknown.
        StreamMissing: A stream has no resource in it.
        ConnectorError: The source could not be made; as :func:`explain` says.
    """
    builder = _find_builder(connector)
    config = fill_references(connector.config, values=secrets)
    given = _Given(
        connector=connector,
        config=config,
        secrets=secrets,
        sample=sample,
        known=known,
    )
    with _explained(connector):
        source = builder(given)
    _check_streams(connector, offered=source.resources)
    chosen = source.with_resources(*(item.name for item in connector.streams))
    for item in connector.streams:
        resource = chosen.resources[item.name]
        lost = connector.source == "sql_database" and item.name in known and _misses(resource, item)
        _apply_hints(resource, item, follow=not lost, ordered=_is_ordered(connector))
        if connector.commit:
            stop_after(resource, connector.commit)
    return chosen


def list_ordered(source: Any) -> set[str]:
    """Return the resources of a source whose rows come in the order of their cursor."""
    found = {name: _find_incremental(one) for name, one in source.selected_resources.items()}
    return {name for name, one in found.items() if one is not None and one.row_order == "asc"}


def list_offered(connector: Connector, source: Any) -> tuple[str, ...] | None:
    """Return all streams of a source that makes them itself, read or not.

    None where the platform made the resources: those of the connector, and no others.
    """
    return tuple(source.resources) if connector.source_kind in PYTHON_SOURCES else None


def _find_builder(connector: Connector) -> Callable[[_Given], Any]:
    kind = connector.source_kind
    if kind in _BUILDERS:
        return _BUILDERS[kind]
    raise ConfigError(
        f"{connector.source!r} is no dlt source",
        place=str(connector.file),
        value=kind,
        valid=_BUILDERS,
        connector=connector.name,
    )


def _check_streams(connector: Connector, *, offered: Mapping[str, Any]) -> None:
    for item in connector.streams:
        if item.name not in offered:
            raise StreamMissing(
                f"{connector.source} has no stream {item.name!r}",
                place=f"{connector.file}:{item.line}" if item.line else str(connector.file),
                value=item.name,
                valid=sorted(offered),
                connector=connector.name,
                stream=item.name,
            )


@contextmanager
def _explained(connector: Connector, *, stream: str = "") -> Iterator[None]:
    """Turn what a builder raises into our error, with the stream where one is known."""
    # The platform's own builders do nothing that a right config could break.
    python = connector.source_kind in PYTHON_SOURCES
    try:
        yield
    except Exception as error:
        # SQLAlchemy and requests come with it: only where there is something to explain.
        from connector_assets.engines.dlt_errors import explain

        otherwise = FatalSyncError if python else ConfigError
        ours = explain(error, connector, stream=stream, otherwise=otherwise)
        if ours is error:
            raise
        raise ours from error


def _is_ordered(connector: Connector) -> bool:
    """Tell whether rows are asked for in the order of the cursor: a part ends anywhere."""
    return connector.commit is not None and connector.source == "sql_database"


def _apply_hints(resource: Any, item: Stream, *, follow: bool, ordered: bool) -> None:
    hints: dict[str, Any] = {"table_name": item.table, "write_disposition": str(item.write)}
    if item.primary_key:
        hints["primary_key"] = list(item.primary_key)
    if item.cursor and follow and _find_incremental(resource) is None:
        order: Any = "asc" if ordered else None
        hints["incremental"] = dlt.sources.incremental(item.cursor, row_order=order)
    resource.apply_hints(**hints)


def _misses(resource: Any, item: Stream) -> bool:
    """Tell whether a table has no such column as its cursor: the gate tells of it."""
    columns = resource.compute_table_schema().get("columns", {})
    return column_name(item.cursor) not in map(column_name, columns)


def _find_incremental(resource: Any) -> Any:
    """Return the incremental that a resource has, which a hint would displace; None for none.

    One made of a function has it in an argument, and an empty wrapper until it is called; files
    have theirs one step before.
    """
    own = getattr(resource.incremental, "incremental", resource.incremental)
    if own is not None:
        return own
    steps = resource._pipe.parent.steps if resource._pipe.has_parent else []
    arguments = (resource.explicit_args if resource.args_bound else None) or {}
    given = [*steps, *arguments.values()]
    function = resource._pipe.gen
    if callable(function):
        signature = inspect.signature(inspect.unwrap(function))
        given += [each.default for each in signature.parameters.values()]
    found = (getattr(each, "incremental", each) for each in given)
    return next((each for each in found if isinstance(each, Incremental)), None)


def _build_rest_api(given: _Given) -> Any:
    from connector_assets.engines.rest_source import build_api

    api = build_api(given.connector, given.config, given.secrets, known=given.known)
    return _limit(api, given)


def _build_sql_database(given: _Given) -> Any:
    from connector_assets.engines.sql_source import build_table

    resources = []
    for item in given.connector.streams:
        with _explained(given.connector, stream=item.name):
            options = {"table": item.name, **given.options(item)}
            resources.append(build_table(options, rows=not given.sample).with_name(item.name))
    return _as_source(given, resources)


def _build_filesystem(given: _Given) -> Any:
    from connector_assets.engines.file_source import build_files

    resources = []
    for item in given.connector.streams:
        with _explained(given.connector, stream=item.name):
            found = build_files(item, options=given.options(item), sample=given.sample)
            resources.append(found)
    return _as_source(given, resources)


def _build_python(given: _Given) -> Any:
    from connector_assets.engines.python_source import import_target

    made = import_target(given.connector)(**given.config)
    if not hasattr(made, "resources"):
        made = _as_source(given, made if isinstance(made, list | tuple) else [made])
    return _limit(made, given)


def _build_dlt_assets(given: _Given) -> Any:
    from connector_assets.engines.python_source import find_assets_source

    return _limit(find_assets_source(given.connector), given)


def _limit(source: Any, given: _Given) -> Any:
    """Return a source that ends after some pages, where only its structure is looked at."""
    if given.sample:
        for resource in source.resources.values():
            # A transformer ends with what it is given.
            if not resource.is_transformer:
                resource.add_limit(max_items=_SAMPLE_PAGES, max_time=_SAMPLE_SECONDS)
    return source


def _as_source(given: _Given, resources: Any) -> Any:
    return dlt.source(lambda: resources, name=given.connector.name)()


_BUILDERS: dict[str, Callable[[_Given], Any]] = {
    "rest_api": _build_rest_api,
    "sql_database": _build_sql_database,
    "filesystem": _build_filesystem,
    "python": _build_python,
    DLT_ASSETS: _build_dlt_assets,
}
