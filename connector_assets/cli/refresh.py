"""``connectors refresh``: streams are read again from the beginning, without a gap for readers."""

from __future__ import annotations

import typer

from connector_assets.cli.options import Usual, WhatToRead, unpacked
from connector_assets.cli.state_write import Name, Streams
from connector_assets.cli.sync import HowToSync, sync_connector

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def refresh(name: Name, stream: Streams = None, *, how: HowToSync, usual: Usual) -> None:
    """Load a connector again from the beginning; what its tables hold stays readable until then.

    What comes takes the place of what is there, in the one transaction that loads it; where
    anything fails, rows and state are as before. The same as ``connectors sync --full-refresh``.
    """
    read = WhatToRead(stream=stream, full_refresh=True)
    sync_connector(name, read=read, how=how, usual=usual)
