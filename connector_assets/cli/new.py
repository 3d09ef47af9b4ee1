"""``connectors new``: a connector file that validates right away, with a comment on every key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.options import Usual, unpacked
from connector_assets.model import Engine

if TYPE_CHECKING:
    from connector_assets.cli.new_connector import Draft
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """From where to where."""

    source: Annotated[
        str,
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="An extractor of meltano.yml; or rest_api, sql_database, filesystem, "
            "python:package.module:function.",
        ),
    ]
    engine: Annotated[
        Engine | None,
        typer.Option("--engine", metavar="ENGINE", help="meltano or dlt; else by the source."),
    ] = None
    destination: Annotated[
        str,
        typer.Option(
            "--destination",
            metavar="D.DATASET",
            help="Else the project's first destination, and a dataset called like the connector.",
        ),
    ] = ""


@app.command()
@unpacked
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the connector is called.")],
    *,
    choice: Choice,
    usual: Usual,
) -> None:
    """Make a connector file that validates as it is.

    Fill in what is an example in it; a comment explains every key. For a python: source the
    module is made too. Nothing that exists is overwritten.
    """
    from connector_assets.cli.context import load
    from connector_assets.cli.new_connector import check_draft, plan_draft
    from connector_assets.cli.scaffold import Scaffold

    project = load(usual.project, usual.env, tolerate=True)
    draft = plan_draft(
        project,
        name,
        source=choice.source,
        engine=choice.engine,
        destination=choice.destination,
    )
    check_draft(project, draft)
    scaffold = Scaffold(root=project.root)
    for file, text in draft.files.items():
        scaffold.write(file, text)
    scaffold.write_schemas()
    steps = _next_steps(project, draft)
    if usual.json:
        usual.output.print_json(
            {"connector": name, "file": draft.file, "made": scaffold.made, "next": steps}
        )
        return
    usual.output.print(*(f"made  {file}" for file in scaffold.made))
    usual.output.print_next(*steps)


def _next_steps(project: Project, draft: Draft) -> list[str]:
    from connector_assets.cli.new_connector import declared_extractors

    steps = [f"edit {' and '.join(draft.files)}"]
    if draft.module_file and draft.module_file not in draft.files:
        steps.append(f"write {draft.source.rpartition(':')[2]}() in {draft.module_file}")
    if draft.engine is Engine.MELTANO and draft.source not in declared_extractors(project):
        steps.insert(0, f"meltano add extractor {draft.source}")
    return [
        *steps,
        f"connectors validate {draft.name}",
        f"connectors discover {draft.name} --lock",
        f"connectors sync {draft.name}",
    ]
