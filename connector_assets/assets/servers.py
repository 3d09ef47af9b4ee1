"""Dagster's web server and daemon for a project, each in a process group of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import URLError
from urllib.request import Request, urlopen

from connector_assets.engines.process import Command, Outcome, Watch, run_supervised
from connector_assets.errors import ConfigError, EngineFailed
from connector_assets.project import PROJECT_VARIABLE, Project

HOST = "127.0.0.1"
MODULE = "connector_assets.definitions"
_HEALTH = """\
{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    ... on PythonError { message causes { message } } } } } ... on PythonError { message } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"""
_SETTINGS = "# Made by `connectors up`; yours to change.\ntelemetry:\n  enabled: false\n"
_FOREVER = 10 * 365 * 86_400.0
_LOOK_EVERY = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where the web server answers, and where both write what they have to say."""

    url: str
    home: Path
    logs: tuple[Path, ...]
    check: Callable[[], None]

    def wait(self) -> NoReturn:
        """Wait for as long as both run.

        Raises:
            EngineFailed: One of them ended.
        """
        while True:
            self.check()
            time.sleep(_LOOK_EVERY)


class _StoppedError(Exception):
    """Somebody wants the servers to end."""


@dataclass(slots=True)
class _Servers:
    """The two commands, each watched by a thread; ``ended`` are those that did not stay."""

    stop: threading.Event = field(default_factory=threading.Event)
    ended: list[Outcome] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, command: Command) -> None:
        thread = threading.Thread(target=self._follow, args=(command,))
        self.threads.append(thread)
        thread.start()

    def _follow(self, command: Command) -> None:
        try:
            outcome = run_supervised(command, watch=Watch(poll=self._poll), timeout=_FOREVER)
        except _StoppedError:
            return
        self.ended.append(outcome)

    def _poll(self) -> None:
        if self.stop.is_set():
            raise _StoppedError

    def check(self) -> None:
        """Raise where one of them has ended."""
        if self.ended:
            last = self.ended[0]
            raise EngineFailed(
                last.explain(), place=str(last.log), fix="Mend what it says, then start again."
            )


@contextmanager
def serve(
    project: Project, *, port: int, module: str = MODULE, within: float = 120.0
) -> Iterator[Running]:
    """Run both servers as long as the block; they answer when it begins.

    They listen on this machine only and end with this process, however it ends. ``module`` has the
    definitions, and is importable from the project folder.

    Raises:
        ConfigError: Dagster is not installed, or the port is taken.
        EngineFailed: One of them ended, could not load the definitions, or does not answer within
            so many seconds.
    """
    check_installed()
    home = project.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_SETTINGS, encoding="utf-8")
    port = _check_port(port)
    storage, *commands = _build_commands(project, home=home, port=port, module=module)
    _prepare(storage)
    url = f"http://{HOST}:{port}"
    servers = _Servers()
    try:
        for command in commands:
            servers.start(command)
        _wait(servers, url=url, within=within)
        logs = tuple(command.log for command in commands)
        yield Running(url=url, home=home, logs=logs, check=servers.check)
    finally:
        servers.stop.set()
        for thread in servers.threads:
            thread.join()


def check_installed() -> None:
    """Make sure that Dagster's web server is there; does not import it.

    Raises:
        ConfigError: It is not installed.
    """
    if importlib.util.find_spec("dagster_webserver") is None:
        raise ConfigError(
            "Dagster is not installed", fix="Run: pip install 'connector-assets[dagster]'"
        )


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


def _prepare(storage: Command) -> None:
    """Make the tables of a new instance.

    The servers and the code server of each do so as well, and stumble over one another:
    ``Version table 'alembic_version' has more than one head present``, in one of four first starts
    on a busy machine.
    """
    outcome = run_supervised(storage, watch=Watch(), timeout=120.0)
    if outcome.exit_code != 0:
        raise EngineFailed(
            outcome.explain(),
            place=str(outcome.log),
            fix=f"Mend what it says; its settings are in {storage.log.with_name('dagster.yaml')}.",
        )


def _check_port(port: int) -> int:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(
                f"the port {port} is taken", fix="Choose another one: connectors up --port 3001"
            ) from error
        return int(probe.getsockname()[1])


def _wait(servers: _Servers, *, url: str, within: float) -> None:
    deadline = time.monotonic() + within
    while not _is_ready(url):
        servers.check()
        if time.monotonic() > deadline:
            raise EngineFailed(f"Dagster does not answer after {within:.0f} seconds", place=url)
        time.sleep(_LOOK_EVERY)


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
