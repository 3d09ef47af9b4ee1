"""Where an imported state comes from: a file of ours, Meltano, or a dlt pipeline."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_assets.cli.import_state import parse_states
from connector_assets.errors import ConfigError
from connector_assets.positions import SINGER_KEY, SINGER_SOURCE

if TYPE_CHECKING:
    from connector_assets.model import Connector
    from connector_assets.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A state that another place has: dlt's ``sources``, and where it was found, in words."""

    sources: Mapping[str, Any]
    origin: str


def load_exported(path: Path, connector: Connector) -> Found:
    """Return the state in a file that ``state export`` wrote.

    Raises:
        ConfigError: It is none, or of another connector, engine or source.
    """
    from connector_assets.state_file import load_state_file

    file = load_state_file(path)
    ours = (connector.name, str(connector.engine), connector.source)
    if (file.connector, file.engine, file.source) != ours:
        raise ConfigError(
            f"the state is of {file.connector} ({file.engine} {file.source}), the connector is"
            f" {connector.name} ({connector.engine} {connector.source})",
            place=str(path),
            connector=connector.name,
            fix="Nothing was changed. A state means something to its own source only.",
        )
    origin = f"version {file.version} of environment {file.environment}"
    return Found(sources=file.state.get("sources") or {}, origin=origin)


def find_meltano(path: Path, connector: Connector, *, state_id: str, environment: str) -> Found:
    """Return the state that Meltano has for a connector's tap.

    Without ``state_id`` it is that of the tap in the environment, or the only one there is.

    Raises:
        ConfigError: There is none, there are several, or it has none of the connector's streams.
    """
    from connector_assets.engines.foreign_states import fetch_meltano_states
    from connector_assets.model import Engine

    _check_engine(connector, Engine.MELTANO, option="--from-meltano")
    states = parse_states(fetch_meltano_states(path))
    made = f"{environment}:{connector.source}-to-"
    fitting = (
        [name for name in states if name == state_id]
        if state_id
        else [name for name in states if name.startswith(made)] or list(states)
    )
    different = {json.dumps(states[name].state, sort_keys=True) for name in fitting}
    if len(different) != 1:
        raise _not_one(path, names=list(states), given=state_id, option="--state-id")
    chosen = states[fitting[0]]
    known = set(chosen.bookmarks)
    if not known & {one.name for one in connector.streams}:
        raise ConfigError(
            f"{chosen.id} has bookmarks of {', '.join(sorted(known)) or 'no stream'}, and of none"
            f" of the streams of {connector.name}",
            place=str(path),
            connector=connector.name,
            fix="Nothing was changed. Name another state with --state-id.",
        )
    sources = {SINGER_SOURCE: {SINGER_KEY: dict(chosen.state)}}
    return Found(sources=sources, origin=f"Meltano's state {chosen.id}")


def find_dlt(place: str, connector: Connector, *, pipeline: str, project: Project) -> Found:
    """Return the state of a dlt pipeline, as the connector's own source has it.

    ``place`` is its working folder, a DuckDB file that it loads into, or a destination of the
    project, with a dataset or without.

    Raises:
        ConfigError: There is none, there are several, or it does not fit the connector.
    """
    from connector_assets.engines.foreign_states import fit_sources, load_pipeline_state
    from connector_assets.model import Engine

    _check_engine(connector, Engine.DLT, option="--from-dlt")
    folder = Path(place).expanduser()
    if folder.is_dir():
        state, origin = load_pipeline_state(folder), f"the dlt pipeline {folder.name}"
    else:
        state, origin = _fetch_loaded(place, pipeline=pipeline, project=project)
    # A source in Python is imported for its name. Last, as in a sync: no file hides another module.
    sys.path.append(str(project.root))
    with chdir(project.root):
        sources = fit_sources(connector, state.get("sources") or {}, root=project.root)
    return Found(sources=sources, origin=origin)


def _fetch_loaded(place: str, *, pipeline: str, project: Project) -> tuple[dict[str, Any], str]:
    from connector_assets.credentials.sources import resolve_secrets
    from connector_assets.destinations.foreign_states import fetch_pipeline_states
    from connector_assets.destinations.locks import file_lock
    from connector_assets.model import Destination, DestinationKind

    file, dataset = Path(place).expanduser(), ""
    if file.is_file():
        path = str(file.resolve())
        destination = Destination(name="theirs", kind=DestinationKind.DUCKDB, path=path)
    elif "/" in place:
        raise ConfigError("there is no such folder or file", place=place)
    else:
        name, _, dataset = place.partition(".")
        destination = project.destination(name)
    of = f"destination {destination.name}"
    secrets = resolve_secrets(destination.secrets, of=of, root=project.root)
    with file_lock(destination, purpose="import of a state"):
        states = fetch_pipeline_states(destination, secrets=secrets, dataset=dataset)
    fitting = [one for one in states if not pipeline or pipeline in (one, one.partition(".")[2])]
    if len(fitting) != 1:
        raise _not_one(place, names=list(states), given=pipeline, option="--pipeline")
    return states[fitting[0]], f"the dlt pipeline {fitting[0]} in {place}"


def _not_one(place: object, *, names: list[str], given: str, option: str) -> ConfigError:
    problem = f"there is no state {given!r}" if given else f"there are {len(names)} states"
    if not names:
        return ConfigError("there is no state", place=str(place), fix="Nothing was changed.")
    fix = f"Say which one with {option}: {', '.join(sorted(names))}. Nothing was changed."
    return ConfigError(problem, place=str(place), fix=fix)


def _check_engine(connector: Connector, engine: str, *, option: str) -> None:
    if connector.engine != engine:
        raise ConfigError(
            f"{connector.name} is run by {connector.engine}, {option} is for {engine}",
            connector=connector.name,
            place=f"{connector.file}",
            fix="Nothing was changed. A state means something to its own engine only.",
        )
