"""Asks an existing Meltano project, by Meltano's own commands, what it runs and how far it came.

Nothing is written into the project: Meltano is told that it may not, works on a copy of its
database, and describes taps in an overlay. A database or a state backend that the project names
itself is opened by Meltano as it always is.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any
from urllib.parse import quote

from connector_assets.credentials.references import hide_password
from connector_assets.engines.meltano_catalog import CatalogStream, parse_catalog
from connector_assets.engines.meltano_command import (
    LOCK_WAIT,
    MeltanoCall,
    build_environment,
    build_own_environment,
    find_meltano,
    start,
)
from connector_assets.engines.meltano_discovery import explain_discovery
from connector_assets.engines.meltano_log import Speaker, Transcript, parse_line
from connector_assets.engines.meltano_overlay import Overlay, open_overlay
from connector_assets.engines.meltano_project import (
    MELTANO_FILE,
    MeltanoProject,
    load_mapping,
    load_meltano_project,
)
from connector_assets.engines.process import quote_tail
from connector_assets.errors import EngineFailed, EngineTimeout

#: Seconds that a tap has for its catalog.
CATALOG_SECONDS = 300.0
_DATABASE_VARIABLE = "MELTANO_DATABASE_URI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A Meltano project that is being asked, in one of its environments.

    ``scratch`` is a folder for what Meltano must write somewhere.
    """

    project: MeltanoProject
    environment: str
    scratch: Path

    @property
    def database(self) -> str:
        """The URL of the copy of Meltano's own database."""
        return f"sqlite:///{self.scratch / 'meltano.db'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What Meltano printed: its jobs, its schedules, and its states by id; as JSON values.

    ``kinds`` says what a plugin that is no extractor is, by its name: ``loaders``, ``mappers``.
    """

    jobs: Mapping[str, Any]
    schedules: Mapping[str, Any]
    states: Mapping[str, Any]
    kinds: Mapping[str, str]


@contextmanager
def open_asking(root: Path, *, environment: str) -> Iterator[Asking]:
    """Yield the Meltano project in ``root``, ready to be asked.

    Raises:
        ConfigError: There is none, or a file of it cannot be read.
    """
    project = load_meltano_project(root)
    with tempfile.TemporaryDirectory(prefix="connectors-meltano-") as folder:
        asking = Asking(project=project, environment=environment, scratch=Path(folder))
        copy_database(project.system / "meltano.db", to=asking.scratch / "meltano.db")
        yield asking


def fetch_answers(asking: Asking, *, states: bool) -> Answers:
    """Return the project's jobs and schedules, and its states where they are wanted.

    Raises:
        ConnectorError: Meltano could not read the project, or reach its state backend.
    """
    exported = {}
    if states:
        database = "" if _names_database(asking.project) else asking.database
        exported = _ask(asking, "state", "export", database=database)
    return Answers(
        jobs=_ask(asking, "job", "list", "--format", "json"),
        schedules=_ask(asking, "schedule", "list", "--format", "json"),
        states=exported,
        kinds=asking.project.kinds,
    )


def fetch_config(asking: Asking, *, name: str) -> Mapping[str, Any]:
    """Return the settings of an extractor that have a value, those that are secret masked.

    Raises:
        ConnectorError: Meltano could not read them.
    """
    found: Mapping[str, Any] = _ask(asking, "config", "print", "--plugin-type", "extractor", name)
    return found


def fetch_offered(asking: Asking, *, name: str) -> dict[str, CatalogStream]:
    """Return the streams of an extractor, with the project's own rules applied; by name.

    Raises:
        ConnectorError: It is not installed, or failed in discovery.
    """
    overlay = Overlay(
        folder=asking.scratch / "overlays" / name,
        project=asking.project,
        environment=asking.environment,
    )
    call = MeltanoCall(
        argv=_words(
            asking,
            *("invoke", "--no-install", "--refresh-catalog", "--plugin-type", "extractor"),
            *("--dump=catalog", name),
        ),
        env=build_environment(overlay, secrets={}),
        cwd=asking.project.root,
    )
    with open_overlay(overlay, wait=LOCK_WAIT), start(call, env={}, stderr=PIPE) as meltano:
        try:
            catalog, log = meltano.communicate(timeout=CATALOG_SECONDS)
        except subprocess.TimeoutExpired as error:
            problem = f"{name} gave no catalog within {CATALOG_SECONDS:g} seconds"
            raise EngineTimeout(problem, place=MELTANO_FILE) from error
    if meltano.returncode:
        raise explain_discovery(log, exit_code=meltano.returncode, source=name)
    try:
        return {each.name: each for each in parse_catalog(json.loads(catalog))}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"the catalog of {name} cannot be read: {type(error).__name__}"
        raise EngineFailed(problem, place=MELTANO_FILE) from error


def copy_database(database: Path, *, to: Path) -> None:
    """Copy Meltano's own database, as it is at one moment, if there is one."""
    if not database.exists():
        return
    # A reader makes SQLite's two files beside the database, unless it takes it for unchangeable:
    # which it is where they are not there, as then nobody has it open.
    used = database.with_name(f"{database.name}-wal").exists()
    how = "mode=ro" if used else "mode=ro&immutable=1"
    with (
        closing(sqlite3.connect(f"file:{quote(str(database))}?{how}", uri=True)) as theirs,
        closing(sqlite3.connect(to)) as copy,
    ):
        theirs.backup(copy)


def _ask(asking: Asking, *words: str, database: str | None = None) -> Any:
    """Return what a command of Meltano printed as JSON; an empty ``database`` is the project's."""
    database = asking.database if database is None else database
    call = MeltanoCall(
        argv=_words(asking, *words),
        env={
            **build_own_environment(asking.project),
            **({_DATABASE_VARIABLE: database} if database else {}),
            "MELTANO_CLI_LOG_CONFIG": str(asking.scratch / "no-logging.yaml"),
            "XDG_STATE_HOME": str(asking.scratch / "logs"),
        },
        cwd=asking.project.root,
    )
    with start(call, env={}, stderr=PIPE) as meltano:
        printed, log = meltano.communicate()
    try:
        if not meltano.returncode:
            return json.loads(printed)
    except ValueError:
        pass
    transcript = Transcript()
    for raw in log.splitlines():
        transcript.add(parse_line(raw))
    # A database or a state backend may be named with a password.
    tail = hide_password(quote_tail(transcript.tail(Speaker.MELTANO)))
    raise EngineFailed(
        f"`meltano {' '.join(words)}` ended with exit code {meltano.returncode}{tail}",
        place=str(asking.project.root / MELTANO_FILE),
        fix="Nothing was imported. Run that command in the project's folder to see what is wrong.",
    )


def _words(asking: Asking, *words: str) -> tuple[str, ...]:
    known = asking.environment in asking.project.environments
    environment = ("--environment", asking.environment) if known else ("--no-environment",)
    return (
        *(str(find_meltano()), "--log-format", "json", "--log-level", "info"),
        *environment,
        *words,
    )


def _names_database(project: MeltanoProject) -> bool:
    """Tell whether the project says itself where Meltano's database is."""
    dotenv = project.root / ".env"
    lines = dotenv.read_text(encoding="utf-8").splitlines() if dotenv.is_file() else []
    said = (line.removeprefix("export ").lstrip().startswith(_DATABASE_VARIABLE) for line in lines)
    main = load_mapping(project.files[0])
    return _DATABASE_VARIABLE in os.environ or "database_uri" in main or any(said)
