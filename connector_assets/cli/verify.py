"""``connectors verify``: do plan, compiled files, Dagster and Airflow say the same?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from airflow_bridge.differences import Difference
    from airflow_bridge.verify import Compared, Sides
    from connector_assets.cli.output import Output
    from connector_assets.project import Project

app = typer.Typer()


@app.command()
@unpacked
def verify(
    syncs: Annotated[
        int, typer.Option("--syncs", metavar="N", help="How many of the last syncs are compared.")
    ] = 50,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Airflow's folder of DAGs; dags in the project."),
    ] = None,
    *,
    usual: Usual,
) -> None:
    """Compare plan, compiled files, Dagster, Airflow and last syncs; exit with 11 if any differ.

    Airflow is asked where the project names one, Dagster's events are read in $DAGSTER_HOME, else
    where `connectors up` keeps them. What is not there is said, and not compared.
    """
    from airflow_bridge.verify import verify as compare
    from connector_assets.errors import ViewsDiffer
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env)
    with open_ledger(project) as ledger, usual.output.waiting("comparing ..."):
        sides = _gather(project, folder=to, syncs=syncs)
        found = compare(Setting(project=project, ledger=ledger), sides, syncs=syncs)
    if usual.json:
        usual.output.print_json(_render(found))
    else:
        _show(found, output=usual.output)
    if found.differences:
        raise typer.Exit(ViewsDiffer.exit_code)


def _gather(project: Project, *, folder: Path | None, syncs: int) -> Sides:
    from airflow_bridge.compile import build_groups, plan_upstream, read_graph
    from airflow_bridge.differences import Side
    from airflow_bridge.group import Place
    from airflow_bridge.verify import Sides
    from connector_assets.airflow_api.access import open_client
    from connector_assets.assets.told import read_told
    from connector_assets.project_locks import load_locks

    project, _ = load_locks(project)
    place = (folder or project.root / "dags").absolute()
    missing = {}
    home = Path(os.environ.get("DAGSTER_HOME") or project.home / "dagster")
    told = None
    if home.is_dir():
        told = read_told(home, project, limit=10 * syncs)
    else:
        missing[Side.DAGSTER] = f"no events: there is no {home}"
    if project.airflow is None:
        missing[Side.AIRFLOW] = "the project names none"
    groups = build_groups(project, folder=place, place=Place())
    return Sides(
        groups=[plan_upstream(project, group) for group in groups],
        graph=read_graph(project),
        folder=place,
        airflow=open_client(project) if project.airflow else None,
        told=told,
        not_compared=missing,
    )


def _render(found: Compared) -> dict[str, Any]:
    return {
        "differences": [asdict(one) for one in found.differences],
        "connectors": found.connectors,
        "syncs": found.syncs,
        "sides": found.sides,
        "not_compared": dict(found.not_compared),
    }


def _show(found: Compared, *, output: Output) -> None:
    if found.differences:
        output.print(_tabulate(found.differences))
    count = len(found.differences)
    told = "no differences" if not count else f"{count} difference{'s' if count > 1 else ''}"
    output.print(
        f"{found.connectors} connectors, {', '.join(found.sides)}, {found.syncs} syncs: {told}"
    )
    for side, reason in found.not_compared.items():
        output.print(f"not compared: {side} ({reason})")
    output.print_next(*sorted({one.fix for one in found.differences if one.fix}))


def _tabulate(differences: Sequence[Difference]) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("connector", "difference", "in", "expected", "found"):
        table.add_column(name, overflow="fold")
    for one in differences:
        expected = one.sync_id[:8] + " " if one.sync_id else ""
        table.add_row(
            one.connector,
            str(one.kind),
            f"{one.found_in} (by {one.expected_by})",
            expected + _word(one.expected),
            _word(one.found),
        )
    return table


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return "" if value is None else str(value) or "nothing"
