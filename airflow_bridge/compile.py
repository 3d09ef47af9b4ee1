"""Compiles the Dagster asset graph of a project, group by group, into the files that Airflow reads.

The only module of the bridge that reaches Dagster. The same project gives the same bytes, and what
did not change is not written again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_bridge.differences import Facts, Kind
from airflow_bridge.group import Group, GroupAsset, GroupSchedule, GroupStream, Place, render_group
from airflow_bridge.names import FOLDER, LOADER, POOLS, stream_asset
from connector_assets.airflow_api.pools import list_pools, render_pool
from connector_assets.credentials.connections import list_connections
from connector_assets.errors import ConfigError
from connector_assets.extras import require
from connector_assets.files import replace_file
from connector_assets.project_locks import load_locks

if TYPE_CHECKING:
    from dagster import AssetKey
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

    from connector_assets.model import Connector, Schedule
    from connector_assets.project import Project

#: The DAG file, the same for every project.
LOADER_TEXT = '''\
"""The DAGs of this project's connectors, one for each file in `connectors/` beside this one.

Made by `connectors bridge compile`, which also writes those files.
"""

from pathlib import Path

from airflow_bridge.dags import load_dags

globals().update(load_dags(Path(__file__).parent / "connectors"))
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What a run did: names of groups whose file was written, removed, or stands as it was.

    ``pools`` tells whether those that Airflow needs are others than before; ``errors`` are those of
    connectors that cannot be compiled.
    """

    written: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    pools: bool = False
    errors: tuple[ConfigError, ...] = ()


def compile_project(project: Project, *, folder: Path, place: Place | None = None) -> Compiled:
    """Write a file for each group of a project's asset graph, and the loader, into ``folder``.

    A file is replaced as a whole; that of a group which is gone is removed. A group that cannot be
    compiled keeps its file as it is, and so does one that waits for it: a connector file that is
    broken for a minute deletes no DAG, and takes no other off its schedule.

    Raises:
        ConfigError: ``folder`` cannot be written.
    """
    usable, _ = load_locks(project)
    groups = build_groups(project, folder=folder, place=place or Place())
    kept = _list_kept(usable)
    texts = {group.name: render_group(group) for group in groups if group.name not in kept}
    target = folder / FOLDER
    try:
        target.mkdir(parents=True, exist_ok=True)
        written = tuple(
            name for name in sorted(texts) if replace_file(target / f"{name}.json", texts[name])
        )
        replace_file(folder / LOADER, LOADER_TEXT)
        pools = _write_pools(usable, folder / POOLS)
        gone = [path for path in sorted(target.glob("*.json")) if path.stem not in {*texts, *kept}]
        for path in gone:
            path.unlink()
    except OSError as error:
        problem = f"the DAGs' folder cannot be written: {error.strerror}"
        raise ConfigError(
            problem, place=str(error.filename), fix="Name another: --to DIR"
        ) from error
    return Compiled(
        written=written,
        removed=tuple(path.stem for path in gone),
        unchanged=tuple(name for name in sorted(texts) if name not in written),
        pools=pools,
        errors=tuple(error for one in usable.broken for error in one.errors),
    )


def _write_pools(project: Project, file: Path) -> bool:
    """Write the file that `airflow pools import` takes, none where no pool is used.

    Return whether there are other pools now.
    """
    pools = {one.name: render_pool(one) for one in list_pools(project)}
    if not pools:
        file.unlink(missing_ok=True)
        return False
    return replace_file(file, json.dumps(pools, indent=2, sort_keys=True) + "\n")


def build_groups(project: Project, *, folder: Path, place: Place) -> Iterator[Group]:
    """Yield the groups of a project's asset graph, by name; those that are broken are left out.

    Raises:
        ConfigError: Dagster is not installed.
    """
    require("dagster", name="Dagster", extra="dagster")
    from connector_assets.assets.build import build_definitions

    graph = build_definitions(project, stand_ins=True).resolve_asset_graph()
    usable, _ = load_locks(project)
    for connector in usable.connectors:
        yield _build_group(project, connector, graph=graph, folder=folder, place=place)


def read_graph(project: Project) -> dict[str, Facts]:
    """Return what the Dagster asset graph says of each connector: streams, owner, upstream.

    Raises:
        ConfigError: Dagster is not installed.
    """
    require("dagster", name="Dagster", extra="dagster")
    from connector_assets.assets.build import build_definitions
    from connector_assets.assets.keys import asset_key

    graph = build_definitions(project, stand_ins=True).resolve_asset_graph()
    found: dict[str, Facts] = {}
    for connector in project.connectors:
        keys = [asset_key(connector.name, stream.name) for stream in connector.streams]
        known = [key for key in keys if graph.has(key)]
        owners = {owner.removeprefix("team:") for key in known for owner in graph.get(key).owners}
        found[connector.name] = {
            Kind.STREAMS_MISMATCH: sorted(key.path[-1] for key in known),
            Kind.OWNER_MISMATCH: ", ".join(sorted(owners)),
            Kind.UPSTREAM_MISMATCH: [
                asset.name for asset in _list_upstream(connector, known, graph=graph)
            ],
        }
    return found


def plan_upstream(project: Project, group: Group) -> Group:
    """Return a group with what its file says that it waits for, whatever the graph says."""
    connector = project.connector(group.name)
    upstream = [
        stream_asset(name, stream.name)
        for name in connector.depends_on
        for stream in project.connector(name).streams
    ]
    return replace(group, upstream=tuple(sorted(upstream, key=lambda one: one.name)))


def _list_kept(project: Project) -> set[str]:
    broken = {one.name or one.file.stem for one in project.broken}
    waiting = {one.name for one in project.connectors if broken & set(one.depends_on)}
    return broken | waiting


def _build_group(
    project: Project, connector: Connector, *, graph: AssetGraph, folder: Path, place: Place
) -> Group:
    from connector_assets.assets.keys import asset_key
    from connector_assets.plan import plan_connector

    keys = {stream.name: asset_key(connector.name, stream.name) for stream in connector.streams}
    first = graph.get(next(iter(keys.values())))
    tags = {connector.owner, str(connector.engine), connector.destination.name} - {""}
    return Group(
        name=connector.name,
        project_id=project.id,
        project=os.path.relpath(project.root, folder / FOLDER),
        environment=project.environment,
        engine=str(connector.engine),
        run_step=str(connector.run_step),
        streams=tuple(
            GroupStream(
                name=stream.name,
                asset=stream_asset(connector.name, stream.name),
                table=f"{connector.target}.{stream.table}",
            )
            for stream in connector.streams
        ),
        schedule=_build_schedule(connector.schedule),
        upstream=_list_upstream(connector, list(keys.values()), graph=graph),
        retries=connector.retries.max,
        retry_wait=connector.retries.wait,
        timeout=connector.timeout,
        pool=connector.pool,
        owner=connector.owner,
        tags=tuple(sorted(tags)),
        doc=_describe(connector, description=first.description or ""),
        place=place,
        connections=list_connections(
            [*connector.secrets.values(), *connector.destination.secrets.values()]
        ),
        plan=plan_connector(project, connector).fingerprint,
    )


def _build_schedule(schedule: Schedule | None) -> GroupSchedule | None:
    if schedule is None:
        return None
    return GroupSchedule(cron=schedule.cron, timezone=schedule.timezone)


def _list_upstream(
    connector: Connector, keys: list[AssetKey], *, graph: AssetGraph
) -> tuple[GroupAsset, ...]:
    """Return the assets of other connectors that a group's assets depend on."""
    parents = {parent for key in keys for parent in graph.get(key).parent_keys}
    groups = {parent: graph.get(parent).tags.get("connectors/connector") for parent in parents}
    found = [
        stream_asset(*parent.path)
        for parent, group in groups.items()
        if group and group != connector.name
    ]
    return tuple(sorted(found, key=lambda one: one.name))


def _describe(connector: Connector, *, description: str) -> str:
    rows = "\n".join(
        f"| {stream.name} | {connector.target}.{stream.table} | {stream.write} | "
        f"{', '.join(stream.primary_key)} | {stream.cursor} |"
        for stream in connector.streams
    )
    return (
        f"# {connector.name}\n\n{description}\n\n"
        f"| stream | table | write | key | cursor |\n|---|---|---|---|---|\n{rows}\n\n"
        f"File `{connector.file.as_posix()}`, owner {connector.owner or 'nobody'}. "
        f"Of a sync: `connectors logs {connector.name}`, `connectors status {connector.name}`."
    )
