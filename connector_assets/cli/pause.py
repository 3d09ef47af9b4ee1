"""``connectors pause``: let the schedule of a connector start no more syncs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.context import list_names, load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from connector_assets.ledger.alert_records import Pause

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def pause(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why, for those who ask.")],
    *,
    usual: Usual,
) -> None:
    """Start no more syncs of a connector by its schedule, until `connectors resume`.

    What is scheduled is skipped, with the reason; a sync by hand still runs. A connector with
    `pause_after:` is paused in the same way when it fails so often in a row.
    """
    from connector_assets.ledger.alert_records import Pause
    from connector_assets.lifecycle.pausing import tell_pause

    project = load(usual.project, usual.env, tolerate=True)
    if name not in list_names(project):
        project.connector(name)
    environment = project.environment
    wanted = Pause(
        connector=name, environment=environment, who=who(), why=why, at=datetime.now(UTC)
    )
    with open_ledger(project) as ledger:
        new = ledger.pauses.pause(wanted)
        active = ledger.pauses.active(environment=environment).get(name, wanted)
    if usual.json:
        usual.output.print_json({"connector": name, "paused": render_pause(active), "changed": new})
        return
    already = "" if new else "already "
    usual.output.print(f"{name} is {already}paused in {environment} {tell_pause(active)}")
    usual.output.print_next(f"connectors resume {name}")


def render_pause(pause: Pause | None) -> dict[str, str] | None:
    """Return a pause as JSON values; None for none."""
    if pause is None:
        return None
    return {"since": pause.at.isoformat(timespec="seconds"), "who": pause.who, "why": pause.why}
