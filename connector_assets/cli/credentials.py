"""``connectors credentials``: are they there, do they work, are their names those of today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.context import find, list_names, load
from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from connector_assets.credential_backfill import Backfill
    from connector_assets.lifecycle.credentials import Checked
    from connector_assets.model import Connector
    from connector_assets.project import Project

app = typer.Typer(help="Check credentials, and bring their names up to date.")

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Connectors; else all.")
]


@app.command()
@unpacked
def check(
    names: Names = None,
    live: Annotated[
        bool, typer.Option("--live", metavar="", help="Log in at the sources.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="For each source.")
    ] = 60.0,
    *,
    usual: Usual,
) -> None:
    """Look for each secret where it comes from; with --live log in at the sources, too.

    No value is shown. A tap is asked for its catalog, a database for its tables, an API and a
    Python function for a few rows; nothing is loaded or recorded. Exits with 4 if a secret is
    missing or was refused, and with the class of another error that kept a source from answering.
    """
    from connector_assets.lifecycle.exits import worst

    project = load(usual.project, usual.env, tolerate=True)
    chosen = [project.connector(name) for name in dict.fromkeys(names or ())]
    broken = [] if names else [error for one in project.broken for error in one.errors]
    seconds = timeout if live else None
    with usual.output.waiting("asking ..."):
        found = [
            _check(project, one, login_seconds=seconds) for one in chosen or project.connectors
        ]
    if usual.json:
        usual.output.print_json(
            {
                "connectors": [_render(one) for one in found],
                "errors": [error.to_record() for error in broken],
            }
        )
    else:
        for one in found:
            usual.output.print(*_tell(one))
        _print_errors(found, broken=broken, usual=usual)
    raise typer.Exit(worst([one.exit_code for one in found] + [one.exit_code for one in broken]))


@app.command()
@unpacked
def backfill(
    names: Names = None,
    plan: Annotated[
        bool, typer.Option("--plan", metavar="", help="Only show what would change, as usual.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", metavar="", help="Change the files.")] = False,
    *,
    usual: Usual,
) -> None:
    """Bring connector files to the current version of their credential models.

    Names of secrets and variables change, comments and order stay. Of `.env` the variables are
    called anew; those that are set elsewhere are listed. Without --apply nothing is written.
    """
    from connector_assets.credential_backfill import apply_backfill, plan_backfill
    from connector_assets.errors import ConfigError

    if plan and apply:
        raise ConfigError("--plan and --apply are two things", fix="Give one of them.")
    root = find(usual.project)
    _check_names(names or (), usual=usual)
    found = plan_backfill(root, names=tuple(names or ()))
    if apply:
        apply_backfill(found, root=root)
    if usual.json:
        usual.output.print_json({"applied": apply, **_render_plan(found)})
        return
    usual.output.print(*_tell_plan(found, applied=apply))
    if found.files and not apply:
        usual.output.print_next("connectors credentials backfill --apply")


def _check(project: Project, connector: Connector, *, login_seconds: float | None) -> Checked:
    from connector_assets.lifecycle.credentials import check_connector, log_in

    found = check_connector(project, connector)
    if login_seconds is None or found.errors:
        return found
    return log_in(project, found, timeout=login_seconds)


def _check_names(names: Sequence[str], *, usual: Usual) -> None:
    """Refuse a name that no connector file has, whether it can be loaded or not."""
    from connector_assets.errors import ConfigError

    known = list_names(load(usual.project, usual.env, tolerate=True)) if names else []
    for name in names:
        if name not in known:
            problem = f"the project has no connector {name!r}"
            raise ConfigError(problem, place="connectors", value=name, valid=known)


def _render(one: Checked) -> dict[str, Any]:
    return {
        "connector": one.connector.name,
        "secrets": [
            {"name": each.name, "source": each.source, "found": each.error is None}
            for each in one.secrets
        ],
        "model": one.connector.credentials.model,
        "version": one.connector.credentials.version,
        "current_version": one.connector.credentials.current,
        "login": one.login,
        "notes": list(one.notes),
        "errors": [error.to_record() for error in one.errors],
    }


def _tell(one: Checked) -> Iterator[str]:
    use = one.connector.credentials
    model = f"  {use.model} version {use.version} of {use.current}" if use.model else ""
    login = f"  login {one.login}" if one.login else ""
    yield f"{one.connector.name}  {one.connector.engine}/{one.connector.source}{model}{login}"
    for each in one.secrets:
        yield f"  {'ok' if each.error is None else 'no':<3}{each.name}  {each.source}"
    if not one.secrets:
        yield "  no secrets needed"
    yield from (f"  note: {note}" for note in one.notes)


def _print_errors(found: list[Checked], *, broken: list[Any], usual: Usual) -> None:
    from connector_assets.cli.output import print_list

    errors = [error for one in found for error in one.errors]
    print_list(usual.output.console, [*errors, *broken], word="error: ")


def _render_plan(found: Backfill) -> dict[str, Any]:
    return {
        "files": [
            {
                "file": one.file,
                "connector": one.connector,
                "model": one.model,
                "version": one.version,
                "current_version": one.current,
                "missing": list(one.missing),
                "diff": one.diff,
            }
            for one in found.files
        ],
        "renamed_in_env_file": dict(found.in_env_file),
        "renamed_elsewhere": dict(found.elsewhere),
    }


def _tell_plan(found: Backfill, *, applied: bool) -> Iterator[str]:
    for one in found.files:
        yield f"{one.file}  {one.model} version {one.version} -> {one.current}"
        yield one.diff.rstrip("\n")
        for name in one.missing:
            yield f"  add first: where {name} comes from, under `secrets:`"
    for old, new in found.in_env_file.items():
        yield f".env  {old} -> {new}"
    for old, new in found.elsewhere.items():
        yield f"set {new} wherever {old} is set now; {old} is understood until the next version"
    count = f"{len(found.files)} file{'' if len(found.files) == 1 else 's'}"
    yield f"{count} {'changed' if applied else 'to change'}"
