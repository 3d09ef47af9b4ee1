"""A new connector before it is written: its files as texts, checked against the project."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass

from connector_assets.cli.scaffold import render_template
from connector_assets.connector_build import build_connector
from connector_assets.connector_rules import DLT_SOURCES, Surroundings
from connector_assets.engines.meltano_project import load_meltano_project
from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.model import Connector, Engine
from connector_assets.naming import NAME_REASON, is_name
from connector_assets.project import FOLDER, Project
from connector_assets.project_file import load_settings
from connector_assets.yaml_marks import parse_document

PYTHON = "python"
OWNER = "team-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A connector to be made: ``files`` are texts by path in the project, its own file first.

    ``module_file`` is where the function of a ``python:`` source is to stand, else empty.
    """

    name: str
    engine: Engine
    source: str
    file: str
    files: Mapping[str, str]
    module_file: str = ""


def plan_draft(
    project: Project, name: str, *, source: str, engine: Engine | None, destination: str
) -> Draft:
    """Return the files of a new connector.

    Raises:
        ConfigError: The name, source or destination cannot be used, or the name is taken.
    """
    _check_name(project, name)
    chosen = engine or _guess_engine(project, source)
    if chosen is Engine.DLT:
        _check_dlt_source(source)
    settings = load_settings(project.root, environment=project.environment)
    values = {
        "name": name,
        "variable": name.upper(),
        "source": source,
        "owner": settings.defaults.owner or OWNER,
        "timezone": settings.defaults.timezone or "UTC",
        "destination": _complete(project, destination, dataset=name),
        **_locate_module(source),
    }
    template = source.partition(":")[0] if chosen is Engine.DLT else str(Engine.MELTANO)
    head = render_template("head.yaml", **values).rstrip("\n")
    file, module_file = f"{FOLDER}/{name}.yaml", values["module_file"]
    files = {file: render_template(f"{template}.yaml", head=head, **values)}
    if module_file and not (project.root / module_file).exists():
        files[module_file] = render_template("source.py.txt", **values)
    return Draft(
        name=name, engine=chosen, source=source, file=file, files=files, module_file=module_file
    )


def check_draft(project: Project, draft: Draft, *, place: str = "connectors new") -> Connector:
    """Return the connector that a new file would be, before it is there.

    ``place`` is what errors call the maker of the file.

    Raises:
        ConfigError: It would break a rule, or load into another connector's dataset.
    """
    settings = load_settings(project.root, environment=project.environment)
    around = Surroundings(
        environment=project.environment,
        environments=project.environments,
        destinations=project.destinations,
        defaults=settings.defaults,
    )
    try:
        made = build_connector(
            parse_document(draft.files[draft.file], label=draft.file), around=around
        )
    except ConfigError as error:
        found = ConfigErrors.split(error)
        # The file is not there: its lines would lead nowhere.
        problems = [ConfigError(one.problem, place=place, fix=one.fix) for one in found]
        raise ConfigErrors.collect(problems) from error
    other = next((one for one in project.connectors if one.target == made.target), None)
    if other:
        raise ConfigError(
            f"the connector {other.name!r} loads into {made.target} already",
            place=str(other.file),
            fix=f"Give another dataset: --destination {made.destination.name}.DATASET",
        )
    return made


def declared_extractors(project: Project) -> tuple[str, ...]:
    """Return the extractors of the project's meltano.yml, none if it cannot be read."""
    try:
        return tuple(load_meltano_project(project.root).extractors)
    except ConfigError:
        return ()


def _check_name(project: Project, name: str) -> None:
    if not is_name(name):
        raise ConfigError(f"a connector cannot be called {name!r}", fix=NAME_REASON)
    known = {one.name: one.file for one in project.connectors}
    known |= {one.name: one.file for one in project.broken}
    if name in known:
        raise ConfigError(
            f"there is a connector {name!r} already", place=str(known[name]), fix="Name another."
        )
    file = f"{FOLDER}/{name}.yaml"
    if (project.root / file).exists():
        raise ConfigError("the file exists already", place=file, fix="Name another connector.")


def _guess_engine(project: Project, source: str) -> Engine:
    extractors = declared_extractors(project)
    if source in extractors or source.startswith("tap-"):
        return Engine.MELTANO
    if source in DLT_SOURCES or source.startswith(f"{PYTHON}:"):
        return Engine.DLT
    raise ConfigError(
        f"{source!r} is no source that is known here",
        place="--source",
        value=source,
        valid=(*DLT_SOURCES, *extractors),
    )


def _check_dlt_source(source: str) -> None:
    kind, _, target = source.partition(":")
    if kind != PYTHON and source in DLT_SOURCES:
        return
    module, _, function = target.partition(":")
    words = (*module.split("."), function)
    if kind == PYTHON and all(
        word.isidentifier() and not keyword.iskeyword(word) for word in words
    ):
        return
    raise ConfigError(
        f"{source!r} is no source of dlt", place="--source", value=source, valid=DLT_SOURCES
    )


def _locate_module(source: str) -> dict[str, str]:
    if not source.startswith(f"{PYTHON}:"):
        return {"module_file": "", "function": ""}
    _, module, function = source.split(":")
    return {"module_file": f"{module.replace('.', '/')}.py", "function": function}


def _complete(project: Project, destination: str, *, dataset: str) -> str:
    name, dot, rest = destination.partition(".")
    name = name or next(iter(project.destinations))
    return f"{name}.{rest if dot else dataset}"
