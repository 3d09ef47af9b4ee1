"""Asks a person before rows go that nothing brings back."""

from __future__ import annotations

import sys

import typer

from connector_assets.errors import ConfigError


def confirm(what: str, *, after: str = "", command: str) -> None:
    """Have a person confirm ``what`` is to be done; ``after`` is asked with it.

    Raises:
        ConfigError: There is no terminal to ask at.
        Abort: The person does not confirm it.
    """
    if not sys.stdin.isatty():
        raise ConfigError(
            "there is no terminal to ask at, and this cannot be taken back",
            place=command,
            fix=f"{what}. To do it without a question: --yes",
        )
    typer.confirm(f"{what}{after}. Sure?", abort=True, err=True)
