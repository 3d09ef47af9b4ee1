"""``connectors up``: Dagster's web server and daemon over the project, until Ctrl-C."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Annotated

import typer

from connector_assets.cli.context import load
from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.sync import terminable

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def up(
    port: Annotated[
        int, typer.Option("--port", metavar="N", help="Where to listen; 0 takes a free port.")
    ] = 3000,
    module: Annotated[
        str,
        typer.Option(
            "--module",
            metavar="MODULE",
            help="Definitions of your own in the project folder, which include the project's.",
        ),
    ] = "",
    *,
    usual: Usual,
) -> None:
    """Start Dagster's web server and daemon for the project; Ctrl-C stops both.

    Both listen on this machine only. Runs, events and logs of Dagster stand in
    .connectors/dagster. Needs the extra "dagster".
    """
    from connector_assets.assets.servers import MODULE, serve

    project = load(usual.project, usual.env, tolerate=True)
    # Ctrl-C is how it ends, not how it fails.
    with suppress(KeyboardInterrupt), terminable(), ExitStack() as until_then:
        with usual.output.waiting("Dagster starts ..."):
            servers = serve(project, port=port, module=module or MODULE)
            running = until_then.enter_context(servers)
        if usual.json:
            logs = [str(log) for log in running.logs]
            usual.output.print_json({"url": running.url, "logs": logs})
        else:
            usual.output.print(f"Dagster is at {running.url}", f"logs: {running.home}")
            usual.output.print("Ctrl-C stops it")
        running.wait()
