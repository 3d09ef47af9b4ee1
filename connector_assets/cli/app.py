"""The command line as a whole: which commands there are, and how it ends.

To add a command, write ``cli/NAME.py`` with ``app``, a Typer application of one command or of a
group, and put its name and heading into :data:`COMMANDS`. (``import_.py``, for a word of Python's.)
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from connector_assets import __version__
from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.output import Output, silence
from connector_assets.errors import ConnectorError

PROGRAM = "connectors"
#: Each is a module of this package; in the order, and under the headings, of the help.
COMMANDS = {
    "init": "Set up",
    "new": "Set up",
    "import": "Set up",
    "validate": "Set up",
    "discover": "Set up",
    "credentials": "Set up",
    "doctor": "Set up",
    "upgrade": "Set up",
    "schema": "Set up",
    "sync": "Run",
    "step": "Run",
    "refresh": "Run",
    "clear": "Run",
    "release": "Run",
    "undo": "Run",
    "pause": "Run",
    "resume": "Run",
    "reap": "Run",
    "maintain": "Run",
    "ledger": "Run",
    "bridge": "Run",
    "probe": "Look",
    "status": "Look",
    "alerts": "Look",
    "debug": "Look",
    "logs": "Look",
    "up": "Look",
    "verify": "Look",
    "list": "Look",
    "show": "Look",
    "query": "Look",
    "state": "Decide",
    "rename": "Decide",
    "drift": "Decide",
    "approve": "Decide",
    "discard": "Decide",
    "remove": "Decide",
    "lock": "Decide",
    "demo": "Try it",
}
DEBUG_VARIABLE = "CONNECTORS_DEBUG"
_COMPLETION = ("install_completion", "show_completion")
DEFECT, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


class Commands(TyperGroup):
    """The commands, each made from its module when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, None where there is none of this name."""
        # All of them for a name that is not one: Typer then finds a near one.
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = _load_command(name)
                _tidy(self.commands[name], ctx)
        return self.commands.get(cmd_name)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options; those of every command are left to the help of each command."""
        params: list[Any] = super().get_params(ctx)
        for param in params:
            param.hidden = param.name not in ("version", "help")
            param.metavar = "" if param.name == "help" else param.metavar
        return params

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands under their headings, each with its first sentence."""
        width = max(map(len, COMMANDS))
        for heading in dict.fromkeys(COMMANDS.values()):
            names = [name for name in COMMANDS if COMMANDS[name] == heading]
            rows = [
                (name.ljust(width), self.get_command(ctx, name).get_short_help_str(limit=200))
                for name in names
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; quietly where whoever reads its output has stopped."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            silence()
            raise typer.Exit(BROKEN_PIPE) from None


app = typer.Typer(
    cls=Commands,
    help="Sync sources into DuckDB and DuckLake: completely, or not at all.",
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    # Plain: what Rich needs for a help takes longer to import than everything else of it.
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
@unpacked
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version.")
    ] = False,
    *,
    usual: Usual,
) -> None:
    """Sync sources into DuckDB and DuckLake: completely, or not at all."""
    if version:
        usual.output.print(f"{PROGRAM} {__version__}")
    elif context.invoked_subcommand is None:
        usual.output.print(context.get_help())


def run(words: Sequence[str]) -> int:
    """Run a command line and return its exit code; what goes wrong is printed."""
    output = Output(as_json="--json" in words)
    try:
        code = get_command(app)(list(words), prog_name=PROGRAM, standalone_mode=False)
    except ConnectorError as error:
        _trace(words)
        output.print_error(error)
        return error.exit_code
    except typer.TyperException as error:
        output.print_plain_error(error.format_message(), kind="UsageError", fix=_help_of(error))
        return USAGE
    except typer.Abort:
        return INTERRUPTED
    except Exception as error:
        _trace(words)
        kind, fix = type(error).__name__, "Run it again with --debug, and report what it prints."
        output.print_plain_error(f"unexpected: {kind}: {error}", kind=kind, fix=fix)
        return DEFECT
    return code if isinstance(code, int) else 0


def _load_command(name: str) -> Any:
    # A module cannot be called `import`.
    module = f"{name}_" if iskeyword(name) else name
    command = get_command(import_module(f"{__package__}.{module}").app)
    command.name = name
    return command


def _tidy(command: Any, context: Any) -> None:
    """Leave the shell's completion to the command line as a whole, and --help without a type."""
    command.params = [param for param in command.params if param.name not in _COMPLETION]
    for each in (command, *getattr(command, "commands", {}).values()):
        each.get_help_option(context).metavar = ""


def _help_of(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else PROGRAM} --help"


def _trace(words: Sequence[str]) -> None:
    if "--debug" in words or os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0"):
        traceback.print_exc()
