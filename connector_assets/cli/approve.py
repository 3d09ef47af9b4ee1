"""``connectors approve``: let a connector's drift through, after a look at the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.context import load, open_ledger, who
from connector_assets.cli.drift_table import render_decisions, render_event
from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.sync import show_end, terminable

if TYPE_CHECKING:
    from connector_assets.ledger.audit_records import DriftEvent, HeldPackage
    from connector_assets.ledger.store import Ledger
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def approve(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")],
    event: Annotated[
        list[int] | None,
        typer.Option("--event", metavar="ID", help="Only this event; can be given again."),
    ] = None,
    release: Annotated[
        bool, typer.Option("--release", metavar="", help="Load what is held, at once.")
    ] = False,
    *,
    usual: Usual,
) -> None:
    """Approve the open drift of a connector: from now on it is expected.

    Rows that were refused (none, or too few) are approved for the package that is held, and not for
    the next sync. The approval is kept in the ledger, for this environment, with who gave it and
    when; ``connectors lock update`` folds it into the lock for review.
    """
    from connector_assets.lifecycle import decisions
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    project.connector(name)
    with open_ledger(project) as ledger:
        setting = Setting(project=project, ledger=ledger)
        approved = decisions.approve(setting, name, event_ids=event or (), who=who())
        held = ledger.packages.held(environment=project.environment, connector=name)
        if not usual.json:
            _print_rows(held, usual=usual)
        if not (release and held):
            _print(approved, held=[one.sync_id for one in held], usual=usual)
            return
        usual.output.print(render_decisions(approved))
        _release(project, ledger, sync_id=held[-1].sync_id, usual=usual)


def _print_rows(held: list[HeldPackage], *, usual: Usual) -> None:
    for one in held:
        if one.approved_by:
            usual.output.print(f"its rows are taken as they are: sync {one.sync_id[:8]}")


def _print(approved: list[DriftEvent], *, held: list[str], usual: Usual) -> None:
    if usual.json:
        usual.output.print_json([render_event(one) for one in approved])
        return
    usual.output.print(render_decisions(approved))
    for sync_id in held:
        usual.output.print_next(f"connectors release {sync_id[:8]}")


def _release(project: Project, ledger: Ledger, *, sync_id: str, usual: Usual) -> None:
    from connector_assets.cli.sync_view import SyncView
    from connector_assets.lifecycle import decisions
    from connector_assets.lifecycle.setting import Setting

    view = SyncView(usual.output.console)
    with view, terminable():
        setting = Setting(project=project, ledger=ledger, observer=view)
        row = decisions.release(setting, sync_id, who=who())
    show_end(row, view=view, usual=usual)
