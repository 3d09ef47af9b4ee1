"""The options that every command takes, and records of options as parameters.

A command with a record among its parameters gets the record's fields as its options::

    @app.command()
    @unpacked
    def status(name: Annotated[str, Argument()] = "", *, usual: Usual) -> None:
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from connector_assets.cli.output import Output

PANEL = "Options of every command"
_CONTEXT = "context"
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


@dataclass(frozen=True, kw_only=True)
class Printing:
    """How a command prints."""

    json: Annotated[
        bool,
        typer.Option(
            "--json",
            metavar="",
            rich_help_panel=PANEL,
            help="Print JSON on stdout, and nothing else there.",
        ),
    ] = False
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            metavar="",
            rich_help_panel=PANEL,
            help="Print the traceback of an error; so does CONNECTORS_DEBUG=1.",
        ),
    ] = False

    @cached_property
    def output(self) -> Output:
        """Where the command prints."""
        return Output(as_json=self.json)


@dataclass(frozen=True, kw_only=True)
class Usual(Printing):
    """Which project a command works on, in which environment, and how it prints."""

    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            metavar="DIR",
            rich_help_panel=PANEL,
            help="The project's folder; else the nearest one with a connectors.yaml.",
        ),
    ] = None
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            metavar="NAME",
            rich_help_panel=PANEL,
            help="The environment; else CONNECTORS_ENV, else the project's default.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class WhatToRead:
    """Which streams a sync reads, and whether from their beginning."""

    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", metavar="NAME", help="Only this stream; can be given again."),
    ] = None
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            metavar="",
            help="Accept that the destination was emptied, and load from the beginning.",
        ),
    ] = False
    full_refresh: Annotated[
        bool,
        typer.Option(
            "--full-refresh",
            metavar="",
            help="Read the streams from the beginning, and replace what their tables hold in one "
            "transaction.",
        ),
    ] = False


def unpacked(function: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the fields of its records as options and hands the records on.

    What the command line says before the command counts where the command itself says nothing.
    """
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    records = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    def command(**given: Any) -> None:
        said_before = given[_CONTEXT].find_root().params
        values = {name: given[name] for name in hints if name not in records}
        for name, record in records.items():
            values[name] = _build(record, given, said_before=said_before)
        function(**values)

    context = inspect.Parameter(_CONTEXT, _KEYWORD, annotation=typer.Context)
    parameters = [context, *_plain(function, hints, records=records), *_flattened(records)]
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    # What Typer reads.
    vars(command)["__signature__"] = inspect.Signature(parameters)
    return command


def _plain(
    function: Callable[..., None], hints: Mapping[str, Any], *, records: Mapping[str, Any]
) -> Iterator[inspect.Parameter]:
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in records and name != _CONTEXT:
            yield parameter.replace(kind=_KEYWORD, annotation=hints[name])


def _flattened(records: Mapping[str, Any]) -> Iterator[inspect.Parameter]:
    for record in records.values():
        hints = get_type_hints(record, include_extras=True)
        for field in fields(record):
            default = _default(field)
            yield inspect.Parameter(
                field.name, _KEYWORD, annotation=hints[field.name], default=default
            )


def _default(field: Field[Any]) -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default


def _build(record: Any, given: Mapping[str, Any], *, said_before: Mapping[str, Any]) -> Any:
    values = {field.name: given[field.name] for field in fields(record)}
    return record(**{name: value or said_before.get(name, value) for name, value in values.items()})
