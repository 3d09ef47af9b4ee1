"""``connectors show``: one connector in full, as the platform understands its file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from rich.table import Table

    from connector_assets.model import Connector, Schedule, Stream
    from connector_assets.plan import Plan

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")], *, usual: Usual
) -> None:
    """Show one connector in full, defaults and environment filled in.

    Of a secret it shows the name and where it comes from. The fingerprint is that of the plan:
    the same on every machine, another one when what a sync does has changed.
    """
    from connector_assets.cli.context import load
    from connector_assets.plan import plan_connector

    project = load(usual.project, usual.env, tolerate=True)
    plan = plan_connector(project, project.connector(name))
    if usual.json:
        usual.output.print_json(_render(plan))
        return
    usual.output.print(_build_facts(plan), "", _build_streams(plan.connector))


def _render(plan: Plan) -> dict[str, Any]:
    record = plan.to_json()
    connector = record.pop("connector")
    destination = connector["destination"]
    destination["secrets"] = _mask(destination["secrets"])
    if use := connector.get("credentials"):
        use["write_back"] = _mask(use["write_back"])
    return {**connector, "secrets": _mask(connector["secrets"]), **record}


def _mask(sources: Mapping[str, str]) -> dict[str, str]:
    from connector_assets.credentials.sources import mask_source

    return {name: mask_source(source) for name, source in sources.items()}


def _build_facts(plan: Plan) -> Table:
    from rich.table import Table

    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in _facts(plan):
        grid.add_row(label, text)
    return grid


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    from connector_assets.cli.list import render_schedule
    from connector_assets.cli.times import render_duration

    one = plan.connector
    destination = one.destination
    place = destination.path or f"{_without_password(destination.catalog)}, data in "
    yield "connector", one.name
    yield "file", one.file.as_posix()
    yield "owner", one.owner
    yield "source", f"{one.engine} {one.source}"
    yield "destination", f"{one.target} ({destination.kind} {place}{destination.data_path})"
    yield "schedule", f"{render_schedule(one.schedule)}{_tell_jitter(one.schedule)}"
    if one.depends_on:
        yield "after", ", ".join(one.depends_on)
    if one.pool:
        yield "pool", one.pool
    yield "timeout", render_duration(one.timeout) or f"{one.timeout:g} s"
    yield "retries", f"{one.retries.max}, the first after {one.retries.wait:g} s"
    for name, source in _mask({**one.secrets, **destination.secrets}).items():
        yield "secret", f"{name} from {source}"
    if one.config:
        yield "config", json.dumps(one.config, ensure_ascii=False)
    yield "environment", plan.environment
    yield "fingerprint", plan.fingerprint
    yield "lock", plan.lock_hash or f"none yet: connectors discover {one.name} --lock"


def _tell_jitter(schedule: Schedule | None) -> str:
    """Return what the file says where something else is run."""
    from connector_assets.cli.times import render_duration

    if schedule is None or not schedule.jitter:
        return ""
    return f" ({schedule.written} in the file, and a jitter of {render_duration(schedule.jitter)})"


def _without_password(catalog: str) -> str:
    # Passwords are references, and what stands before the host needs not be read here.
    scheme, separator, rest = catalog.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _build_streams(connector: Connector) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("stream", style="bold")
    for header in ("table", "write", "key", "cursor", "rules", "config"):
        table.add_column(header, overflow="fold")
    for stream in connector.streams:
        key = ", ".join(stream.primary_key)
        config = json.dumps(stream.config, ensure_ascii=False) if stream.config else ""
        rules = ", ".join(_rules(stream))
        table.add_row(
            stream.name, stream.table, str(stream.write), key, stream.cursor, rules, config
        )
    return table


def _rules(stream: Stream) -> Iterator[str]:
    yield f"empty: {stream.on_empty}"
    if stream.min_rows is not None:
        yield f"min_rows {stream.min_rows}"
    if stream.min_share is not None:
        yield f"min_share {stream.min_share:g}"
    if stream.naive_times is not None:
        yield f"naive_times: {stream.naive_times}"
    if stream.old_versions is not None:
        yield f"old_versions: {stream.old_versions}"
    yield from (f"{kind}: {policy}" for kind, policy in stream.drift.items())
