"""``connectors discover``: what a source offers, and the lock written from it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from rich.table import Table

    from connector_assets.engines.discovery import DiscoveredStream
    from connector_assets.lock import Lock, LockedStream
    from connector_assets.model import Connector
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def discover(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")],
    lock: Annotated[
        bool,
        typer.Option(
            "--lock", metavar="", help="Write the streams of the connector into its lock."
        ),
    ] = False,
    *,
    usual: Usual,
) -> None:
    """Ask a source for its streams and columns, with the types that a sync would load.

    Taps and databases say what they have, and no row is read. Of an API, of files and of Python
    functions a few rows are read, which show what there is and never what is missing. Nothing is
    loaded. Streams that the connector does not have are listed too, where the source lists them.
    """
    from connector_assets.cli.context import load
    from connector_assets.lock import load_lock, save_lock

    project = load(usual.project, usual.env, tolerate=True)
    connector = project.connector(name)
    old = load_lock(name, root=project.root)
    with usual.output.waiting(f"asking {connector.source}"):
        found = _discover(connector, project=project)
    new = _build_lock(connector, found.values(), old=old)
    changes = list(_describe_changes(old, new))
    if lock:
        save_lock(new, root=project.root)
    if usual.json:
        usual.output.print_json(_render(connector, found, changes=changes, locked=lock))
        return
    for each in found.values():
        if each.declared:
            usual.output.print("", *_show(each, connector))
    usual.output.print(*_list_others(found.values(), connector))
    usual.output.print("", *_report(name, old=old, changes=changes, locked=lock))
    if changes and not lock:
        usual.output.print_next(f"connectors discover {name} --lock")


def _discover(connector: Connector, *, project: Project) -> dict[str, DiscoveredStream]:
    from connector_assets.credentials.sources import resolve_secrets
    from connector_assets.engines.discovery import discover as discover_streams
    from connector_assets.lifecycle.leftovers import settle_rotated

    root = project.root
    settle_rotated(connector, root=root)
    secrets = resolve_secrets(connector.secrets, of=f"connector {connector.name}", root=root)
    # Last, so that no file of the project hides a module of Python's or ours.
    sys.path.append(str(root))
    with tempfile.TemporaryDirectory(prefix="connectors-discover-") as folder, chdir(root):
        return discover_streams(
            connector,
            root=root,
            environment=project.environment,
            secrets=secrets,
            scratch=Path(folder),
        )


def _build_lock(
    connector: Connector, found: Iterable[DiscoveredStream], *, old: Lock | None
) -> Lock:
    from connector_assets.engines.discovery import build_lock

    return build_lock(connector, list(found), old=old)


def _describe_changes(old: Lock | None, new: Lock) -> Iterator[str]:
    from connector_assets.audit.drift import diff_streams
    from connector_assets.audit.wording import describe

    yield from map(describe, diff_streams(old.streams if old else {}, new.streams))


def _render(
    connector: Connector,
    found: Mapping[str, DiscoveredStream],
    *,
    changes: list[str],
    locked: bool,
) -> dict[str, Any]:
    from connector_assets.lock import render_stream

    streams = [
        {
            "stream": name,
            "declared": each.declared,
            "sampled": each.sampled,
            **render_stream(each.structure),
        }
        for name, each in found.items()
    ]
    lock = {"file": f"locks/{connector.name}.json", "written": locked, "changes": changes}
    return {"connector": connector.name, "streams": streams, "lock": lock}


def _show(each: DiscoveredStream, connector: Connector) -> Iterator[Any]:
    from rich.text import Text

    stream = connector.stream(each.name)
    table = f"{connector.target}.{stream.table if stream else each.name}"
    yield Text.assemble((each.name, "bold"), (f"  -> {table}", "dim"))
    structure = each.structure
    if structure.columns:
        yield _build_table(structure)
    else:
        yield "  no rows came, so that nothing is known of its columns"
    if each.sampled and structure.columns:
        yield Text("  from a few rows; others may have more columns", style="dim")


def _build_table(structure: LockedStream) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 2), pad_edge=True, header_style="dim")
    for header in ("column", "type", "null", ""):
        table.add_column(header, overflow="fold")
    for name, column in structure.columns.items():
        marks = ("key" if name in structure.primary_key else "", _mark_cursor(name, structure))
        nullable = "yes" if column.nullable else "no"
        table.add_row(name, column.type, nullable, ", ".join(filter(None, marks)))
    return table


def _mark_cursor(name: str, structure: LockedStream) -> str:
    return "cursor" if name == structure.cursor else ""


def _list_others(found: Iterable[DiscoveredStream], connector: Connector) -> Iterator[Any]:
    others = [each for each in found if not each.declared]
    if not others:
        return
    from rich.table import Table

    yield ""
    yield f"not in {connector.file.as_posix()}:"
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for each in others:
        structure = each.structure
        key = f"key {', '.join(structure.primary_key)}" if structure.primary_key else ""
        cursor = f"cursor {structure.cursor}" if structure.cursor else ""
        table.add_row(each.name, f"{len(structure.columns)} columns", key, cursor)
    yield table


def _report(name: str, *, old: Lock | None, changes: list[str], locked: bool) -> Iterator[str]:
    file = f"locks/{name}.json"
    if old is None:
        yield f"{file}: {'written' if locked else 'there is none yet'}"
        return
    if not changes:
        yield f"{file}: nothing has changed"
        return
    counted = "1 change" if len(changes) == 1 else f"{len(changes)} changes"
    yield f"{file}: {'written' if locked else 'differs'}, {counted}"
    yield from (f"  {change}" for change in changes)
