"""connectors.yaml as records: the active environment, destinations, ledger and artifacts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connector_assets.airflow_access import AirflowAccess
from connector_assets.alerting import AlertRule, Heartbeat
from connector_assets.config import VERSION, DestinationBlock, ProjectDefaults, ProjectFile
from connector_assets.config_alerts import build_heartbeat, build_rules
from connector_assets.config_errors import parse_overlaid
from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.model import Destination, Retention
from connector_assets.paths import resolve_path, resolve_paths, resolve_url
from connector_assets.project_file_rules import check_file
from connector_assets.yaml_marks import Document, load_document

FILE = "connectors.yaml"
HOME = ".connectors"
ENVIRONMENT_VARIABLE = "CONNECTORS_ENV"
USUAL_ENVIRONMENT = "dev"
#: Another Airflow than the file's: that of `connectors up` for what it starts.
AIRFLOW_VARIABLE = "CONNECTORS_AIRFLOW_URL"
AIRFLOW_USER_VARIABLE = "CONNECTORS_AIRFLOW_USER"
AIRFLOW_PASSWORD_VARIABLE = "CONNECTORS_AIRFLOW_PASSWORD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings:
    """What connectors.yaml says for one environment."""

    id: str
    environment: str
    environments: tuple[str, ...]
    destinations: Mapping[str, Destination]
    ledger: str
    artifacts: str
    alerts: tuple[AlertRule, ...]
    held: Retention
    defaults: ProjectDefaults
    airflow: AirflowAccess | None = None
    pools: Mapping[str, int] = field(default_factory=dict)
    heartbeat: Heartbeat | None = None


def load_settings(root: Path, *, environment: str | None) -> ProjectSettings:
    """Read connectors.yaml of the project at ``root``, for an environment.

    Without one, ``CONNECTORS_ENV`` says it, then ``default_environment``, then it is the only one.

    Raises:
        ConfigError: The file breaks a rule; several breaches come as one ConfigErrors.
    """
    document = load_document(root / FILE, label=FILE)
    check_version(document)
    files = parse_overlaid(ProjectFile, document)
    active = _pick_environment(files[""][0], asked=environment, document=document)
    if found := [error for one, below in files.values() for error in check_file(one, below)]:
        raise ConfigErrors.collect(found)
    file, _ = files.get(active, files[""])
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
        alerts=build_rules(file.alerts),
        held=Retention(age=file.held.age, size=file.held.size),
        defaults=file.defaults,
        airflow=_find_airflow(file),
        pools=file.pools,
        heartbeat=build_heartbeat(file.heartbeat),
    )


def check_version(document: Document, *, known: int = VERSION) -> None:
    """Refuse connectors.yaml of another version than the one known here.

    Raises:
        ConfigError: It is older, newer, or says no version.
    """
    version, place = document.values.get("version"), document.place(("version",))
    if version is None:
        fix = f"Write `version: {known}` at the top, or have it written: connectors upgrade --apply"
        raise ConfigError("`version` is missing", place=place, fix=fix)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        problem = f"`version` cannot be {version!r}"
        raise ConfigError(problem, place=place, fix=f"Write `version: {known}`.")
    if version > known:
        fix = "Install a newer connector-assets: pip install --upgrade connector-assets"
        problem = f"the file has version {version}; this installation knows up to {known}"
        raise ConfigError(problem, place=place, fix=fix)
    if version < known:
        problem = f"the file has version {version}; this installation needs {known}"
        raise ConfigError(problem, place=place, fix="Bring it up: connectors upgrade --apply")


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


def _find_airflow(file: ProjectFile) -> AirflowAccess | None:
    if url := os.environ.get(AIRFLOW_VARIABLE):
        names = (AIRFLOW_USER_VARIABLE, AIRFLOW_PASSWORD_VARIABLE)
        user, password = (f"env:{name}" if os.environ.get(name) else "" for name in names)
        return AirflowAccess(url=url, user=user, password=password)
    if file.airflow is None:
        return None
    return AirflowAccess(
        url=file.airflow.url, user=file.airflow.user or "", password=file.airflow.password or ""
    )


def _build_destination(name: str, block: DestinationBlock, *, root: Path) -> Destination:
    paths = {key: getattr(block, key) or "" for key in ("path", "catalog", "data_path")}
    return Destination(
        name=name,
        kind=block.type,
        storage=block.storage,
        secrets=block.secrets,
        **resolve_paths(paths, root=root),
    )
