"""``connectors resume``: let the schedule of a paused connector go on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from connector_assets.cli.context import list_names, load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.times import render_utc

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def resume(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")], *, usual: Usual
) -> None:
    """Let the schedule of a paused connector go on; failures are counted anew."""
    from connector_assets.lifecycle.pausing import tell_pause
    from connector_assets.lifecycle.punctual import find_following

    project = load(usual.project, usual.env, tolerate=True)
    if name not in list_names(project):
        project.connector(name)
    now = datetime.now(UTC)
    with open_ledger(project) as ledger:
        over = ledger.pauses.resume(name, environment=project.environment, who=who(), at=now)
    if usual.json:
        usual.output.print_json({"connector": name, "paused": None, "changed": over is not None})
        return
    if over is None:
        usual.output.print(f"{name} was not paused in {project.environment}")
        return
    usual.output.print(f"{name} goes on in {project.environment}; it was paused {tell_pause(over)}")
    found = next((one for one in project.connectors if one.name == name), None)
    if found and found.schedule:
        following = find_following(found.schedule, after=now)
        usual.output.print(f"it is due next at {render_utc(following)}")
    usual.output.print_next(f"connectors sync {name}")
