"""``connectors validate``: everything that must be changed, in every environment, with its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.options import Usual, unpacked
from connector_assets.errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from pathlib import Path

    from connector_assets.cli.output import Output
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def validate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One connector; else all.")] = "",
    *,
    usual: Usual,
) -> None:
    """Check the project; print every error with file and line.

    Without --env it is checked in each of its environments. No source, destination or secret is
    asked: `connectors credentials check` does that. Exits with 3 if something must be changed.
    """
    from connector_assets.cli.context import find

    root = find(usual.project)
    projects, errors = _load_all(root, usual.env)
    if name:
        errors = _only(name, projects, errors)
    good = _list_good(projects[0], errors, name=name) if projects else []
    warnings = list(_warn(projects[0], name)) if projects else []
    if usual.json:
        usual.output.print_json(
            {
                "ok": not errors,
                "connectors": good,
                "errors": [error.to_record() for error in errors],
                "warnings": [warning.to_record() for warning in warnings],
            }
        )
    else:
        _print(usual.output, errors, warnings=warnings, good=len(good))
    if errors:
        raise typer.Exit(ConfigError.exit_code)


def _load_all(root: Path, env: str | None) -> tuple[list[Project], list[ConfigError]]:
    """Return the project in each environment that can be read, and each error once."""
    from connector_assets.cli.validate_secrets import check_places
    from connector_assets.project import load_project

    projects: list[Project] = []
    found: dict[tuple[str, str], ConfigError] = {}
    for environment in (env,) if env else _environments(root):
        try:
            project = load_project(root, environment=environment, tolerate=True)
        except ConfigError as error:
            errors = list(ConfigErrors.split(error))
        else:
            projects.append(project)
            errors = [error for one in project.broken for error in one.errors]
            errors += [*_read_locks(project), *check_places(project), *_check_alerts(project)]
        found |= {(error.place, error.problem): error for error in errors}
    return projects, sorted(found.values(), key=_line)


def _environments(root: Path) -> list[str | None]:
    from connector_assets.project_file import FILE
    from connector_assets.yaml_marks import load_document

    try:
        said: Any = load_document(root / FILE, label=FILE).values.get("environments")
    except ConfigError:
        said = None
    return list(said) if isinstance(said, dict) and said else [None]


def _read_locks(project: Project) -> Iterator[ConfigError]:
    from connector_assets.lock import load_lock

    for connector in project.connectors:
        try:
            load_lock(connector.name, root=project.root)
        except ConfigError as error:
            yield error


def _check_alerts(project: Project) -> Iterator[ConfigError]:
    """Yield the rules about alerts that tell nobody; a sync does not care for them."""
    from connector_assets.project_file import FILE
    from connector_assets.project_rules import check_alert_rules
    from connector_assets.yaml_marks import load_document

    broken = frozenset(one.name for one in project.broken)
    found = check_alert_rules(project.alerts, connectors=project.connectors, broken_names=broken)
    document = load_document(project.root / FILE, label=FILE)
    document = document.overlaid(("environments", project.environment))
    for path, error in found:
        yield error.with_context(place=document.place(path))


def _only(name: str, projects: list[Project], errors: list[ConfigError]) -> list[ConfigError]:
    """Return the errors of one connector; all of them where connectors.yaml itself is wrong."""
    if not projects:
        return errors
    files = {str(one.file) for project in projects for one in project.broken if one.name == name}
    if not files:
        projects[0].connector(name)
    return [
        error
        for error in errors
        if error.connector == name or error.place.partition(":")[0] in files
    ]


def _list_good(project: Project, errors: list[ConfigError], *, name: str) -> list[str]:
    """Return the names of those that no error is about."""
    wrong = {error.connector for error in errors}
    files = {error.place.partition(":")[0] for error in errors}
    return [
        one.name
        for one in project.connectors
        if name in ("", one.name) and one.name not in wrong and one.file.as_posix() not in files
    ]


def _warn(project: Project, name: str) -> Iterator[ConfigError]:
    """Yield what a sync will need, and an editor cannot know: a tap that is not declared yet."""
    from connector_assets.cli.validate_secrets import warn_of_env_file, warn_of_models
    from connector_assets.engines.meltano_project import find_extractor, load_meltano_project
    from connector_assets.model import Engine

    yield from warn_of_env_file(project.root)
    for connector in project.connectors:
        if name in ("", connector.name):
            yield from warn_of_models(connector)
        if connector.engine is Engine.MELTANO and name in ("", connector.name):
            try:
                found = load_meltano_project(project.root)
                find_extractor(found, name=connector.source, place=str(connector.file))
            except ConfigError as error:
                yield error.with_context(connector=connector.name)


def _print(
    output: Output, errors: list[ConfigError], *, warnings: list[ConfigError], good: int
) -> None:
    from connector_assets.cli.output import print_list

    print_list(output.console, errors, word="error: ")
    print_list(output.console, warnings, word="warning: ", style="yellow")
    counted = [f"{good} connector{'' if good == 1 else 's'} ok"]
    counted += [f"{len(errors)} error{'' if len(errors) == 1 else 's'}"] if errors else []
    counted += [f"{len(warnings)} warning{'' if len(warnings) == 1 else 's'}"] if warnings else []
    output.print(", ".join(counted))


def _line(error: ConfigError) -> tuple[str, int]:
    file, _, line = error.place.rpartition(":")
    return (file, int(line)) if line.isdigit() else (error.place, 0)
