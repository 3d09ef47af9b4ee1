"""Make docs/commands.md from the commands themselves: options, arguments, exit codes.

``make_docs.py`` writes the file; ``make_docs.py --check`` exits with 1 if it is not what it would
write.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from connector_assets.cli.app import (
    BROKEN_PIPE,
    COMMANDS,
    DEFECT,
    INTERRUPTED,
    PROGRAM,
    USAGE,
    app,
)
from connector_assets.cli.options import PANEL
from connector_assets.errors import ConnectorError
from connector_assets.lifecycle.exits import exit_code
from connector_assets.model import Verdict

FILE = Path(__file__).parents[1] / "docs" / "commands.md"
HEAD = """\
# Commands

Made by `scripts/make_docs.py` from the commands themselves; do not edit.

Every command works on the nearest project upwards from here, or on the one that `--project DIR`
names. With `--json` stdout holds JSON and nothing else, and what is for people goes to stderr. An
error is `{"error": {"type", "class", "problem", "place", "fix", "connector", "stream"}}` then;
what is empty is left out. JSON is on one line, except on a terminal. `NO_COLOR`, `COLUMNS` and
pipes are respected; a pipe is never cut to a width.
"""
SYNC = """\
## A sync in JSON

`sync --json` ends with one object; counts are of this sync, and null is what nobody knows, which is
not 0. `status --json` is a list of them, one for each connector with its last sync, and more keys;
where it was never synced, `sync_id` is null, and of these keys only `connector`, `engine` and
`verdict` are there.

| key | value |
|---|---|
| `connector`, `engine` | what was synced, and by which engine |
| `sync_id`, `attempt` | the sync's id everywhere; an attempt counts each run of its start step |
| `environment`, `destination` | where: `prod`, `lake.shop` |
| `trigger` | who started it: `manual`, `schedule` |
| `verdict` | one of those below, null while it runs |
| `cause`, `error` | the verdict's reason in a sentence; the first error as an object, or null |
| `started_at`, `ended_at` | ISO 8601 in UTC; null while it runs |
| `streams` | each with `stream`, `table`, `emitted`, `staged`, `in_destination`, `total` |
| `full_refresh` | the streams that were read from the beginning into emptied tables |
| `cursors` | how far each stream has come |
| `seconds` | that its layers took: start, extract, gate, load, destination |
| `state_version`, `snapshot` | of the state and the DuckLake that the sync left, or null |

| key of `status` | value |
|---|---|
| `setup` | `ok`; `valid`, `missing_secrets`, `locked`; `problems`, and commands that help |
| `timing` | `state`: `on_time`, `late`, `paused`, ...; when it was `due`, when it is `next` |
| `last_good` | `sync_id`, `started_at` and `rows` of the last sync that ended well, or null |
| `rows_before` | the rows of the last eight that did, oldest first |
| `paused` | `since`, `who`, `why`, or null |
| `incidents` | what is wrong and not over: `kind`, `cause`, `count`, `since`, `last` |
"""
VALUES = """\
## Values that `query` prints in JSON

| of DuckDB | in JSON |
|---|---|
| integers up to 2^53, of either sign | numbers |
| larger integers, and decimals | texts with every digit |
| floats | numbers; `"nan"`, `"inf"` and `"-inf"` as texts |
| booleans, texts, NULL | themselves |
| instants (`TIMESTAMPTZ`) | `"2026-11-22T01:58:03.25+00:00"`, in UTC |
| timestamps without zone, dates, times | ISO 8601 without an offset |
| blobs | base64 |
| lists, structs, maps, unions | arrays and objects, as DuckDB's `to_json` makes them |
| everything else | DuckDB's text |

A name that comes twice gets a number: `a`, `a_2`.
"""
OTHER_CODES = {
    0: "all well; of a sync: its data is where it belongs",
    DEFECT: "an unexpected error, a defect; `--debug` prints its traceback",
    USAGE: "a wrong command line",
    INTERRUPTED: "interrupted by Ctrl-C or SIGTERM",
    BROKEN_PIPE: "whoever reads the output has stopped",
}

_BRACES = str.maketrans("", "", "{}")


def main(words: list[str]) -> int:
    """Write the page, or compare it with what is there; return 1 if it is stale."""
    text = render_page()
    if "--check" not in words:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.is_file() or FILE.read_text(encoding="utf-8") != text:
        sys.stdout.write("docs: docs/commands.md is stale; run scripts/make_docs.py\n")
        return 1
    sys.stdout.write("docs: ok\n")
    return 0


def render_page() -> str:
    """Return the page as Markdown."""
    root: Any = get_command(app)
    context = typer.Context(root, info_name=PROGRAM)
    parts = [HEAD, *_render_shared(root, context)]
    for name in COMMANDS:
        command = root.get_command(context, name)
        parts.extend(_render_command(command, name=f"{PROGRAM} {name}", parent=context))
    return "\n".join((*parts, SYNC, VALUES, *_render_codes()))


def _render_shared(root: Any, context: Any) -> Iterator[str]:
    shared = [param for param in root.params if _is_shared(param)]
    yield "## Options of every command\n"
    yield f"They may also stand before the command: `{PROGRAM} --env prod status`.\n"
    yield from _render_table(shared, context)


def _render_command(command: Any, *, name: str, parent: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    yield f"## `{name}`\n"
    yield inspect.cleandoc(command.help) + "\n"
    below = getattr(command, "commands", {})
    if not below:
        pieces = " ".join(command.collect_usage_pieces(context)).translate(_BRACES)
        yield f"```\n{name} {pieces}\n```\n"
        own = [param for param in command.params if not _is_shared(param)]
        yield from _render_table(own, context)
    for sub_name, sub_command in below.items():
        yield from _render_command(sub_command, name=f"{name} {sub_name}", parent=context)


def _render_table(params: Iterable[Any], context: Any) -> Iterator[str]:
    rows = [_render_param(param, context) for param in params]
    if rows:
        yield "| | |\n|---|---|"
        yield "\n".join(rows) + "\n"


def _render_param(param: Any, context: Any) -> str:
    is_option = param.param_type_name == "option"
    # Typer keeps the names of an option in a set somewhere; sorted, a page is always the same.
    names = ", ".join(sorted(param.opts, key=lambda opt: (-len(opt), opt)))
    metavar = param.metavar or ("" if is_option else param.name)
    argument = metavar if param.required else f"[{metavar}]"
    shown = f"{names} {metavar}".strip() if is_option else argument
    needed = " Required." if param.required else ""
    default = param.get_default(context, call=False)
    said = default not in (None, False, "", Path()) and not param.required
    return f"| `{_escape(shown)}` | {_escape(param.help)}{needed}{_tell_default(default, said)} |"


def _tell_default(default: Any, said: bool) -> str:
    return f" Default: `{default}`." if said else ""


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _is_shared(param: Any) -> bool:
    return getattr(param, "rich_help_panel", None) == PANEL


def _render_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield "By the class of the error; a class has the code of the one that it refines.\n"
    yield "| code | class | when |\n|---|---|---|"
    rows = [(code, "", text) for code, text in OTHER_CODES.items()]
    rows += [(kind.exit_code, f"`{kind.__name__}`", _summary(kind)) for kind in _kinds()]
    unknown = exit_code(Verdict.UNKNOWN, error={})
    rows.append((unknown, "", "a sync of which nobody knows yet whether it arrived"))
    for code, kind, text in sorted(rows, key=lambda row: row[0]):
        yield f"| {code} | {kind} | {text} |"
    yield "\n`sync` and `step status` exit by the verdict, a failed one by its error's class.\n"
    yield "| verdict | code |\n|---|---|"
    for verdict in Verdict:
        code = exit_code(verdict, error={})
        yield f"| `{verdict}` | {'by its error' if verdict is Verdict.FAILED else code} |"
    yield ""


def _kinds(kind: type[ConnectorError] = ConnectorError) -> Iterator[type[ConnectorError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _kinds(sub)


def _summary(kind: type[ConnectorError]) -> str:
    first = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return _escape(first.rstrip("."))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
