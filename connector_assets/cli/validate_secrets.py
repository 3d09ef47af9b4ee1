"""What ``connectors validate`` says of secrets: which cannot be read where connectors run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from connector_assets.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from connector_assets.model import Connector
    from connector_assets.project import Project


_ELSE = "set {variable} here and wherever else it is used, or write another source."


def check_places(project: Project) -> Iterator[ConfigError]:
    """Yield each ``airflow-connection:`` that a place where it is used cannot read.

    A connector's own are read where it runs: by Airflow, if connectors.yaml names one. Those of a
    destination are also read by `query`, `maintain` and Dagster, which have no Airflow.
    """
    for connector in project.connectors:
        sources = {} if project.airflow else connector.secrets
        place = connector.file.as_posix()
        fix = "Name the Airflow that runs connectors in connectors.yaml (`airflow:`), or " + _ELSE
        for error in _check(sources, root=project.root, place=place, fix=fix):
            yield error.with_context(connector=connector.name)
    for name, destination in project.destinations.items():
        place = f"connectors.yaml, destination {name}"
        fix = _ELSE[0].upper() + _ELSE[1:]
        yield from _check(destination.secrets, root=project.root, place=place, fix=fix)


def warn_of_models(connector: Connector) -> Iterator[ConfigError]:
    """Yield what a connector still calls by the names of an older credential model."""
    from connector_assets.credential_models import describe_age

    if text := describe_age(connector):
        yield ConfigError(
            text,
            place=connector.file.as_posix(),
            fix=f"See what changes: connectors credentials backfill {connector.name}",
            connector=connector.name,
        )


def warn_of_env_file(root: Path) -> Iterator[ConfigError]:
    """Yield that ``.env`` is not kept out of version control, where git says so."""
    from connector_assets.credentials.env_file import FILE

    if not (root / FILE).exists():
        return
    try:
        asked = subprocess.run(
            ["git", "check-ignore", "--quiet", FILE],
            cwd=root,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return
    # 1: it would be committed; 128: this is no repository.
    if asked.returncode == 1:
        fix = f"Add `{FILE}` to .gitignore."
        yield ConfigError(f"git does not ignore {FILE}, which holds secrets", place=FILE, fix=fix)


def _check(
    sources: Mapping[str, str], *, root: Path, place: str, fix: str
) -> Iterator[ConfigError]:
    from connector_assets.credentials.commands import MissingError
    from connector_assets.credentials.connections import KIND, connection_variable
    from connector_assets.credentials.sources import find_variable

    for name, source in sources.items():
        kind, _, where = source.partition(":")
        variable = connection_variable(where.partition(".")[0])
        try:
            if kind != KIND or find_variable(variable, root=root) is not None:
                continue
        except MissingError:
            pass
        yield ConfigError(
            f"the secret {name!r} cannot be read everywhere that it is used: {source}",
            place=place,
            fix=fix.format(variable=variable),
        )
