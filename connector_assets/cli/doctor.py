"""``connectors doctor``: whether syncs can run from here, and what is different elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from connector_assets.cli.output import Output
    from connector_assets.lifecycle.doctor import Examined
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)
_MARKS = {True: ("ok", "green"), None: ("??", "yellow"), False: ("!!", "bold red")}


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """Another place to compare with."""

    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="FILE", help="The --json of another place."),
    ] = None


@app.command()
@unpacked
def doctor(*, comparing: Comparing, usual: Usual) -> None:
    """Look whether syncs can run from here: interpreter, plugins, secrets, destinations, ledger.

    Changes nothing. Ends with 3 where something is to be done, and with --compare where something
    differs.
    """
    from connector_assets.cli.context import load, open_ledger
    from connector_assets.errors import ConfigError
    from connector_assets.lifecycle.doctor import examine_all
    from connector_assets.lifecycle.environment import describe_project

    project = load(usual.project, usual.env, tolerate=True)

    def place() -> str:
        with open_ledger(project) as ledger:
            return str(ledger.place)

    if comparing.compare is not None:
        _compare(project, comparing.compare, usual=usual)
        return
    with usual.output.waiting("looking ..."):
        found = list(examine_all(project, open_ledger=place))
    bad = [one for one in found if one.ok is False]
    if usual.json:
        checks = [{"name": one.name, "ok": one.ok, "found": one.found} for one in found]
        usual.output.print_json({**describe_project(project), "checks": checks})
    else:
        _print(found, output=usual.output)
    if bad:
        raise typer.Exit(ConfigError.exit_code)


def _print(found: list[Examined], *, output: Output) -> None:
    from rich.text import Text

    width = max(len(one.name) for one in found)
    for one in found:
        output.print(Text.assemble(" ", _MARKS[one.ok], f" {one.name:<{width}}  {one.found}"))
        if one.fix:
            output.print(Text(f"    {'':<{width}}  {one.fix}", style="dim"))


def _compare(project: Project, file: Path, *, usual: Usual) -> None:
    from connector_assets.errors import ConfigError
    from connector_assets.lifecycle.environment import compare, describe_project

    there = _read(file)
    here = describe_project(project)
    differences = compare({**here, "host": ""}, {**there, "host": ""})
    if usual.json:
        told = [{"name": name, "here": one, "there": other} for name, one, other in differences]
        usual.output.print_json({"differences": told})
    elif not differences:
        usual.output.print(f"the same as in {file}")
    for name, one, other in () if usual.json else differences:
        usual.output.print(f"{name}: {_say(one)} here, {_say(other)} there")
    if differences:
        raise typer.Exit(ConfigError.exit_code)


def _read(file: Path) -> dict[str, Any]:
    import json

    from connector_assets.errors import ConfigError

    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fix = "Write it there: connectors doctor --json > FILE"
        raise ConfigError("this is no file of doctor's", place=str(file), fix=fix) from error
    # What was found there at that moment is no property of the place.
    content.pop("checks", None)
    return content


def _say(value: Any) -> str:
    return "nothing" if value in (None, "") else str(value)
