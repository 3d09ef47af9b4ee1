"""``connectors drift``: what differs from what was reviewed, since when, and what is held."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.drift_table import render_event, render_events, render_samples
from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from connector_assets.ledger.audit_records import DriftEvent, HeldPackage
    from connector_assets.ledger.store import Ledger

app = typer.Typer(help="What differs from the lock, since when, and what is held.")

Everything = Annotated[bool, typer.Option("--all", metavar="", help="Those settled, too.")]


@app.command("list")
@unpacked
def list_events(everything: Everything = False, *, usual: Usual) -> None:
    """List the open drift events of all connectors, and the packages that are held."""
    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger:
        _print(ledger, environment=project.environment, everything=everything, usual=usual)


@app.command()
@unpacked
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A connector, or a sync's id.")],
    everything: Everything = False,
    *,
    usual: Usual,
) -> None:
    """Show the drift events of one connector."""
    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger:
        connector = _find_connector(ledger, name, known=[one.name for one in project.connectors])
        environment = project.environment
        _print(
            ledger, environment=environment, connector=connector, everything=everything, usual=usual
        )


@app.command()
@unpacked
def diff(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")], *, usual: Usual
) -> None:
    """Print what differs from the lock and the approvals, and masked rows that show it.

    What its policy allows is a part of it: it is recorded, for ``connectors lock update``.
    """
    from connector_assets.ledger.audit_records import DriftStatus
    from connector_assets.lifecycle.baseline import apply_all, find_baseline
    from connector_assets.lifecycle.setting import Setting
    from connector_assets.lock import Lock, render_lock

    project = load(usual.project, usual.env, tolerate=True)
    connector = project.connector(name).name
    with open_ledger(project) as ledger:
        setting = Setting(project=project, ledger=ledger)
        baseline = find_baseline(setting, connector, statuses=(DriftStatus.APPROVED,))
        events = ledger.drift.find(
            environment=project.environment,
            connector=connector,
            statuses=(DriftStatus.RECORDED, DriftStatus.NOTED, DriftStatus.OPEN),
        )
    after = apply_all(baseline, events)
    old, new = (render_lock(Lock(connector=connector, streams=one)) for one in (baseline, after))
    if usual.json:
        shown = [render_event(event) for event in events]
        usual.output.print_json({"expected": old, "observed": new, "events": shown})
        return
    lines = difflib.unified_diff(_lines(old), _lines(new), "expected", "observed", lineterm="", n=2)
    text = "\n".join(lines)
    usual.output.print(text or f"{connector} has the structure that is expected")
    usual.output.print(*render_samples(events))


def _lines(content: dict[str, Any]) -> list[str]:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _find_connector(ledger: Ledger, name: str, *, known: list[str]) -> str:
    return name if name in known else ledger.history.find(name).connector


def _print(
    ledger: Ledger,
    *,
    environment: str,
    everything: bool,
    usual: Usual,
    connector: str | None = None,
) -> None:
    from connector_assets.ledger.audit_records import DriftStatus

    statuses = tuple(DriftStatus) if everything else (DriftStatus.OPEN,)
    events = ledger.drift.find(environment=environment, connector=connector, statuses=statuses)
    held = ledger.packages.held(environment=environment, connector=connector)
    if usual.json:
        usual.output.print_json(
            {"events": [render_event(one) for one in events], "held": list(map(_render_held, held))}
        )
        return
    if not events:
        usual.output.print(f"no {'' if everything else 'open '}drift in environment {environment}")
    else:
        usual.output.print(render_events(events, connector=connector is None))
    _suggest(events, held, usual=usual)


def _render_held(package: HeldPackage) -> dict[str, Any]:
    return {
        "sync_id": package.sync_id,
        "connector": package.connector,
        "held_at": package.held_at.isoformat(),
        "size": package.size,
        "base_version": package.base_version,
    }


def _suggest(events: list[DriftEvent], held: list[HeldPackage], *, usual: Usual) -> None:
    for one in held:
        when = f"{one.held_at:%Y-%m-%d %H:%MZ}"
        usual.output.print(
            f"held: sync {one.sync_id} of {one.connector}, {one.size:,} bytes, since {when}"
        )
    waiting = sorted({event.connector for event in events if event.status == "open"})
    commands = [f"connectors approve {name} --release" for name in waiting]
    commands += [f"connectors discard {one.sync_id[:8]}" for one in held]
    usual.output.print_next(*commands)
