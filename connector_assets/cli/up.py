"""``connectors up``: Dagster and Airflow over the project, until Ctrl-C."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.context import load
from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.output import Output
from connector_assets.cli.sync import terminable

if TYPE_CHECKING:
    from airflow_bridge.servers import Running as Airflow
    from airflow_bridge.servers import Starting
    from connector_assets.assets.servers import Running as Dagster
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)
#: Seconds between two looks at the servers, and at the project's files.
_LOOK_EVERY = 1.0


@dataclass(frozen=True, kw_only=True)
class WhatToServe:
    """What is started, and where it listens."""

    port: Annotated[
        int, typer.Option("--port", metavar="N", help="Dagster's port; 0 takes a free one.")
    ] = 3000
    airflow_port: Annotated[
        int, typer.Option("--airflow-port", metavar="N", help="Airflow's; 0 takes a free one.")
    ] = 8080
    no_airflow: Annotated[bool, typer.Option("--no-airflow", metavar="", help="Dagster only.")] = (
        False
    )
    paused: Annotated[
        bool,
        typer.Option("--paused", metavar="", help="Let Airflow pause DAGs that are new to it."),
    ] = False
    module: Annotated[
        str,
        typer.Option(
            "--module",
            metavar="MODULE",
            help="Definitions of your own in the project folder, which include the project's.",
        ),
    ] = ""


@app.command()
@unpacked
def up(*, what: WhatToServe, usual: Usual) -> None:
    """Start Dagster and Airflow for the project; Ctrl-C stops both.

    They listen on this machine only. Runs, events and logs stand in .connectors/dagster and
    .connectors/airflow. Needs the extra "dagster"; Airflow is started where the extra "airflow" is
    installed and the project names no Airflow of its own.
    """
    from connector_assets.assets.servers import MODULE, serve

    project = load(usual.project, usual.env, tolerate=True)
    # Ctrl-C is how it ends, not how it fails.
    with suppress(KeyboardInterrupt), terminable(), ExitStack() as until_then:
        starting = _start_airflow(project, what=what, usual=usual, until_then=until_then)
        environment = starting.login.variables(starting.url) if starting else {}
        airflow = None
        # Side by side: each takes most of its time for starting Python.
        with usual.output.waiting("Dagster starts ..."):
            servers = serve(
                project, port=what.port, module=what.module or MODULE, environment=environment
            )
            dagster = until_then.enter_context(servers)
        if starting:
            with usual.output.waiting("Airflow starts ..."):
                airflow = starting.wait()
            _set_pools(project, airflow)
        _show(dagster, airflow, usual=usual)
        _watch(project, dagster, airflow)


def _start_airflow(
    project: Project, *, what: WhatToServe, usual: Usual, until_then: ExitStack
) -> Starting | None:
    reason = _why_not(project, what)
    if reason:
        if not usual.json:
            usual.output.print(reason)
        return None
    from airflow_bridge.servers import Local, start_airflow

    with usual.output.waiting("Airflow's database ..."):
        compile_now = _build_compiler(project)
        compile_now()
        local = Local(
            dags=project.home / "airflow" / "dags",
            port=what.airflow_port,
            settings={"CORE__DAGS_ARE_PAUSED_AT_CREATION": str(what.paused)},
        )
        return until_then.enter_context(start_airflow(project, local=local))


def _set_pools(project: Project, airflow: Airflow) -> None:
    """Give Airflow the pools that the connectors use as their files are.

    Where a file is broken now, or Airflow is busy, the next change of a file sets them.
    """
    from connector_assets.airflow_api.pools import list_pools, set_pools
    from connector_assets.errors import ConnectorError
    from connector_assets.project import load_project

    with suppress(ConnectorError):
        now = load_project(project.root, environment=project.environment, tolerate=True)
        set_pools(airflow.client, list_pools(now))


def _why_not(project: Project, what: WhatToServe) -> str:
    """Return why no Airflow is started; empty where one is."""
    if what.no_airflow:
        return "Airflow is not started: --no-airflow"
    if project.airflow:
        return f"Airflow is not started: the project has one at {project.airflow.url}"
    if importlib.util.find_spec("airflow") is None:
        return "Airflow is not started: pip install 'connector-assets[airflow]' brings it"
    return ""


def _build_compiler(project: Project) -> Callable[[], None]:
    """Return what compiles the project as its files are, and tells what is wrong with them."""
    from airflow_bridge.compile import compile_project

    # Not the project's own folder of DAGs: those are compiled for the environment they run in.
    folder = project.home / "airflow" / "dags"

    def compile_now() -> None:
        from connector_assets.errors import ConfigError, ConfigErrors
        from connector_assets.project import load_project

        try:
            now = load_project(project.root, environment=project.environment, tolerate=True)
            errors = compile_project(now, folder=folder).errors
        except ConfigError as error:
            errors = (error,)
        if errors:
            # Not what the command answers: with --json that stands alone on stdout.
            Output().print_error(ConfigErrors.collect(errors))

    return compile_now


def _show(dagster: Dagster, airflow: Airflow | None, *, usual: Usual) -> None:
    if usual.json:
        told: dict[str, Any] = {"url": dagster.url, "logs": list(map(str, dagster.logs))}
        if airflow:
            who = {"user": airflow.login.user, "password_file": str(airflow.login.file)}
            told["airflow"] = {"url": airflow.url, "home": str(airflow.home), **who}
        usual.output.print_json(told)
        return
    usual.output.print(f"Dagster is at {dagster.url}", f"  logs: {dagster.home}")
    if airflow:
        login = airflow.login
        password = login.password if login.new else f"in {login.file}"
        usual.output.print(
            f"Airflow is at {airflow.url}",
            f"  user {login.user}, password {password}",
            f"  logs: {airflow.home}",
            f"  `connectors sync` in another terminal goes through it after: source {login.env}",
        )
    usual.output.print("Ctrl-C stops it" if airflow is None else "Ctrl-C stops both")


def _watch(project: Project, dagster: Dagster, airflow: Airflow | None) -> None:
    """Wait for as long as all run, and compile anew what changes.

    Raises:
        EngineFailed: One of them ended.
    """
    from connector_assets.project import stamp_project

    compile_now = _build_compiler(project) if airflow else None
    seen = stamp_project(project.root)
    while True:
        time.sleep(_LOOK_EVERY)
        dagster.check()
        if airflow is None or compile_now is None:
            continue
        airflow.servers.check()
        now = stamp_project(project.root)
        if now != seen:
            compile_now()
            _set_pools(project, airflow)
            seen = now
