"""``connectors rename``: a connector gets another name, and state and history follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.context import load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_assets.lifecycle.setting import Setting
    from connector_assets.model import Connector
    from connector_assets.rename_files import FileEdit

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Renamed:
    """Whether the environment followed; and why not, or why there was nothing to do."""

    followed: bool
    why: str = ""


@app.command()
@unpacked
def rename(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="What it is called from now on.")],
    *,
    usual: Usual,
) -> None:
    """Give a connector another name: files here, and state and history in this environment.

    Its dataset stays. The file says `renamed_from:`, by which every other environment follows at
    the connector's next start there. Comments in the files stay. Where the destination cannot be
    reached now, this environment follows at the next start, too.
    """
    from connector_assets.lifecycle.setting import Setting
    from connector_assets.rename_files import plan_rename

    project = load(usual.project, usual.env)
    edits = plan_rename(project, old=name, new=new)
    connector = project.connector(name)
    older = tuple(one for one in connector.renamed_from if one not in (name, new))
    renamed = replace(connector, name=new, renamed_from=(name, *older))
    with open_ledger(project) as ledger, usual.output.waiting("renaming ..."):
        setting = Setting(project=project, ledger=ledger)
        done = _rename(setting, renamed, edits=edits)
    _print(renamed, edits, done, environment=project.environment, usual=usual)


def _rename(setting: Setting, renamed: Connector, *, edits: Sequence[FileEdit]) -> _Renamed:
    """Check everything, change the files, and let the environment follow if it can be reached."""
    from connector_assets.errors import CredentialError, TransientSyncError
    from connector_assets.lifecycle.former_names import check_free, find_pending
    from connector_assets.project import load_project
    from connector_assets.rename_files import written

    project = setting.project
    late = (CredentialError, TransientSyncError)
    check_free(setting, renamed)
    why = ""
    try:
        find_pending(setting, renamed)
    except late as error:
        # It is looked at again before anything is changed there.
        why = error.problem
    with written(project.root, edits):
        project = load_project(project.root, environment=project.environment)
        if why:
            return _Renamed(followed=False, why=why)
        try:
            followed = _follow(replace(setting, project=project), project.connector(renamed.name))
        except late as error:
            return _Renamed(followed=False, why=error.problem)
    return _Renamed(followed=True, why="" if followed else "it had nothing by the old name")


def _follow(setting: Setting, connector: Connector) -> bool:
    from uuid import uuid4

    from connector_assets.lifecycle.lease import take_lease
    from connector_assets.lifecycle.renaming import follow_renames
    from connector_assets.lifecycle.setting import make_sync_id
    from connector_assets.lifecycle.steps import reap_all

    reap_all(setting, connector)
    environment = setting.project.environment
    holder = make_sync_id(
        f"rename {uuid4().hex}", connector=connector.name, environment=environment
    )
    lease = take_lease(setting, connector, sync_id=holder, wait=0)
    try:
        return follow_renames(setting, connector, lease=lease, who=who()) is not None
    finally:
        setting.ledger.leases.release(lease)


def _print(
    renamed: Connector,
    edits: Sequence[FileEdit],
    done: _Renamed,
    *,
    environment: str,
    usual: Usual,
) -> None:
    formerly, new = renamed.renamed_from[0], renamed.name
    if usual.json:
        files = [{"file": one.file, "becomes": one.becomes} for one in edits]
        told = {"connector": new, "formerly": formerly, "files": files}
        usual.output.print_json({**told, "followed": done.followed, "why": done.why})
        return
    usual.output.print(f"{formerly} is {new}")
    for one in edits:
        to = f" -> {one.becomes.as_posix()}" if one.becomes != one.file else ""
        usual.output.print(f"  {one.file.as_posix()}{to}")
    why = f": {done.why}" if done.why else ""
    if done.followed:
        usual.output.print(f"  environment {environment} followed{why}")
    else:
        usual.output.print(f"  environment {environment} follows at the next sync{why}")
    usual.output.print("commit the files; other environments follow at their next sync of it")
    usual.output.print_next("connectors bridge compile", f"connectors sync {new}")
