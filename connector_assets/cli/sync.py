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
from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from connector_assets.cli.sync_view import SyncView
    from connector_assets.ledger.records import SyncRow
    from connector_assets.lifecycle.setting import Setting, StartRequest
    from connector_assets.model import Connector

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class HowToSync:
    """How a sync is run."""

    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", metavar="NAME", help="Only this stream; can be given again."),
    ] = None
    scheduled: Annotated[
        bool,
        typer.Option(
            "--scheduled",
            metavar="",
            help="Wait for a sync of the connector that is running, up to its max_wait, and be "
            "skipped then; otherwise the second one is refused at once.",
        ),
    ] = False
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            metavar="",
            help="Accept that the destination was emptied, and load from the beginning.",
        ),
    ] = False
    no_retry: Annotated[
        bool,
        typer.Option("--no-retry", metavar="", help="Do not try a transient failure again."),
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
    how: HowToSync,
    usual: Usual,
) -> None:
    """Sync a connector: completely, or not at all."""
    from connector_assets.cli.sync_view import SyncView
    from connector_assets.lifecycle.setting import Setting, StartRequest, make_sync_id

    # Another connector's broken file is no reason not to sync this one.
    project = load(usual.project, usual.env, tolerate=True)
    connector = project.connector(name)
    if how.no_retry:
        connector = replace(connector, retries=replace(connector.retries, max=0))
    request = StartRequest(
        root_run_id=f"cli-{uuid4().hex}",
        trigger="schedule" if how.scheduled else "manual",
        scheduled=how.scheduled,
        rebuild=how.rebuild,
        streams=tuple(how.stream or ()),
    )
    sync_id = make_sync_id(request.root_run_id, connector=name, environment=project.environment)
    view = SyncView(usual.output.console, verbose=how.verbose)
    with open_ledger(project) as ledger:
        setting = Setting(project=project, ledger=ledger, observer=view)
        with view, terminable():
            view.headline(connector, sync_id=sync_id, environment=project.environment)
            row = _run(setting, connector, request=request, sync_id=sync_id)
    show_end(row, view=view, usual=usual)


def show_end(row: SyncRow, *, view: SyncView, usual: Usual) -> NoReturn:
    """Print how a sync ended, and exit by its verdict."""
    from connector_assets.cli.sync_json import render_sync
    from connector_assets.lifecycle.exits import exit_code

    view.verdict(row)
    if usual.json:
        usual.output.print_json(render_sync(row))
    raise typer.Exit(exit_code(row.verdict, error=row.result.get("error", {})))


def _run(setting: Setting, connector: Connector, *, request: StartRequest, sync_id: str) -> SyncRow:
    from connector_assets.lifecycle.sync import run_sync

    try:
        return run_sync(setting, connector, request=request)
    except KeyboardInterrupt:
        # Closed as cancelled; where it was not opened yet, there is nothing to tell.
        rows = setting.ledger.history.recent(
            environment=setting.project.environment, connector=connector.name, limit=1
        )
        if rows and rows[0].sync_id == sync_id:
            return rows[0]
        raise


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
