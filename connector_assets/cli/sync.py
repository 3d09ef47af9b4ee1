"""``connectors sync``: the four steps of one connector in this process, shown as they go."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import uuid4

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, WhatToRead, unpacked

if TYPE_CHECKING:
    from connector_assets.cli.sync_view import SyncView
    from connector_assets.ledger.records import SyncRow
    from connector_assets.lifecycle.setting import Setting, StartRequest
    from connector_assets.model import Connector

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class HowToSync:
    """How a sync is run."""

    scheduled: Annotated[
        bool,
        typer.Option(
            "--scheduled",
            metavar="",
            help="Wait for a sync of the connector that is running, up to its max_wait, and be "
            "skipped then; otherwise the second one is refused at once.",
        ),
    ] = False
    no_retry: Annotated[
        bool,
        typer.Option("--no-retry", metavar="", help="Do not try a transient failure again."),
    ] = False
    here: Annotated[
        bool,
        typer.Option(
            "--here",
            metavar="",
            help="Run it in this process where the project's Airflow would; Airflow is told.",
        ),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", metavar="", help="Print the log too, while it runs."),
    ] = False


@app.command()
@unpacked
def sync(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")],
    *,
    read: WhatToRead,
    how: HowToSync,
    usual: Usual,
) -> None:
    """Sync a connector: completely, or not at all."""
    sync_connector(name, read=read, how=how, usual=usual)


def sync_connector(name: str, *, read: WhatToRead, how: HowToSync, usual: Usual) -> NoReturn:
    """Sync a connector, show it as it goes, and exit by its verdict."""
    from connector_assets.cli.sync_view import SyncView
    from connector_assets.lifecycle.setting import Setting, StartRequest

    # Another connector's broken file is no reason not to sync this one.
    project = load(usual.project, usual.env, tolerate=True)
    connector = project.connector(name)
    delegated = project.airflow is not None and not how.here
    if how.no_retry:
        if delegated:
            _refuse_no_retry()
        connector = replace(connector, retries=replace(connector.retries, max=0))
    request = StartRequest(
        root_run_id=f"{'cli__' if delegated else 'cli-'}{uuid4().hex}",
        trigger="schedule" if how.scheduled else "manual",
        scheduled=how.scheduled,
        rebuild=read.rebuild,
        full_refresh=read.full_refresh,
        streams=tuple(read.stream or ()),
    )
    view = SyncView(usual.output.console, verbose=how.verbose)
    with open_ledger(project) as ledger:
        setting = Setting(project=project, ledger=ledger, observer=view)
        with view, terminable():
            if delegated:
                row = _delegate(setting, connector, request=request, view=view)
            else:
                row = _run_here(setting, connector, request=request, view=view)
    show_end(row, view=view, usual=usual)


def show_end(row: SyncRow, *, view: SyncView, usual: Usual) -> NoReturn:
    """Print how a sync ended, and exit by its verdict."""
    from connector_assets.cli.sync_json import render_sync
    from connector_assets.lifecycle.exits import exit_code

    view.verdict(row)
    if usual.json:
        usual.output.print_json(render_sync(row))
    raise typer.Exit(exit_code(row.verdict, error=row.result.get("error", {})))


def _run_here(
    setting: Setting, connector: Connector, *, request: StartRequest, view: SyncView
) -> SyncRow:
    from connector_assets.lifecycle.setting import make_sync_id
    from connector_assets.lifecycle.sync import run_sync

    environment = setting.project.environment
    sync_id = make_sync_id(request.root_run_id, connector=connector.name, environment=environment)
    view.headline(connector, sync_id=sync_id, environment=environment)
    try:
        row = run_sync(setting, connector, request=request)
    except KeyboardInterrupt:
        # Closed as cancelled; where it was not opened yet, there is nothing to tell.
        rows = setting.ledger.history.recent(
            environment=environment, connector=connector.name, limit=1
        )
        if not rows or rows[0].sync_id != sync_id:
            raise
        row = rows[0]
    if setting.project.airflow:
        _tell_airflow(setting)
    return row


def _delegate(
    setting: Setting, connector: Connector, *, request: StartRequest, view: SyncView
) -> SyncRow:
    """Let the project's Airflow run it, and show what it does."""
    from connector_assets.airflow_api.access import open_client
    from connector_assets.airflow_api.client import AirflowError
    from connector_assets.airflow_api.delegation import fetch_end, follow, plan_run, start_run
    from connector_assets.model import Step

    try:
        run = plan_run(open_client(setting.project), setting, connector, request=request)
        start_run(run, setting, request=request)
    except AirflowError as error:
        error.fix = error.fix or "Start Airflow, or sync without it: --here"
        raise
    view.headline(connector, sync_id=run.sync_id, environment=setting.project.environment)
    view.place(run.page)
    try:
        steps = (Step.START, connector.run_step, Step.FINALIZE, Step.STATUS)
        follow(setting, run, steps=steps)
    except KeyboardInterrupt:
        view.notes("the DAG run goes on; nobody follows it any more")
        raise
    return fetch_end(setting, run)


def _tell_airflow(setting: Setting) -> None:
    """Let Airflow know of what ran here; where it is away, that waits for the next time."""
    from connector_assets.airflow_api.access import open_client
    from connector_assets.airflow_api.events import tell_airflow
    from connector_assets.errors import ConnectorError

    try:
        tell_airflow(setting, open_client(setting.project, timeout=5.0), wait=5.0)
    except ConnectorError as error:
        setting.observer.notes(f"Airflow will be told later: {error.problem}")


def _refuse_no_retry() -> NoReturn:
    from connector_assets.errors import ConfigError

    raise ConfigError(
        "Airflow tries a failure again as often as the connector says",
        place="--no-retry",
        fix="Sync without Airflow: --here --no-retry",
    )


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the sync as Ctrl-C does: the engine stopped, the sync closed."""

    def interrupt(_number: int, _frame: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
