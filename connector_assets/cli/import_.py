"""``connectors import``: what another tool runs, as connectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.import_routes import COMMAND, StateChoice
from connector_assets.cli.options import Usual, unpacked
from connector_assets.errors import ConfigError, ConnectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_assets.cli.import_plan import Imported, ImportPlan
    from connector_assets.lifecycle.setting import Setting
    from connector_assets.project import Project

app = typer.Typer(help="What another tool runs, as connectors.")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is imported, and where to."""

    destination: Annotated[
        str,
        typer.Option(
            "--destination",
            metavar="D[.DATASET]",
            help="A destination of connectors.yaml. Each connector has a dataset of its name, or "
            "DATASET; of several connectors DATASET_NAME.",
        ),
    ] = ""
    tap: Annotated[
        list[str] | None,
        typer.Option("--tap", metavar="TAP", help="Only this extractor; may be repeated."),
    ] = None
    state: Annotated[
        StateChoice,
        typer.Option(
            "--state",
            metavar="WHAT",
            help="carry: the first sync goes on where Meltano stopped. skip: it reads all. "
            "only: no files, the states of taps that are connectors already.",
        ),
    ] = StateChoice.CARRY
    state_id: Annotated[
        list[str] | None,
        typer.Option(
            "--state-id",
            metavar="ID",
            help="Which of Meltano's states goes on, where a tap has several; may be repeated.",
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Show it, and write nothing.")
    ] = False


@app.command()
@unpacked
def meltano(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="The Meltano project; else the project's folder."),
    ] = None,
    *,
    choice: Choice,
    usual: Usual,
) -> None:
    """Write the jobs and schedules of a Meltano project as connector files, and carry states over.

    Each tap that a job or a schedule runs becomes a connector, with its selected streams and its
    schedule. Settings stay in meltano.yml; secrets become references. The first sync goes on where
    Meltano stopped: rows that Meltano loaded stay where it loaded them. What cannot be imported is
    listed with its reason. Nothing that exists is overwritten, and nothing of Meltano's is changed.
    """
    from connector_assets.cli.context import load
    from connector_assets.cli.import_collect import ImportRequest, collect_import
    from connector_assets.cli.import_view import list_steps, render_import, render_json

    project = load(_find_folder(folder, usual.project), usual.env, tolerate=True)
    request = ImportRequest(
        destination=choice.destination,
        taps=tuple(choice.tap or ()),
        state=choice.state,
        state_ids=tuple(choice.state_id or ()),
    )
    with usual.output.waiting("asking Meltano for jobs, schedules, states, and taps for streams"):
        plan = collect_import(project, request)
        carried = _apply(project, plan, dry_run=choice.dry_run)
    steps = list_steps(plan, dry_run=choice.dry_run)
    if usual.json:
        told = render_json(plan, carried=carried, dry_run=choice.dry_run, steps=steps)
        usual.output.print_json(told)
        return
    if not plan.imported:
        usual.output.print("nothing is imported")
    usual.output.print(*render_import(plan, carried=carried, dry_run=choice.dry_run))
    usual.output.print_next(*steps)


@app.callback()
def _group() -> None:
    """Keep ``meltano`` a command of a group."""


def _find_folder(folder: Path | None, project: Path | None) -> Path | None:
    """Return the project's folder: connectors and their meltano.yml stand in one.

    Raises:
        ConfigError: There is no project in the folder of the Meltano project, or it is another.
    """
    from connector_assets.project_file import FILE

    if folder is None:
        return project
    root = folder.expanduser().absolute()
    if not (root / FILE).is_file():
        raise ConfigError(
            f"there is no {FILE} in the folder of the Meltano project",
            place=str(root),
            fix=f"Connectors run taps from the meltano.yml beside them: connectors init {folder} "
            "adds what is missing, and changes nothing that is there.",
        )
    if project is not None and project.expanduser().resolve() != root.resolve():
        raise ConfigError(
            "the Meltano project and the project of the connectors are two folders",
            place=str(root),
            fix="Connectors run taps from the meltano.yml beside them: leave --project out.",
        )
    return root


def _apply(project: Project, plan: ImportPlan, *, dry_run: bool) -> dict[str, str]:
    """Check that no connector has a state, and import; return the state's id by connector."""
    from connector_assets.cli.context import has_ledger, open_ledger
    from connector_assets.lifecycle.carrying import check_stateless
    from connector_assets.lifecycle.setting import Setting

    # A project without a ledger has none after a dry run, either.
    if dry_run and not has_ledger(project):
        return {}
    with open_ledger(project) as ledger:
        setting = Setting(project=project, ledger=ledger)
        for one in plan.imported:
            if one.state:
                check_stateless(setting, one.connector.name)
        return {} if dry_run else _carry_out(setting, plan)


def _carry_out(setting: Setting, plan: ImportPlan) -> dict[str, str]:
    """Write each file and carry its state over; return the state's id by connector.

    A connector is imported with its state or not at all: where that cannot be loaded, its file and
    those after it are not there.
    """
    from connector_assets.cli.context import who
    from connector_assets.cli.scaffold import Scaffold
    from connector_assets.lifecycle.carrying import carry_state

    root, carried = setting.project.root, dict[str, str]()
    for number, one in enumerate(plan.imported):
        scaffold = Scaffold(root=root)
        if one.text:
            scaffold.write(one.file, one.text)
        if one.state is None:
            continue
        try:
            carry_state(
                setting, one.connector, state=one.state.state, origin=one.state.id, who=who()
            )
        except BaseException as error:
            for file in scaffold.made:
                (root / file).unlink()
            if isinstance(error, ConnectorError):
                _tell_left(error, plan.imported[number:])
            raise
        carried[one.connector.name] = one.state.id
    if any(one.text for one in plan.imported):
        Scaffold(root=root).write_schemas()
    return carried


def _tell_left(error: ConnectorError, left: Sequence[Imported]) -> None:
    """Say in an error what was not imported because of it, and how that is done."""
    from connector_assets.errors import StateDivergence

    first = left[0].connector.name
    taps = " ".join(f"--tap {one.tap}" for one in left)
    skip = " --state skip goes on from that one" if isinstance(error, StateDivergence) else ""
    again = f"{first} was not imported. Again: {COMMAND} {taps}{';' if skip else ''}{skip}"
    error.fix = f"{error.fix} {again}".strip()
    error.with_context(connector=first)
