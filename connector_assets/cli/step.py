"""``connectors step``: one step of a sync as a command, for schedulers and containers.

JSON comes out on stdout, what happens goes to stderr, and the exit code is that of the error's
class. Only ids go from one step to the next: what happened is in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, WhatToRead, unpacked
from connector_assets.cli.output import Output
from connector_assets.cli.sync import terminable

if TYPE_CHECKING:
    from connector_assets.ledger.records import SyncRow
    from connector_assets.lifecycle.setting import Setting

app = typer.Typer(help="One step of a sync: what schedulers and containers run.")

SyncId = Annotated[str, typer.Option("--sync-id", metavar="ID", help="As start printed it.")]


@dataclass(frozen=True, kw_only=True)
class WhatToStart:
    """What is started, and by whom."""

    connector: Annotated[str, typer.Option("--connector", metavar="NAME", help="The connector.")]
    root_run_id: Annotated[
        str, typer.Option("--root-run-id", metavar="ID", help="The orchestrator's own run id.")
    ]
    trigger: Annotated[
        str, typer.Option("--trigger", metavar="WORD", help="Who starts it: schedule or manual.")
    ] = "schedule"


@app.command()
@unpacked
def start(*, what: WhatToStart, read: WhatToRead, usual: Usual) -> None:
    """Take the lease, open an attempt and check everything; prints the sync id.

    What is wrong is recorded, not raised: the run step raises it.
    """
    from connector_assets.lifecycle import steps
    from connector_assets.lifecycle.setting import StartRequest

    with _open(usual) as setting:
        request = StartRequest(
            root_run_id=what.root_run_id,
            trigger=what.trigger,
            scheduled=what.trigger == "schedule",
            rebuild=read.rebuild,
            full_refresh=read.full_refresh,
            streams=tuple(read.stream or ()),
        )
        found = steps.start(setting, setting.project.connector(what.connector), request=request)
    answer = {
        "sync_id": found.sync_id,
        "attempt": found.attempt,
        "connector": what.connector,
        "skipped": found.skipped,
        "error": found.error.to_record() if found.error else None,
    }
    Output(as_json=True).print_json(answer)


@app.command()
@unpacked
def run(sync_id: SyncId, *, usual: Usual) -> None:
    """Extract, stage, check and load; a retry resumes the attempt."""
    from connector_assets.lifecycle import steps

    with _open(usual) as setting:
        steps.run(setting, sync_id)
        layers = setting.ledger.syncs.evidence(setting.ledger.history.find(sync_id).sync_id)
    Output(as_json=True).print_json({"sync_id": sync_id, "evidence": layers})


@app.command()
@unpacked
def finalize(sync_id: SyncId, *, usual: Usual) -> None:
    """Read the destination back, write evidence and state, give the lease back."""
    from connector_assets.lifecycle import steps

    with _open(usual) as setting:
        row = steps.finalize(setting, sync_id)
    _print(row)


@app.command()
@unpacked
def status(sync_id: SyncId, *, usual: Usual) -> None:
    """Judge the sync by its evidence; exits with 0 only where the verdict is good."""
    from connector_assets.lifecycle import steps
    from connector_assets.lifecycle.exits import exit_code

    with _open(usual) as setting:
        row = steps.status(setting, sync_id)
    _print(row)
    raise typer.Exit(exit_code(row.verdict, error=row.result.get("error", {})))


@contextmanager
def _open(usual: Usual) -> Iterator[Setting]:
    from connector_assets.lifecycle.setting import Observer, Setting

    output = Output(as_json=True)

    class Telling(Observer):
        def logged(self, line: Mapping[str, Any]) -> None:
            output.print(f"{line.get('at', '')} {line.get('source', '')}: {line.get('event', '')}")

        def waits(self, reason: str) -> None:
            output.print(f"waiting: {reason}")

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger, terminable():
        yield Setting(project=project, ledger=ledger, observer=Telling(), detached=True)


def _print(row: SyncRow) -> None:
    from connector_assets.cli.sync_json import render_sync

    Output(as_json=True).print_json(render_sync(row))
