"""``connectors probe``: what differs at the sources now, without a sync."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from connector_assets.cli.probe_view import ProbeView
    from connector_assets.ledger.store import Ledger
    from connector_assets.lifecycle.probe import Probed
    from connector_assets.model import Connector
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)

#: With less than this left of a budget no source is asked any more.
_LEAST = 2.0


@dataclass(frozen=True, kw_only=True)
class HowToProbe:
    """Which connectors are probed, and for how long."""

    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.1,
            help="How long each source has to answer; its engine is stopped then.",
        ),
    ] = 60.0
    due: Annotated[
        bool,
        typer.Option(
            "--due",
            metavar="",
            help="Only connectors whose schedule came round since they were probed last.",
        ),
    ] = False
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget",
            metavar="SECONDS",
            min=0.1,
            help="How long all of it may take: those probed longest ago come first.",
        ),
    ] = None


@app.command()
@unpacked
def probe(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Connectors; else all.")
    ] = None,
    *,
    how: HowToProbe,
    usual: Usual,
) -> None:
    """Ask sources what they have now, and compare it with the locks, without a sync.

    Taps and databases say what they have, and no row is read; of an API, of files and of Python
    functions a few rows are read, which never prove that something is missing. Destinations, states
    and locks stay as they are, and a sync may be running. What differs is kept as drift, and an
    alert is sent once. Exits with 6 if the next sync would be blocked; what failed is told at the
    end, and the exit code is that of the worst.
    """
    from connector_assets.cli.probe_view import ProbeView, render_probed
    from connector_assets.cli.sync import terminable
    from connector_assets.lifecycle.exits import worst

    project = load(usual.project, usual.env, tolerate=True)
    chosen = [project.connector(name) for name in dict.fromkeys(names or ())]
    chosen = chosen or list(project.connectors)
    broken = [] if names else [error for one in project.broken for error in one.errors]
    view = ProbeView(usual.output)
    with open_ledger(project) as ledger, terminable():
        ordered = _choose(chosen, project=project, ledger=ledger, how=how)
        found = list(_probe(ordered, project=project, ledger=ledger, how=how, view=view))
    left = [one.name for one in ordered[len(found) :]]
    codes = [*(one.exit_code for one in found), *(one.exit_code for one in broken)]
    if usual.json:
        usual.output.print_json(
            {
                "probes": [render_probed(one) for one in found],
                "errors": [one.to_record() for one in broken],
                "left": left,
            }
        )
    view.end(found, broken=broken, left=left)
    raise typer.Exit(worst(codes))


def _choose(
    chosen: Sequence[Connector], *, project: Project, ledger: Ledger, how: HowToProbe
) -> list[Connector]:
    """Return the connectors to probe: in their order, or those probed longest ago first."""
    from connector_assets.lifecycle.due import order_by_age, pick_due

    if not how.due and how.budget is None:
        return list(chosen)
    last = {
        name: one.at for name, one in ledger.probes.last(environment=project.environment).items()
    }
    picked = pick_due(chosen, last=last) if how.due else chosen
    return order_by_age(picked, last=last)


def _probe(
    connectors: Sequence[Connector],
    *,
    project: Project,
    ledger: Ledger,
    how: HowToProbe,
    view: ProbeView,
) -> Iterator[Probed]:
    from connector_assets.lifecycle.probe import run_probe
    from connector_assets.lifecycle.setting import Setting

    setting = Setting(project=project, ledger=ledger, observer=view)
    deadline = None if how.budget is None else time.monotonic() + how.budget
    for number, connector in enumerate(connectors, start=1):
        timeout = how.timeout
        if deadline is not None:
            timeout = min(timeout, deadline - time.monotonic())
            if timeout < _LEAST and number > 1:
                return
        with view.asking(connector, number=number, of=len(connectors)):
            probed = run_probe(setting, connector, timeout=max(timeout, 0.1))
        view.show(probed)
        yield probed
