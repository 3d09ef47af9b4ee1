"""A project folder as one record: its environment, destinations and connectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connector_assets.airflow_access import AirflowAccess
from connector_assets.alerting import AlertRule, Heartbeat
from connector_assets.connector_build import build_connector
from connector_assets.connector_rules import Surroundings
from connector_assets.credential_models import FOLDER as MODELS
from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.model import Connector, Destination, Retention
from connector_assets.project_file import FILE, HOME, ProjectSettings, load_settings
from connector_assets.project_rules import (
    Breach,
    Declared,
    check_datasets,
    check_dependencies,
    check_names,
    check_renames,
)
from connector_assets.yaml_marks import load_document

FOLDER = "connectors"
#: Names the project of a process that does not run in its folder.
PROJECT_VARIABLE = "CONNECTORS_PROJECT"
PRODUCTION = frozenset({"prod", "production"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenConnector:
    """A connector file that cannot be used, and why; ``name`` is empty where it says none."""

    file: Path
    name: str
    errors: tuple[ConfigError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project folder, in one environment.

    ``root`` is absolute; ``ledger_url`` is a URL, or where one comes from (``env:NAME``);
    ``artifacts`` an absolute folder or an ``s3://`` URL; ``connectors`` are sorted by name;
    ``airflow`` is the Airflow that runs them, None for none; ``pools`` how many connectors of a
    pool it runs at once.
    """

    root: Path
    id: str
    environment: str
    environments: tuple[str, ...]
    destinations: Mapping[str, Destination]
    connectors: tuple[Connector, ...]
    ledger_url: str
    artifacts: str
    alerts: tuple[AlertRule, ...] = ()
    held: Retention = field(default_factory=Retention)
    airflow: AirflowAccess | None = None
    pools: Mapping[str, int] = field(default_factory=dict)
    heartbeat: Heartbeat | None = None
    broken: tuple[BrokenConnector, ...] = ()

    @property
    def home(self) -> Path:
        """The platform's own folder in the project."""
        return self.root / HOME

    @property
    def work(self) -> Path:
        """Where attempts have their folders."""
        return self.home / "work"

    @property
    def production(self) -> bool:
        """Whether the environment is ``prod``, ``production``, or one of them: ``prod_eu``."""
        return self.environment.partition("_")[0] in PRODUCTION

    def connector(self, name: str) -> Connector:
        """Return a connector.

        Raises:
            ConfigError: There is none of this name, or its file cannot be used.
        """
        found = next((one for one in self.connectors if one.name == name), None)
        if found:
            return found
        errors = [error for one in self.broken if one.name == name for error in one.errors]
        if errors:
            raise ConfigErrors.collect(errors)
        valid = [*(one.name for one in self.connectors), *(one.name for one in self.broken)]
        raise ConfigError(
            f"the project has no connector {name!r}",
            place=FOLDER,
            value=name,
            valid=valid,
            fix="" if valid else "Make one: connectors new NAME --source rest_api",
        )

    def destination(self, name: str) -> Destination:
        """Return a destination.

        Raises:
            ConfigError: There is none of this name.
        """
        if name in self.destinations:
            return self.destinations[name]
        raise ConfigError(
            f"the project has no destination {name!r}",
            place=FILE,
            value=name,
            valid=self.destinations,
        )


def find_project(start: Path) -> Path:
    """Return the nearest folder with a connectors.yaml, from ``start`` upwards.

    Raises:
        ConfigError: There is none.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise ConfigError(
        f"no {FILE} here or in a folder above",
        place=str(start),
        fix="Go to a project, name one with --project DIR, or make one: connectors init DIR",
    )


def load_project(
    folder: Path, *, environment: str | None = None, tolerate: bool = False
) -> Project:
    """Read the project at ``folder`` for an environment (else the variable's or the default one).

    One broken connector file does not hide the others: with ``tolerate`` those are in ``broken``,
    and the rest can be used. Writes nothing, connects to nothing.

    Raises:
        ConfigError: connectors.yaml, or without ``tolerate`` a connector file, breaks a rule; all
            breaches of the project come together as one ConfigErrors.
    """
    root = folder.absolute()
    settings = load_settings(root, environment=environment)
    good, broken = _load_connectors(root, settings=settings)
    for check in (check_names, check_renames, check_datasets, check_dependencies):
        good, broken = _set_aside(good, broken, check=check)
    if broken and not tolerate:
        raise ConfigErrors.collect(error for one in broken for error in one.errors)
    return Project(
        root=root,
        id=settings.id,
        environment=settings.environment,
        environments=settings.environments,
        destinations=settings.destinations,
        connectors=tuple(sorted((one.connector for one in good), key=lambda one: one.name)),
        ledger_url=settings.ledger,
        artifacts=settings.artifacts,
        alerts=settings.alerts,
        held=settings.held,
        airflow=settings.airflow,
        pools=settings.pools,
        heartbeat=settings.heartbeat,
        broken=tuple(sorted(broken, key=lambda one: one.file)),
    )


def stamp_project(root: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Return what changes whenever one of the project's files does: name, size, time, and inode.

    A thousand files take a few milliseconds. Reads none of them.

    Raises:
        ConfigError: The folder of the connectors cannot be read.
    """
    models = _connector_files(root / MODELS)
    files = [root / FILE, *_connector_files(root / FOLDER), *models]
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> tuple[str, int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return file.name, 0, 0, 0
    return file.name, found.st_size, found.st_mtime_ns, found.st_ino


def _load_connectors(
    root: Path, *, settings: ProjectSettings
) -> tuple[list[Declared], list[BrokenConnector]]:
    around = Surroundings(
        environment=settings.environment,
        environments=settings.environments,
        destinations=settings.destinations,
        defaults=settings.defaults,
        alerts=settings.alerts,
        pools=settings.pools,
        root=root,
    )
    good, broken = [], []
    for path in _connector_files(root / FOLDER):
        label, name = f"{FOLDER}/{path.name}", ""
        try:
            document = load_document(path, label=label)
            written = document.values.get("name")
            name = written if isinstance(written, str) else ""
            connector = build_connector(document, around=around)
            overlaid = document.overlaid(("environments", settings.environment))
            good.append(Declared(connector=connector, document=overlaid))
        except ConfigError as error:
            errors = ConfigErrors.split(error)
            broken.append(BrokenConnector(file=Path(label), name=name, errors=errors))
    return good, broken


def _connector_files(folder: Path) -> list[Path]:
    try:
        if not folder.exists() and not folder.is_symlink():
            return []
        files = [path for path in folder.iterdir() if path.suffix.lower() in (".yaml", ".yml")]
    except OSError as error:
        problem = f"the folder cannot be read: {error.strerror}"
        raise ConfigError(problem, place=folder.name) from error
    return sorted(path for path in files if not path.name.startswith("."))


_Check = Callable[[Sequence[Declared], frozenset[str]], Iterator[Breach]]


def _set_aside(
    good: list[Declared], broken: list[BrokenConnector], *, check: _Check
) -> tuple[list[Declared], list[BrokenConnector]]:
    """Move the connectors that a check across connectors refuses to the broken ones."""
    names = frozenset(one.name for one in broken)
    refused: dict[Path, list[ConfigError]] = {}
    for one, error in check(good, names):
        refused.setdefault(one.connector.file, []).append(error.with_context(connector=one.name))
    aside = [
        BrokenConnector(file=file, name=one.name, errors=tuple(refused[file]))
        for one in good
        if (file := one.connector.file) in refused
    ]
    return [one for one in good if one.connector.file not in refused], [*broken, *aside]
