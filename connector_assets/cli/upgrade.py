"""``connectors upgrade``: everything of a project that has a version, and how it is brought up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.context import find, find_ledger, load
from connector_assets.cli.options import Usual, unpacked
from connector_assets.errors import ConfigError

if TYPE_CHECKING:
    from connector_assets.lifecycle.upgrading import Versioned
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)
_STYLES = {"current": "green", "older": "yellow", "newer": "bold red"}
_COMPILE = "connectors bridge compile"


@dataclass(frozen=True, kw_only=True)
class Doing:
    """Whether it is only looked at."""

    plan: Annotated[
        bool, typer.Option("--plan", metavar="", help="Only show what would be done, as usual.")
    ] = False
    apply: Annotated[bool, typer.Option("--apply", metavar="", help="Do it.")] = False


@app.command()
@unpacked
def upgrade(*, doing: Doing, usual: Usual) -> None:
    """Show what has another version than this installation writes; with --apply bring it up.

    The project's files, all or none of them, and the environment's ledger: of an SQLite file a
    copy is made first. A ledger in production is migrated by this command alone. Ends with 3,
    and does nothing, where something is newer than this installation.
    """
    if doing.plan and doing.apply:
        raise ConfigError("--plan and --apply are two things", fix="Give one of them.")
    root = find(usual.project)
    with usual.output.waiting("looking ..."):
        rows = list(_survey(root, env=usual.env))
    newer = [one for one in rows if one.age == "newer"]
    done: list[str] = []
    if doing.apply and not newer:
        with usual.output.waiting("upgrading ..."):
            done += _apply(root, env=usual.env)
            rows = list(_survey(root, env=usual.env))
    steps = [] if newer else [*_steps(rows, root=root, env=usual.env, applied=doing.apply)]
    if usual.json:
        versions = [asdict(one) for one in rows]
        told = {"applied": doing.apply and not newer, "versions": versions, "done": done}
        usual.output.print_json({**told, "next": steps})
    else:
        _print(rows, done=done, usual=usual)
        usual.output.print_next(*steps)
    if newer:
        if doing.apply and not usual.json:
            usual.output.print("nothing was done: something is newer than this installation")
        raise typer.Exit(ConfigError.exit_code)


def _survey(root: Path, *, env: str | None) -> Iterator[Versioned]:
    """Yield how everything stands; the rest, once the project's own files can be read here."""
    from connector_assets.ledger.upgrade import look_at_ledger
    from connector_assets.lifecycle import upgrading
    from connector_assets.project_upgrade import plan_upgrade

    plan = plan_upgrade(root)
    yield upgrading.describe_project(plan)
    if plan.files:
        return
    project = load(root, env, tolerate=True)
    yield upgrading.describe_ledger(look_at_ledger(find_ledger(project)))
    yield from upgrading.describe_locks(project)
    yield from _describe_groups(project)
    yield from upgrading.describe_destinations(project)


def _describe_groups(project: Project) -> Iterator[Versioned]:
    """Yield how the compiled files stand to the plans, where some are in the project's ``dags``."""
    from airflow_bridge.group import VERSION, GroupError, parse_group
    from airflow_bridge.names import FOLDER
    from connector_assets.lifecycle.upgrading import Age, Versioned
    from connector_assets.plan import plan_connector

    files = {path.stem: path for path in sorted((project.root / "dags" / FOLDER).glob("*.json"))}
    if not files:
        return
    plans = {one.name: plan_connector(project, one).fingerprint for one in project.connectors}
    broken = {one.name for one in project.broken}
    stale = {*plans} ^ ({*files} - broken)
    for name in {*files} & {*plans}:
        try:
            group = parse_group(files[name].read_text(encoding="utf-8"), file=name)
        except (OSError, UnicodeDecodeError, GroupError):
            stale.add(name)
        else:
            stale |= {name} if group.plan != plans[name] else set()
    yield Versioned(
        name=f"{len(files)} compiled files in dags",
        found=f"{len(stale)} stale" if stale else str(VERSION),
        known=str(VERSION),
        age=Age.OLDER if stale else Age.CURRENT,
        action=f"{_COMPILE}: {', '.join(sorted(stale))}" if stale else "",
    )


def _apply(root: Path, *, env: str | None) -> Iterator[str]:
    """Do what can be done here, and yield what was."""
    from connector_assets.ledger.upgrade import look_at_ledger, upgrade_ledger
    from connector_assets.project_upgrade import apply_upgrade, plan_upgrade

    plan = plan_upgrade(root)
    apply_upgrade(plan, root=root)
    yield from (f"changed  {one.file}" for one in plan.files)
    url = find_ledger(load(root, env, tolerate=True))
    before = look_at_ledger(url)
    copy = upgrade_ledger(url)
    if copy:
        yield f"copied  the ledger as it was to {copy}"
    if before.found not in (None, before.known):
        yield f"migrated  ledger {before.place} from {before.found} to {before.known}"


def _steps(rows: list[Versioned], *, env: str | None, root: Path, applied: bool) -> Iterator[str]:
    """Yield the commands that come next."""
    from connector_assets.project_file import load_settings

    older = [one for one in rows if one.age == "older"]
    doable = [one for one in older if one.name.startswith(("connectors.yaml", "ledger "))]
    if doable and not applied:
        yield "connectors upgrade --apply"
    if any(one.action.startswith(_COMPILE) for one in older):
        yield _COMPILE
    if len(rows) > 1:
        here = load_settings(root, environment=env)
        for other in here.environments:
            if load_settings(root, environment=other).ledger != here.ledger:
                yield f"connectors upgrade --env {other}"


def _print(rows: list[Versioned], *, done: list[str], usual: Usual) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("what", "found", "here", "state", "what is done"):
        table.add_column(name, overflow="fold")
    for one in rows:
        state = Text(one.age, style=_STYLES.get(one.age, "dim"))
        table.add_row(one.name, one.found, one.known, state, one.action)
    usual.output.print(table, *done)
