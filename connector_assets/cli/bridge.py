"""``connectors bridge``: the Airflow view, compiled from the Dagster asset graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from connector_assets.cli.context import load
from connector_assets.cli.options import Usual, unpacked

app = typer.Typer(help="The Airflow view: a DAG of four steps for each asset group.")

_To = Annotated[
    Path | None,
    typer.Option("--to", metavar="DIR", help="Airflow's folder of DAGs; dags in the project."),
]
_Python = Annotated[
    str,
    typer.Option(
        "--python", metavar="PATH", help="The interpreter that runs the steps; Airflow's own."
    ),
]


@app.command("compile")
@unpacked
def compile_groups(to: _To = None, python: _Python = "", *, usual: Usual) -> None:
    """Write a file for each asset group, and the DAG file that reads them.

    What did not change is not written again; the file of a group that is gone is removed. Broken
    connector files keep theirs, and are an error.
    """
    from airflow_bridge.compile import compile_project
    from airflow_bridge.group import Place
    from connector_assets.errors import ConfigErrors

    project = load(usual.project, usual.env, tolerate=True)
    place = Place(kind="python", interpreter=python) if python else Place()
    folder = (to or project.root / "dags").absolute()
    with usual.output.waiting("compiling ..."):
        done = compile_project(project, folder=folder, place=place)
    if usual.json:
        found = {"written": done.written, "removed": done.removed, "unchanged": done.unchanged}
        errors = [error.to_record() for error in done.errors]
        usual.output.print_json(
            {"folder": str(folder), **found, "pools": done.pools, "errors": errors}
        )
        # One object is printed: the errors are in it.
        raise typer.Exit(ConfigErrors.collect(done.errors).exit_code if errors else 0)
    for word, names in (("written", done.written), ("removed", done.removed)):
        for name in names:
            usual.output.print(f"{word}  {name}")
    usual.output.print(f"{len(done.written) + len(done.unchanged)} groups in {folder}")
    if done.pools:
        usual.output.print_next("connectors bridge pools")
    if done.errors:
        raise ConfigErrors.collect(done.errors)


@app.command()
@unpacked
def show(
    connector: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")],
    *,
    usual: Usual,
) -> None:
    """Show a connector's DAG as text: steps, schedule, retries, outlets."""
    import json

    from airflow_bridge.compile import build_groups
    from airflow_bridge.group import Place, parse_group, render_group
    from airflow_bridge.text import render_text
    from connector_assets.project_locks import load_locks

    project = load(usual.project, usual.env, tolerate=True)
    project, _ = load_locks(project)
    wanted = project.connector(connector).name
    groups = build_groups(project, folder=project.root / "dags", place=Place())
    text = render_group(next(group for group in groups if group.name == wanted))
    if usual.json:
        usual.output.print_json(json.loads(text))
    else:
        usual.output.print(render_text(parse_group(text, file=wanted)).rstrip())


@app.command()
@unpacked
def pools(*, usual: Usual) -> None:
    """Make the pools that connectors use in Airflow, and correct their slots.

    A task whose pool is not there waits for ever. Pools of others are left alone.
    """
    from dataclasses import asdict

    from connector_assets.airflow_api.access import open_client
    from connector_assets.airflow_api.pools import list_pools, set_pools

    project = load(usual.project, usual.env, tolerate=True)
    wanted = list_pools(project)
    if wanted and project.airflow is None:
        _refuse_pools()
    if wanted:
        with usual.output.waiting("asking Airflow ..."):
            done = asdict(set_pools(open_client(project), wanted))
    else:
        done = {"made": (), "corrected": (), "unchanged": ()}
    if usual.json:
        usual.output.print_json(done)
        return
    slots = {one.name: one.slots for one in wanted}
    for word, names in done.items():
        for name in names:
            usual.output.print(f"{word}  {name}: {slots[name]}")
    if not wanted:
        usual.output.print("no connector uses a pool")


def _refuse_pools() -> NoReturn:
    from connector_assets.errors import ConfigError

    raise ConfigError(
        "the project has no Airflow",
        place="connectors.yaml",
        fix="Write `airflow: {url: ...}`; or there: airflow pools import dags/pools.json",
    )


@app.command()
@unpacked
def tell(*, usual: Usual) -> None:
    """Tell Airflow of the syncs that it did not see: those run --here, and those settled later.

    Each stream that was synced gets one asset event. Dagster's mirror sensor does the same.
    """
    from connector_assets.airflow_api.access import open_client
    from connector_assets.airflow_api.events import tell_airflow
    from connector_assets.cli.context import open_ledger
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger, usual.output.waiting("telling Airflow ..."):
        setting = Setting(project=project, ledger=ledger)
        told = tell_airflow(setting, open_client(project), limit=10_000, wait=30.0)
    if usual.json:
        usual.output.print_json({"told": told.posted, "left": told.left})
        return
    for sync_id in told.posted:
        usual.output.print(f"told  {sync_id}")
    left = f"; {len(told.left)} left for later" if told.left else ""
    usual.output.print(f"Airflow knows all syncs{left}")
