"""An import as a table for people, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from connector_assets.cli.list import render_schedule
from connector_assets.cli.output import clean

if TYPE_CHECKING:
    from rich.console import RenderableType

    from connector_assets.cli.import_plan import Imported, ImportPlan

_HEADERS = ("connector", "from", "run by", "streams", "schedule", "destination", "state")


def render_import(
    plan: ImportPlan, *, carried: Mapping[str, str], dry_run: bool
) -> Iterator[RenderableType]:
    """Yield what was imported and what was not; ``carried`` is the id of each state in place."""
    from rich.table import Table
    from rich.text import Text

    if plan.imported:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for header in _HEADERS:
            table.add_column(header, style="bold" if header == "connector" else "", overflow="fold")
        for one in plan.imported:
            table.add_row(*_cells(one, carried=carried, dry_run=dry_run))
        yield table
    for left in plan.left_out:
        yield Text.assemble(
            ("left out: ", "yellow"), (clean(left.what), "bold"), f", because {clean(left.why)}"
        )
        yield Text(f"    {clean(left.fix)}", style="dim")


def render_json(
    plan: ImportPlan, *, carried: Mapping[str, str], dry_run: bool, steps: list[str]
) -> dict[str, Any]:
    """Return the import as one JSON object."""
    return {
        "dry_run": dry_run,
        "connectors": [
            {
                "connector": one.connector.name,
                "tap": one.tap,
                "run_by": list(one.origins),
                "streams": [stream.name for stream in one.connector.streams],
                "schedule": (
                    {
                        "cron": one.connector.schedule.cron,
                        "timezone": one.connector.schedule.timezone,
                    }
                    if one.connector.schedule
                    else None
                ),
                "destination": one.connector.target,
                "file": one.file,
                "text": one.text or None,
                "state_id": one.state.id if one.state else None,
                "state_carried": one.connector.name in carried,
            }
            for one in plan.imported
        ],
        "left_out": [
            {"what": left.what, "why": left.why, "fix": left.fix} for left in plan.left_out
        ],
        "next": steps,
    }


def list_steps(plan: ImportPlan, *, dry_run: bool) -> list[str]:
    """Return what to do next."""
    if not plan.imported:
        return []
    if dry_run:
        return ["the same without --dry-run"]
    names = [one.connector.name for one in plan.imported]
    return [
        "connectors validate",
        *(f"connectors sync {name}" for name in names[:3]),
        "then switch these jobs off in Meltano: two that read one source share no state",
    ]


def _cells(one: Imported, *, carried: Mapping[str, str], dry_run: bool) -> list[str]:
    streams = [stream.name for stream in one.connector.streams]
    shown = ", ".join(streams[:4]) + (f" and {len(streams) - 4} more" if streams[4:] else "")
    return [
        one.connector.name,
        one.tap,
        ", ".join(one.origins),
        shown,
        render_schedule(one.connector.schedule),
        one.connector.target,
        _tell_state(one, carried=carried, dry_run=dry_run),
    ]


def _tell_state(one: Imported, *, carried: Mapping[str, str], dry_run: bool) -> str:
    if one.state is None:
        return "none: the first sync reads all"
    if one.connector.name in carried:
        return f"carried over from {one.state.id}"
    return f"would be {one.state.id}" if dry_run else "not carried over"
