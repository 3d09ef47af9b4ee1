"""What the command prints: results on stdout, words for people on stderr where that is JSON.

The only place that makes consoles and prints errors.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_assets.errors import ConfigErrors, ConnectorError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDE = 1000
_INDENT = 7
# Terminal sequences and other control characters: a log or a table must not steer the terminal.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Output:
    """Where a command prints; ``as_json`` keeps stdout for one JSON value."""

    as_json: bool = False

    @cached_property
    def console(self) -> Console:
        """The console for people."""
        return build_console(stderr=self.as_json)

    def print(self, *renderables: RenderableType) -> None:
        """Print for people: texts as they are, not cut, tables within the width."""
        for each in renderables:
            self.console.print(each, markup=False, soft_wrap=isinstance(each, str))

    def print_next(self, *commands: str) -> None:
        """Print what to do next, one command per line."""
        for number, command in enumerate(commands):
            self.print(f"{'next: ' if number == 0 else '      '}{command}")

    def waiting(self, what: str) -> AbstractContextManager[object]:
        """Return a context in which a terminal shows that something takes a while."""
        console = build_console(stderr=True)
        return console.status(what) if console.is_terminal else nullcontext()

    def print_json(self, value: Any) -> None:
        """Print a JSON value on stdout: in one line, or indented where a person looks at it."""
        indent = 2 if sys.stdout.isatty() else None
        text = json.dumps(
            value, indent=indent, ensure_ascii=False, allow_nan=False, default=_encode
        )
        self.write(f"{text}\n")

    def write(self, text: str) -> None:
        """Print a text on stdout exactly as it is."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def print_error(self, error: ConnectorError) -> None:
        """Print an error: what is wrong, where, what to do next."""
        if self.as_json:
            self.print_json({"error": error.to_record()})
        console = build_console(stderr=True)
        if isinstance(error, ConfigErrors) and error.errors:
            print_list(console, error.errors, word="error: ")
            _print_labelled(console, {"error": error.problem, "next": error.fix})
        else:
            _print_labelled(console, _describe(error))

    def print_plain_error(self, problem: str, *, kind: str, fix: str) -> None:
        """Print an error that is none of ours: a wrong command line, or a defect."""
        if self.as_json:
            self.print_json({"error": {"type": kind, "problem": problem, "fix": fix}})
        _print_labelled(build_console(stderr=True), {"error": problem, "next": fix})


def build_console(*, stderr: bool = False) -> Console:
    """Return a console that colours only what it is told to, and cuts nothing in a pipe or file."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            # The caller ends the command; Rich would end the process.
            raise BrokenPipeError

    console = Ours(stderr=stderr, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console


def print_list(
    console: Console, errors: Iterable[ConnectorError], *, word: str, style: str = "bold red"
) -> None:
    """Print errors as compilers do, ``connectors/shop.yaml:14: what is wrong``, fixes below."""
    from rich.text import Text

    for error in errors:
        place = f"{error.place}: " if error.place else ""
        line = Text.assemble((place, "bold"), (word, style), clean(error.problem))
        console.print(line, soft_wrap=True)
        for line_of_fix in error.fix.splitlines():
            console.print(Text(f"    {clean(line_of_fix)}", style="dim"), soft_wrap=True)


def clean(text: str) -> str:
    """Return a text of somebody else's without what would steer the terminal."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def silence() -> None:
    """Send what is left to print to nowhere: nobody reads it, and Python would complain at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _describe(error: ConnectorError) -> dict[str, str]:
    about = {"connector": error.connector, "stream": error.stream}
    named = ", ".join(f"{word} {name}" for word, name in about.items() if name)
    return {"error": error.problem, "where": error.place, "about": named, "next": error.fix}


def _print_labelled(console: Console, texts: Mapping[str, str]) -> None:
    """Print texts beside their labels, without trailing blanks: a person copies them."""
    from rich.text import Text

    for label, text in texts.items():
        style = "bold red" if label == "error" else "dim"
        lines = [
            piece
            for line in clean(text).splitlines()
            for piece in Text(line).wrap(console, console.width - _INDENT) or [Text()]
        ]
        for number, line in enumerate(lines):
            shown = (label if number == 0 else "").ljust(_INDENT)
            console.print(Text.assemble((shown, style), line), soft_wrap=True)


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
