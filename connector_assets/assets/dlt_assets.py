"""Hand-written `@dlt_assets` as connectors: shown like the others, and run by the same four steps.

The connector's file says `source: dlt_assets:module:function`, so that every command knows it by
its name; the pipeline of the assets has the name of the connector. Needs dagster-dlt, and imports
dlt: nothing else of the Dagster view imports this module. (Dagster reads the annotations of
`context` as objects: no `from __future__ import annotations`.)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, Optional

from connector_assets.errors import ConfigError

try:
    from dagster import (
        AssetExecutionContext,
        AssetKey,
        AssetSpec,
        MaterializeResult,
        OpExecutionContext,
    )
    from dagster_dlt import DagsterDltResource, DagsterDltTranslator
    from dagster_dlt.dlt_event_iterator import DltEventIterator, DltEventType
    from dagster_dlt.translator import DltResourceTranslatorData
    from dlt import Pipeline
    from dlt.common.destination import Destination
    from dlt.extract import DltResource, DltSource
except ModuleNotFoundError as error:
    raise ConfigError(
        f"{error.name} is not installed, and hand-written `@dlt_assets` need it",
        fix="Run: pip install 'connector-assets[dagster]'",
    ) from error

from connector_assets.assets.build import Place, build_specs, list_upstream, quiet
from connector_assets.assets.keys import asset_key
from connector_assets.assets.opening import find_root, open_setting
from connector_assets.assets.run_metadata import describe_end
from connector_assets.assets.runners import (
    Context,
    InPlace,
    Runner,
    find_root_run,
    pick_runner,
    select,
)
from connector_assets.assets.steps import LogObserver, check_end
from connector_assets.engines.python_source import PIPELINE_KEY, SOURCE_KEY
from connector_assets.lifecycle.setting import Setting, make_sync_id
from connector_assets.lock import load_lock
from connector_assets.model import DLT_ASSETS, Connector
from connector_assets.project import FOLDER, Project, load_project

TRANSLATOR_KEY = "dagster_dlt/translator"


@dataclass
class ConnectorDltTranslator(DagsterDltTranslator):
    """Shows each resource as a stream of the connector that is called like the pipeline.

    ``root`` is the project's folder; without one it is found as ``connector_assets.definitions``
    finds it. The project is read once, so that one translator serves many ``@dlt_assets``.
    """

    root: Path | None = None

    @cached_property
    def project(self) -> Project:
        """The project, as its files were when it was first asked for."""
        return load_project(self.root or find_root(), tolerate=True)

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        """Return what Dagster shows of a resource before any sync: as of any other connector.

        Where the connector's file or lock cannot be used, a spec that says so: the error comes when
        the asset is run, and takes nothing else down.

        Raises:
            ConfigError: The project has no such connector, its source is not ``dlt_assets``, it
                does not have the stream, or the pipeline names another place to load into.
        """
        assert data.pipeline is not None
        name = data.pipeline.pipeline_name
        try:
            connector = self.project.connector(name)
            lock = load_lock(name, root=self.project.root)
        except ConfigError as error:
            if name in _list_names(self.project):
                return _build_broken(name, data.resource, error=error)
            raise
        _check(connector, data.resource, pipeline=data.pipeline)
        stream = connector.stream(data.resource.name)
        assert stream is not None
        among = {one.name: one for one in self.project.connectors}
        place = Place(
            root=self.project.root,
            locked=lock.streams if lock else {},
            upstream=list_upstream(connector, among=among),
        )
        with quiet():
            (spec,) = build_specs(replace(connector, streams=(stream,)), place=place)
        return spec


class ConnectorDltEvents(DltEventIterator[DltEventType]):
    """What a sync made of each stream; rows are counted already."""

    def fetch_row_count(self) -> "ConnectorDltEvents":
        """Return the events as they are: each has ``dagster/row_count`` from the sync itself."""
        return self


class ConnectorDltResource(DagsterDltResource):
    """Runs hand-written ``@dlt_assets`` through lifecycle, audit gate and atomic load.

    A drop-in for ``DagsterDltResource``; the assets need a :class:`ConnectorDltTranslator`.
    """

    # dagster-dlt's own annotations: the metaclass of `Pipeline` does not support `|`.
    def run(
        self,
        context: OpExecutionContext | AssetExecutionContext,
        dlt_source: Optional[DltSource] = None,  # noqa: UP045 # see above
        dlt_pipeline: Optional[Pipeline] = None,  # noqa: UP045 # see above
        dagster_dlt_translator: DagsterDltTranslator | None = None,
        **kwargs: Any,
    ) -> DltEventIterator[DltEventType]:
        """Sync the selected assets and yield a result of each, with the metadata of the sync.

        The engine is a process of its own, which imports the source by the connector's file.

        Raises:
            ConfigError: It is not run by ``@dlt_assets`` with our translator, or is given what
                would not reach the engine.
            RetryRequested: The failure was transient, and the connector's retries are not over.
            Failure: The sync did not end well; with cause and next command.
        """
        given = {
            "dlt_source": dlt_source,
            "dlt_pipeline": dlt_pipeline,
            "dagster_dlt_translator": dagster_dlt_translator,
            **kwargs,
        }
        names = [name for name, one in given.items() if one is not None]
        assets = _read_assets(context, given=names)
        return ConnectorDltEvents(_run(context, assets), context, assets.pipeline)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assets:
    """What `@dlt_assets` keeps of its arguments, and the selected assets by stream.

    ``streams`` are those to be synced; empty for all that the file has, so that the gate learns of
    one that the source lost.
    """

    translator: ConnectorDltTranslator
    pipeline: Pipeline
    selected: Mapping[str, AssetKey]
    streams: tuple[str, ...]


def _read_assets(context: Context, *, given: list[str]) -> _Assets:
    if not isinstance(context, AssetExecutionContext) or not context.has_assets_def:
        _refuse("only runs what is decorated with `@dlt_assets`", fix="Use it in such a function.")
    if context.has_partition_key or context.has_partition_key_range:
        _refuse("knows no partitions", fix="Let the source follow a cursor instead.")
    metadata = next(iter(context.assets_def.metadata_by_key.values()))
    translator, pipeline = metadata.get(TRANSLATOR_KEY), metadata.get(PIPELINE_KEY)
    if not isinstance(translator, ConnectorDltTranslator) or not isinstance(pipeline, Pipeline):
        fix = "Add dagster_dlt_translator=ConnectorDltTranslator() to `@dlt_assets`."
        _refuse("does not know which connector this is", fix=fix)
    if given:
        where = f"{FOLDER}/{pipeline.pipeline_name}.yaml"
        fix = f"Say it in {where} or in the source, and leave it out of run()."
        _refuse(f"cannot hand {', '.join(given)} to the engine, which has its own process", fix=fix)
    keys = {
        resource.name: translator.get_asset_spec(
            DltResourceTranslatorData(resource=resource, pipeline=pipeline)
        ).key
        for resource in metadata[SOURCE_KEY].selected_resources.values()
    }
    selected = {name: key for name, key in keys.items() if key in context.selected_asset_keys}
    streams = () if len(selected) == len(keys) else tuple(selected)
    return _Assets(translator=translator, pipeline=pipeline, selected=selected, streams=streams)


def _run(context: Context, assets: _Assets) -> Iterator[DltEventType]:
    project = assets.translator.project
    observer = LogObserver(context.log.info)
    with open_setting(project.root, environment=project.environment, observer=observer) as setting:
        connector = setting.project.connector(assets.pipeline.pipeline_name)
        runner = pick_runner(context, setting)
        sync_id = _start(runner, context, setting, connector, assets=assets)
        runner.run(setting, connector, sync_id=sync_id)
        runner.finalize(setting, sync_id=sync_id)
        row = runner.status(setting, sync_id=sync_id)
        check_end(setting, row)
        results: list[DltEventType] = [
            MaterializeResult(
                asset_key=assets.selected[stream.name],
                metadata=describe_end(setting, row, stream=stream),
            )
            for stream in connector.streams
            if stream.name in assets.selected
        ]
    yield from results


def _start(
    runner: Runner, context: Context, setting: Setting, connector: Connector, *, assets: _Assets
) -> str:
    """Start the sync, or where Dagster tries the function again, go on with the one it started."""
    if context.retry_number and isinstance(runner, InPlace):
        return make_sync_id(
            find_root_run(context),
            connector=connector.name,
            environment=setting.project.environment,
        )
    streams = select(connector, assets.streams)
    return runner.start(setting, connector, streams=streams)


def _check(connector: Connector, resource: DltResource, *, pipeline: Pipeline) -> None:
    """Make sure that the connector's file and the decorated function say the same."""
    valid = [stream.name for stream in connector.streams]
    destination: Destination[Any, Any] | None = pipeline.destination
    named = destination.destination_name if destination else ""
    if connector.source_kind != DLT_ASSETS:
        problem = f"{connector.name} reads {connector.source}, not what is written by hand"
        fix = f"Write `source: {DLT_ASSETS}:package.module:function`."
    elif resource.name not in valid:
        problem = f"{connector.name} has no stream {resource.name!r}, and the source has"
        fix = "Add it to `streams:`, or leave it out: dlt_source=source.with_resources(...)."
    elif named or (pipeline.dataset_name or connector.dataset) != connector.dataset:
        place = ".".join(filter(None, (named, pipeline.dataset_name)))
        problem = f"the pipeline loads into {place}, and the connector into {connector.target}"
        fix = (
            "Leave `destination=` and `dataset_name=` out of dlt.pipeline(). dlt remembers them "
            f"from earlier runs in {pipeline.working_dir}: remove it, too."
        )
    else:
        return
    raise ConfigError(problem, place=str(connector.file), fix=fix, connector=connector.name)


def _list_names(project: Project) -> set[str]:
    return {*(one.name for one in project.connectors), *(one.name for one in project.broken)}


def _build_broken(name: str, resource: DltResource, *, error: ConfigError) -> AssetSpec:
    return AssetSpec(
        asset_key(name, resource.name),
        group_name=name,
        kinds={"broken"},
        description=f"It cannot be run.\n\n{error}",
        tags={"connectors/broken": "true"},
    )


def _refuse(problem: str, *, fix: str) -> NoReturn:
    raise ConfigError(f"ConnectorDltResource {problem}", fix=fix)
