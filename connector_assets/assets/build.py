"""Builds the Dagster view of a project: a group per connector, an asset per stream, the sources."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BetaWarning,
    Definitions,
    DependencyDefinition,
    GraphDefinition,
    InputMapping,
    JobDefinition,
    NodeInvocation,
    OutputMapping,
    in_process_executor,
)

from connector_assets.assets.check_ops import build_checks
from connector_assets.assets.checks import build_check_specs
from connector_assets.assets.definition_metadata import describe_stream
from connector_assets.assets.keys import asset_key, broken_key, source_group, source_key
from connector_assets.assets.ports import list_checks, stream_name, upstream_name
from connector_assets.assets.sensors import build_sensors
from connector_assets.assets.steps import StepOps
from connector_assets.assets.systems import find_system
from connector_assets.lock import LockedStream
from connector_assets.model import DLT_ASSETS, Connector, Engine, Step
from connector_assets.project import BrokenConnector, Project
from connector_assets.project_locks import load_locks


def build_definitions(project: Project, *, stand_ins: bool = False) -> Definitions:
    """Return everything that Dagster shows of a project; reads its locks and nothing else.

    A connector file that cannot be used is a group of its own with the error in it; the others are
    not concerned. Of hand-written ``@dlt_assets`` the checks and the source system are here, and
    the assets where they are written: with ``stand_ins`` they are external assets here, for
    definitions that are not merged with those.
    """
    with quiet():
        return _build(project, stand_ins=stand_ins)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Dagster from saying "beta" of each asset: the code references are its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)
        yield


def _build(project: Project, *, stand_ins: bool) -> Definitions:
    ops = StepOps(project.root, environment=project.environment)
    connectors = {one.name: one for one in project.connectors}
    found: list[AssetsDefinition | AssetSpec] = []
    found_checks = []
    usable, locks = load_locks(project)
    for connector in usable.connectors:
        lock = locks[connector.name]
        place = Place(
            root=project.root,
            locked=lock.streams if lock else {},
            upstream=list_upstream(connector, among=connectors),
        )
        if connector.source_kind != DLT_ASSETS:
            found.append(build_group(connector, ops=ops, place=place))
            continue
        found += build_specs(connector, place=place) if stand_ins else []
        found_checks.append(
            build_checks(connector, root=project.root, environment=project.environment)
        )
    found += [*_build_sources(project.connectors), *map(_build_broken, usable.broken)]
    return Definitions(
        assets=found,
        asset_checks=found_checks,
        jobs=_build_jobs(project),
        sensors=build_sensors(project.root, environment=project.environment),
        # Four processes would take twenty seconds, and could not close a cancelled sync.
        executor=in_process_executor,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connector stands: its project, its lock, and the assets that come first."""

    root: Path
    locked: Mapping[str, LockedStream]
    upstream: Sequence[AssetKey]


def build_group(connector: Connector, *, ops: StepOps, place: Place) -> AssetsDefinition:
    """Return a connector's assets: one per stream, made by the four steps, selectable alone."""
    return AssetsDefinition(
        keys_by_input_name={upstream_name(at): key for at, key in enumerate(place.upstream)},
        keys_by_output_name=dict(zip(_list_streams(connector), _list_keys(connector), strict=True)),
        node_def=_build_graph(connector, ops=ops, upstream=len(place.upstream)),
        can_subset=True,
        check_specs_by_output_name=build_check_specs(connector),
        specs=build_specs(connector, place=place),
    )


def build_specs(connector: Connector, *, place: Place) -> list[AssetSpec]:
    """Return what Dagster shows of each stream before any sync, whoever makes the assets."""
    deps = [source_key(find_system(connector)), *place.upstream]
    tags = _build_tags(connector)
    return [
        AssetSpec(
            key,
            deps=deps,
            skippable=True,
            group_name=connector.name,
            description=_describe(connector),
            kinds={str(connector.engine), str(connector.destination.kind)},
            owners=_build_owners(connector),
            tags=tags,
            metadata=describe_stream(connector, stream, root=place.root, locked=place.locked),
        )
        for key, stream in zip(_list_keys(connector), connector.streams, strict=True)
    ]


def list_upstream(connector: Connector, *, among: Mapping[str, Connector]) -> list[AssetKey]:
    """Return the assets that a connector waits for; of what it depends on, those that are there."""
    before = (among[name] for name in connector.depends_on if name in among)
    return [key for one in before for key in _list_keys(one)]


def _build_graph(connector: Connector, *, ops: StepOps, upstream: int) -> GraphDefinition:
    start, run = ops.start(upstream), ops.run(connector.run_step)
    final = ops.final(len(connector.streams))
    chain = ((start, Step.START), (run, connector.run_step), (ops.finalize, Step.FINALIZE))
    before = ""
    dependencies: dict[NodeInvocation, dict[str, Any]] = {}
    for node, step in (*chain, (final, Step.STATUS)):
        needs = {"sync_id": DependencyDefinition(before)} if before else {}
        dependencies[NodeInvocation(node.name, alias=str(step))] = needs
        before = str(step)
    return GraphDefinition(
        name=connector.name,
        node_defs=[start, run, ops.finalize, final],
        dependencies=dependencies,
        input_mappings=[
            InputMapping(
                graph_input_name=upstream_name(number),
                mapped_node_name=str(Step.START),
                mapped_node_input_name=upstream_name(number),
            )
            for number in range(upstream)
        ],
        output_mappings=[
            OutputMapping(
                graph_output_name=name,
                mapped_node_name=str(Step.STATUS),
                mapped_node_output_name=name,
            )
            for name in _list_outputs(connector)
        ],
    )


def _build_sources(connectors: Sequence[Connector]) -> Iterator[AssetSpec]:
    """Yield the systems that connectors read, each once, as assets that others make."""
    systems = {source_key(system): system for system in map(find_system, connectors)}
    for key, system in systems.items():
        yield AssetSpec(
            key,
            group_name=source_group(system),
            kinds={system.kind},
            description=f"{system.place or system.path[-1]}: a source that connectors read",
        )


def _build_broken(broken: BrokenConnector) -> AssetSpec:
    lines = "\n\n".join(f"`{error.place}` {error.problem}. {error.fix}" for error in broken.errors)
    return AssetSpec(
        broken_key(broken.file.stem),
        group_name=f"broken_{broken.name}" if broken.name else "broken",
        kinds={"broken"},
        description=f"{broken.file} cannot be used, and nothing of it runs.\n\n{lines}",
        tags={"connectors/broken": "true"},
    )


def _build_jobs(project: Project) -> list[JobDefinition]:
    """Return Meltano's maintenance jobs, where there are taps and the extra for them."""
    taps = any(one.engine is Engine.MELTANO for one in project.connectors)
    if not taps or importlib.util.find_spec("dagster_meltano") is None:
        return []
    from connector_assets.assets.meltano_jobs import build_meltano_jobs

    return build_meltano_jobs(project)


def _list_streams(connector: Connector) -> list[str]:
    return [stream_name(number) for number in range(len(connector.streams))]


def _list_outputs(connector: Connector) -> list[str]:
    return [*_list_streams(connector), *list_checks(len(connector.streams))]


def _list_keys(connector: Connector) -> list[AssetKey]:
    return [asset_key(connector.name, stream.name) for stream in connector.streams]


def _describe(connector: Connector) -> str:
    # Without Markdown: the catalog shows the first words as they are.
    words = f"From {connector.source} into {connector.target}"
    return f"{words}, {_tell_schedule(connector)}."


def _tell_schedule(connector: Connector) -> str:
    if schedule := connector.schedule:
        return f"at {schedule.cron} {schedule.timezone}"
    after = f"after {', '.join(connector.depends_on)}"
    return after if connector.depends_on else "when somebody starts it"


def _build_owners(connector: Connector) -> list[str]:
    if not connector.owner:
        return []
    return [connector.owner if "@" in connector.owner else f"team:{connector.owner}"]


def _build_tags(connector: Connector) -> dict[str, str]:
    return {"connectors/connector": connector.name, "connectors/engine": str(connector.engine)}
