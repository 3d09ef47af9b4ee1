"""Dagster's web server and daemon for a project, each in a process group of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from connector_assets.engines.process import Command
from connector_assets.engines.serving import HOST, find_port, run_once, serve_commands
from connector_assets.errors import EngineFailed
from connector_assets.extras import require
from connector_assets.project import PROJECT_VARIABLE, Project

MODULE = "connector_assets.definitions"
_HEALTH = """\
{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    ... on PythonError { message causes { message } } } } } ... on PythonError { message } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"""
_SETTINGS = """\
# Made by `connectors up`; yours to change.
telemetry:
  enabled: false
# The window that asks everybody for a mail address.
nux:
  enabled: false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where the web server answers, and where both write what they have to say."""

    url: str
    home: Path
    logs: tuple[Path, ...]
    check: Callable[[], None]


@contextmanager
def serve(
    project: Project,
    *,
    port: int,
    module: str = MODULE,
    environment: Mapping[str, str] | None = None,
    within: float = 120.0,
) -> Iterator[Running]:
    """Run both servers as long as the block; they answer when it begins.

    They listen on this machine only and end with this process, however it ends. ``module`` has the
    definitions, and is importable from the project folder; ``environment`` is theirs, beside this
    process's own.

    Raises:
        ConfigError: Dagster is not installed, or the port is taken.
        EngineFailed: One of them ended, could not load the definitions, or does not answer within
            so many seconds.
    """
    require("dagster_webserver", name="Dagster", extra="dagster")
    home = project.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_SETTINGS, encoding="utf-8")
    port = find_port(port, fix="Choose another one: connectors up --port 3001")
    storage, *commands = (
        replace(command, env={**command.env, **(environment or {})})
        for command in _build_commands(project, home=home, port=port, module=module)
    )
    # The servers and the code server of each make the tables of a new instance as well, and stumble
    # over one another ("Version table 'alembic_version' has more than one head present"): in one of
    # four first starts on a busy machine.
    run_once(storage, fix=f"Mend what it says; its settings are in {settings}.")
    url = f"http://{HOST}:{port}"
    with serve_commands(commands) as servers:
        servers.wait_for(lambda: _is_ready(url), name="Dagster", within=within)
        logs = tuple(command.log for command in commands)
        yield Running(url=url, home=home, logs=logs, check=servers.check)


def ask(url: str, query: str, **variables: Any) -> dict[str, Any]:
    """Return the answer of the web server's GraphQL API.

    Raises:
        OSError: It does not answer.
    """
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"{url}/graphql", data=body, headers=headers)  # our own URL
    with urlopen(request, timeout=30) as answer:  # our own URL
        content: dict[str, Any] = json.load(answer)
    return content


def _build_commands(project: Project, *, home: Path, port: int, module: str) -> Iterator[Command]:
    """The one that makes the storage comes first; those that stay follow."""
    root = str(project.root)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "CONNECTORS_ENV": project.environment,
        PROJECT_VARIABLE: root,
    }
    code = ("-m", module, "-d", root)
    servers: Mapping[str, Sequence[str]] = {
        "dagster": ("instance", "info"),
        "dagster-webserver": ("-h", HOST, "-p", str(port), *code),
        "dagster-daemon": ("run", *code),
    }
    for name, words in servers.items():
        yield Command(
            name=name,
            argv=(str(Path(sys.executable).with_name(name)), *words),
            cwd=project.root,
            env=environment,
            log=home / f"{name}.log",
            grace=15.0,
        )


def _is_ready(url: str) -> bool:
    try:
        found = ask(url, _HEALTH)["data"]
    except (URLError, OSError, ValueError, KeyError):
        return False
    _check_loaded(found["workspaceOrError"], url=url)
    daemons = found["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(one["healthy"] for one in daemons if one["required"])


def _check_loaded(workspace: dict[str, Any], *, url: str) -> None:
    """A web server whose definitions did not load answers nevertheless, with nothing to show."""
    entries = workspace.get("locationEntries", [])
    states = [workspace, *(entry["locationOrLoadError"] or {} for entry in entries)]
    for state in (state for state in states if "message" in state):
        causes = [cause["message"].strip() for cause in state.get("causes", [])]
        cause = causes[-1] if causes else state["message"].strip()
        raise EngineFailed(f"Dagster could not load the definitions: {cause}", place=url)
