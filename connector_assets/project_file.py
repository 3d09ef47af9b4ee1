"""connectors.yaml as records: the active environment, destinations, ledger and artifacts.

Relative paths are those of the project folder, whatever the working directory is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from connector_assets.config import VERSION, DestinationBlock, ProjectDefaults, ProjectFile
from connector_assets.config_errors import parse_model
from connector_assets.credentials.references import find_plain_secrets, find_references
from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.model import Destination, DestinationKind
from connector_assets.naming import RESERVED_DESTINATIONS
from connector_assets.yaml_marks import Document, KeyPath, load_document

FILE = "connectors.yaml"
HOME = ".connectors"
ENVIRONMENT_VARIABLE = "CONNECTORS_ENV"
USUAL_ENVIRONMENT = "dev"
CATALOGS = ("sqlite", "duckdb", "postgresql")
_KEYS = {
    DestinationKind.DUCKDB: ("path",),
    DestinationKind.DUCKLAKE: ("catalog", "data_path"),
}
_OPTIONAL_KEYS = {DestinationKind.DUCKLAKE: ("storage", "secrets")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings:
    """What connectors.yaml says for one environment."""

    id: str
    environment: str
    environments: tuple[str, ...]
    destinations: Mapping[str, Destination]
    ledger: str
    artifacts: str
    alerts: tuple[str, ...]
    defaults: ProjectDefaults


def load_settings(root: Path, *, environment: str | None) -> ProjectSettings:
    """Read connectors.yaml of the project at ``root``, for an environment.

    Without one, ``CONNECTORS_ENV`` says it, then ``default_environment``, then it is the only one.

    Raises:
        ConfigError: The file breaks a rule; several breaches come as one ConfigErrors.
    """
    document = load_document(root / FILE, label=FILE)
    _check_version(document)
    plain = parse_model(ProjectFile, document)
    active = _pick_environment(plain, asked=environment, document=document)
    overlaid = document.overlaid(("environments", active))
    file = parse_model(ProjectFile, overlaid)
    if found := [
        error
        for name, block in file.destinations.items()
        for error in _check_destination(name, block, document=overlaid)
    ]:
        raise ConfigErrors.collect(found)
    return ProjectSettings(
        id=file.project_id,
        environment=active,
        environments=tuple(file.environments) or (active,),
        destinations={
            name: _build_destination(name, block, root=root)
            for name, block in file.destinations.items()
        },
        ledger=resolve_url(file.ledger or f"sqlite:///{HOME}/ledger.db", root=root),
        artifacts=resolve_path(file.artifacts or f"{HOME}/artifacts", root=root),
        alerts=file.alerts.urls if file.alerts else (),
        defaults=file.defaults,
    )


def resolve_path(path: str, *, root: Path) -> str:
    """Return a local path as an absolute one; a URL as it is."""
    return path if "://" in path else os.path.normpath(root / Path(path).expanduser())


def resolve_url(url: str, *, root: Path) -> str:
    """Return a database URL with the path of its file absolute: ``sqlite:////srv/shop/x.db``."""
    scheme, separator, path = url.partition(":///")
    if not separator or scheme.partition("+")[0] not in ("sqlite", "duckdb"):
        return url
    return f"{scheme}:///{resolve_path(path, root=root)}"


def _check_version(document: Document) -> None:
    version = document.values.get("version")
    if version == VERSION and version is not True:
        return
    place = document.place(("version",))
    if version is None:
        fix = f"Write `version: {VERSION}` at the top."
        raise ConfigError("`version` is missing", place=place, fix=fix)
    known = isinstance(version, int) and not isinstance(version, bool)
    if known and version > VERSION:
        fix = "Install a newer connector-assets: pip install --upgrade connector-assets"
        problem = f"the file has version {version}; this installation knows up to {VERSION}"
        raise ConfigError(problem, place=place, fix=fix)
    problem = f"`version` cannot be {version!r}"
    raise ConfigError(problem, place=place, fix=f"Write `version: {VERSION}`.")


def _pick_environment(file: ProjectFile, *, asked: str | None, document: Document) -> str:
    known = tuple(file.environments)
    variable = os.environ.get(ENVIRONMENT_VARIABLE) or None
    only = known[0] if len(known) == 1 else None
    choices = (
        (asked, "--env"),
        (variable, ENVIRONMENT_VARIABLE),
        (file.default_environment, document.place(("default_environment",))),
        (only, ""),
    )
    picked, place = next(((name, said) for name, said in choices if name), (None, ""))
    if picked is None:
        if not known:
            return USUAL_ENVIRONMENT
        raise ConfigError(
            "nothing says which environment this is",
            place=document.place(("environments",)),
            fix=f"Give --env, set {ENVIRONMENT_VARIABLE}, or write `default_environment:`. "
            f"Environments: {', '.join(known)}.",
        )
    if picked not in (known or (USUAL_ENVIRONMENT,)):
        raise ConfigError(
            f"the environment {picked!r} is not one of {FILE}",
            place=place,
            value=picked,
            valid=known or (USUAL_ENVIRONMENT,),
        )
    return picked


def _build_destination(name: str, block: DestinationBlock, *, root: Path) -> Destination:
    return Destination(
        name=name,
        kind=block.type,
        path=resolve_path(block.path, root=root) if block.path else "",
        catalog=resolve_url(block.catalog, root=root) if block.catalog else "",
        data_path=resolve_path(block.data_path, root=root) if block.data_path else "",
        storage=block.storage,
        secrets=block.secrets,
    )


def _check_destination(
    name: str, block: DestinationBlock, *, document: Document
) -> Iterator[ConfigError]:
    path: KeyPath = ("destinations", name)
    if name in RESERVED_DESTINATIONS:
        fix = "DuckDB has a database of that name: call the destination otherwise."
        yield ConfigError(f"a destination cannot be {name!r}", place=document.place(path), fix=fix)
    needed, optional = _KEYS[block.type], _OPTIONAL_KEYS.get(block.type, ())
    for key in needed:
        if not getattr(block, key):
            problem = f"`destinations.{name}.{key}` is missing"
            fix = f"A {block.type} needs {' and '.join(f'`{one}:`' for one in needed)}."
            yield ConfigError(problem, place=document.place(path), fix=fix)
    for key in sorted(block.model_fields_set - {"type", *needed, *optional}):
        problem, place = f"a {block.type} has no {key!r}", document.place((*path, key))
        valid = ("type", *needed, *optional)
        yield ConfigError(problem, place=place, value=key, valid=valid)
    if block.catalog:
        yield from _check_catalog(block.catalog, place=document.place((*path, "catalog")))
    yield from _check_destination_secrets(block, path=path, document=document)


def _check_catalog(catalog: str, *, place: str) -> Iterator[ConfigError]:
    # Never shown whole: it can hold a password.
    scheme, separator, rest = catalog.partition("://")
    plain = scheme.partition("+")[0]
    if not separator or plain not in CATALOGS:
        fix = "Write sqlite:///data/lake.sqlite, duckdb:///data/lake.duckdb or postgresql://..."
        yield ConfigError("this is no catalog of a DuckLake", place=place, fix=fix)
    elif plain != "postgresql" and not rest.strip("/"):
        yield ConfigError("the catalog names no file", place=place, fix=f"Write {plain}:///FILE.")


def _check_destination_secrets(
    block: DestinationBlock, *, path: KeyPath, document: Document
) -> Iterator[ConfigError]:
    config = {"catalog": block.catalog, "storage": block.storage}
    for below, name in find_references(config):
        if name not in block.secrets:
            yield ConfigError(
                f"`${{{name}}}` refers to no secret of this destination",
                place=document.place((*path, *below)),
                fix="" if block.secrets else f"Add `secrets: {{{name}: env:NAME}}`.",
                value=name,
                valid=block.secrets,
            )
    for below in find_plain_secrets(config):
        yield ConfigError(
            f"a secret seems to stand in the file, under `{below[-1]}`",
            place=document.place((*path, *below)),
            fix='Write "${name}" for it, and where it comes from under `secrets:`.',
        )
