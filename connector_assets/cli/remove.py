"""``connectors remove``: a connector goes, with its tables kept, archived or dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.asking import confirm
from connector_assets.cli.context import load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked
from connector_assets.destinations.fate import TableFate

if TYPE_CHECKING:
    from connector_assets.lifecycle.removing import RemovedConnector
    from connector_assets.model import Connector
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """What stays of a connector."""

    tables: Annotated[
        TableFate,
        typer.Option(
            "--tables",
            help="keep: they stay, with the state; archive: they get another name; drop: they go.",
        ),
    ] = TableFate.KEEP
    keep_file: Annotated[
        bool,
        typer.Option("--keep-file", metavar="", help="Leave file and lock: others need them."),
    ] = False
    yes: Annotated[bool, typer.Option("--yes", metavar="", help="Do not ask first.")] = False


@app.command()
@unpacked
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")],
    *,
    leaving: Leaving,
    usual: Usual,
) -> None:
    """Remove a connector: its file and lock, and what --tables says of its tables.

    Archived tables are called TABLE__archived_YYYYMMDD; they and dropped ones are asked about
    first. What the ledger knows of its syncs stays. One that only the ledger knows any more, as
    in another environment, is found by its last sync.
    """
    from connector_assets.lifecycle import removing
    from connector_assets.lifecycle.known import find_connector
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    request = removing.RemovalRequest(fate=leaving.tables, who=who(), keep_file=leaving.keep_file)
    with open_ledger(project) as ledger:
        setting = Setting(project=project, ledger=ledger)
        connector = find_connector(setting, name)
        removing.check_removable(setting, connector, request=request)
        rows: dict[str, int] = {}
        if leaving.tables is not TableFate.KEEP:
            rows = removing.count_tables(setting, connector)
            if rows and not leaving.yes:
                _ask(project, connector, rows=rows, fate=leaving.tables)
        with usual.output.waiting("removing ..."):
            removed = removing.remove(setting, connector, request=request)
    told = _Told(project=project, connector=connector, removed=removed, leaving=leaving)
    if usual.json:
        usual.output.print_json(told.render(rows))
        return
    usual.output.print(*told.lines(rows), *told.notes())
    usual.output.print_next(*told.steps())


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What a person, or a program, is told of a removal."""

    project: Project
    connector: Connector
    removed: RemovedConnector
    leaving: Leaving

    def render(self, rows: Mapping[str, int]) -> dict[str, Any]:
        """Return it as JSON values; a table that was dropped is null now."""
        done = self.removed.destination
        return {
            "connector": self.connector.name,
            "environment": self.project.environment,
            "target": self.connector.target,
            "tables": str(self.leaving.tables),
            "rows": dict(rows),
            "renamed": dict(done.tables) if done else {},
            "dataset_dropped": bool(done and done.dataset),
            "views": list(done.readers) if done else [],
            "state_version": self.removed.version,
            "deleted": list(self.removed.files),
            "unused_secrets": list(self._unused()),
            "notes": list(self.notes()),
            "next": list(self.steps()),
        }

    def lines(self, rows: Mapping[str, int]) -> Iterator[str]:
        """Yield what was done."""
        target, done = self.connector.target, self.removed.destination
        yield f"removed  {self.connector.name}  {target} in {self.project.environment}"
        for before, after in (done.tables if done else {}).items():
            done_to = f"archived  {before} as {after}" if after else f"dropped  {before}"
            yield f"  {done_to} ({rows.get(before, 0):,} rows)"
        if done and done.dataset:
            yield f"  dropped  dataset {self.connector.dataset}"
        yield f"  {self._tell_state()}"
        for file in self.removed.files:
            yield f"  deleted  {file}"

    def _tell_state(self) -> str:
        version = self.removed.version
        if self.leaving.tables is not TableFate.KEEP:
            state = f"state version {version}: nothing is gone on from"
            return state if version else "nothing of it was ever loaded"
        if not self.removed.files:
            return "its file is gone already, its tables are as they were"
        return f"its tables stay, with state version {version}" if version else "it has no state"

    def notes(self) -> Iterator[str]:
        """Yield what a person may want to do about what is left."""
        name, project, done = self.connector.name, self.project, self.removed.destination
        if self.removed.files:
            yield "git has the files, if they were committed"
        if done and done.readers:
            yield f"views that name its tables fail now: {', '.join(done.readers)}"
        if unused := self._unused():
            yield f"no other connector uses: {', '.join(unused)}"
        if rules := [one.name for one in project.alerts if name in one.connectors]:
            yield f"alert rules of connectors.yaml still name it: {', '.join(rules)}"
        if self.leaving.keep_file and self.connector.schedule:
            yield f"its schedule loads it anew: connectors pause {name} --why ..."
        others = [one for one in project.environments if one != project.environment]
        if others and not self.leaving.keep_file:
            yield f"what it loaded in other environments stays: {', '.join(others)}"
        if not self.leaving.keep_file:
            yield "Dagster shows it until its code location is loaded again"

    def steps(self) -> Iterator[str]:
        """Yield the commands that come next."""
        name, project = self.connector.name, self.project
        if not self.leaving.keep_file:
            compiled = project.root / "dags" / "connectors" / f"{name}.json"
            if project.airflow or compiled.exists():
                yield "connectors bridge compile"
        for one in project.environments:
            if one != project.environment and not self.leaving.keep_file:
                yield f"connectors remove {name} --env {one} --tables {self.leaving.tables}"

    def _unused(self) -> tuple[str, ...]:
        from connector_assets.lifecycle.removing import find_unused

        return () if self.leaving.keep_file else find_unused(self.project, self.connector)


def _ask(
    project: Project, connector: Connector, *, rows: Mapping[str, int], fate: TableFate
) -> None:
    listed = ", ".join(f"{table} ({count:,} rows)" for table, count in rows.items())
    words = "gets other names for" if fate is TableFate.ARCHIVE else "loses"
    confirm(
        f"{connector.target} in {project.environment} {words} {listed}",
        after="; views on them fail then",
        command=f"connectors remove {connector.name} --tables {fate}",
    )
