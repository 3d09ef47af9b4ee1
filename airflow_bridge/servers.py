"""Airflow's own processes for a project: each in a group of its own, over a database of its own.

``airflow standalone`` leaves its children behind when it is told to stop, so each process is
started, watched and ended by itself.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex, token_urlsafe

from connector_assets.airflow_api.client import AirflowClient
from connector_assets.engines.process import Command
from connector_assets.engines.serving import HOST, Servers, find_port, run_once, serve_commands
from connector_assets.extras import require
from connector_assets.project import Project
from connector_assets.project_file import (
    AIRFLOW_PASSWORD_VARIABLE,
    AIRFLOW_USER_VARIABLE,
    AIRFLOW_VARIABLE,
)

SERVERS = ("api-server", "scheduler", "dag-processor", "triggerer")
USER = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The one user of a local Airflow; ``new`` where the password was made by this start."""

    file: Path
    password: str = field(repr=False)
    new: bool
    user: str = USER

    @property
    def env(self) -> Path:
        """The file that a shell can source, so that syncs there go through this Airflow."""
        return self.file.with_name("env")

    def variables(self, url: str) -> dict[str, str]:
        """Return the environment of whoever starts DAG runs there."""
        return {
            AIRFLOW_VARIABLE: url,
            AIRFLOW_USER_VARIABLE: self.user,
            AIRFLOW_PASSWORD_VARIABLE: self.password,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """Where Airflow will answer, and its processes, by names such as ``airflow scheduler``."""

    url: str
    home: Path
    login: Login
    commands: Mapping[str, Command]
    servers: Servers

    def wait(self, *, within: float = 180.0) -> Running:
        """Wait until its API answers, and its scheduler and DAG processor have been seen.

        Raises:
            EngineFailed: A process ended, or that took more than so many seconds.
        """
        client = AirflowClient(self.url)
        self.servers.wait_for(client.is_ready, name="Airflow", within=within)
        return Running(
            url=self.url,
            home=self.home,
            login=self.login,
            commands=self.commands,
            servers=self.servers,
            client=client.log_in(self.login.user, self.login.password),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(Starting):
    """An Airflow that answers; ``client`` is logged in."""

    client: AirflowClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """How Airflow runs here: its folder of DAGs, its port (0: a free one), settings over ours."""

    dags: Path
    port: int = 8080
    settings: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[str, ...] = SERVERS


@contextmanager
def serve_airflow(project: Project, *, local: Local, within: float = 180.0) -> Iterator[Running]:
    """Run Airflow as long as the block; its API answers when it begins.

    Raises:
        ConfigError: Airflow is not installed, or the port is taken.
        EngineFailed: A process ended, or the API does not answer within so many seconds.
    """
    with start_airflow(project, local=local) as starting:
        yield starting.wait(within=within)


@contextmanager
def start_airflow(project: Project, *, local: Local) -> Iterator[Starting]:
    """Run Airflow as long as the block, which begins before it answers.

    It listens on this machine only and ends with this process, however it ends.

    Raises:
        ConfigError: Airflow is not installed, or the port is taken.
        EngineFailed: Its database cannot be made.
    """
    require("airflow", name="Airflow", extra="airflow")
    home = project.home / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    port = find_port(local.port, fix="Choose another one, or 0 for a free one.")
    url = f"http://{HOST}:{port}"
    login = _keep_login(home / "passwords.json")
    environment = build_environment(project, local=local, home=home, url=url)
    migrate, *servers = _build_commands(local, home=home, port=port, environment=environment)
    run_once(migrate, fix="Mend what it says, then start again.")
    exports = [f"export {name}={shlex.quote(word)}" for name, word in login.variables(url).items()]
    _write_hidden(login.env, "\n".join([*exports, ""]))
    with serve_commands(servers) as running:
        yield Starting(
            url=url,
            home=home,
            login=login,
            commands={command.name: command for command in servers},
            servers=running,
        )


def build_environment(project: Project, *, local: Local, home: Path, url: str) -> dict[str, str]:
    """Return the environment of Airflow's processes, and of the steps that they run."""
    settings = {
        "CORE__DAGS_FOLDER": str(local.dags),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        # It listens on this machine only, where others can be too.
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "API__BASE_URL": url,
        "API_AUTH__JWT_SECRET": _keep_secret(home / "jwt_secret"),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
        # A process each, started with the scheduler; pools and leases limit what loads at once.
        "CORE__PARALLELISM": "8",
        # Four tasks in a row take two seconds instead of five.
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        **local.settings,
    }
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "CONNECTORS_ENV": project.environment,
        "PYTHONWARNINGS": "ignore",
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }


def _keep_secret(file: Path) -> str:
    """Return the secret that Airflow's processes share; the same one at every start."""
    if not file.exists():
        _write_hidden(file, token_hex(32))
    return file.read_text(encoding="utf-8")


def _keep_login(file: Path) -> Login:
    """Return the login, in the file that Airflow reads it from; the same one at every start."""
    new = not file.exists()
    if new:
        _write_hidden(file, json.dumps({USER: token_urlsafe(12)}))
    password = json.loads(file.read_text(encoding="utf-8"))[USER]
    return Login(file=file, password=password, new=new)


def _write_hidden(file: Path, text: str) -> None:
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    beside.touch(mode=0o600)
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def _build_commands(
    local: Local, *, home: Path, port: int, environment: Mapping[str, str]
) -> Iterator[Command]:
    """The one that makes the database comes first; those that stay follow."""
    options = {"api-server": ("--host", HOST, "--port", str(port), "--workers", "1")}
    words = {
        "migrate": ("db", "migrate"),
        **{one: (one, *options.get(one, ())) for one in local.servers},
    }
    for name, arguments in words.items():
        yield Command(
            name=f"airflow {name}",
            argv=(str(Path(sys.executable).with_name("airflow")), *arguments),
            cwd=home,
            env=environment,
            log=home / f"{name}.log",
            grace=15.0,
        )
