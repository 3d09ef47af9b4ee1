"""Records of options as parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from connector_assets.cli.options import Usual, unpacked


@dataclass(frozen=True, kw_only=True)
class Size:
    """A record with an option that must be given."""

    rows: Annotated[int, typer.Option("--rows")]
    deep: Annotated[bool, typer.Option("--deep")] = False


Seen = dict[str, Any]


@pytest.fixture
def seen() -> Seen:
    return {}


@pytest.fixture
def app(seen: Seen) -> typer.Typer:
    app = typer.Typer()

    @app.callback()
    @unpacked
    def before(*, usual: Usual) -> None:
        """Take what is said before the command."""

    @app.command()
    @unpacked
    def measure(
        name: Annotated[str, typer.Argument()] = "all", *, size: Size, usual: Usual
    ) -> None:
        """Measure something."""
        seen.update(name=name, size=size, usual=usual)

    return app


def test_command_gets_its_records(app: typer.Typer, seen: Seen) -> None:
    done = CliRunner().invoke(app, "measure shop --rows 3 --deep --env prod --project /srv")

    assert done.exit_code == 0, done.output
    assert seen["name"] == "shop"
    assert seen["size"] == Size(rows=3, deep=True)
    assert seen["usual"] == Usual(env="prod", project=Path("/srv"))


def test_option_of_a_record_can_be_required(app: typer.Typer, seen: Seen) -> None:
    done = CliRunner().invoke(app, "measure")

    assert done.exit_code == 2
    assert seen == {}


@pytest.mark.parametrize(
    ("words", "env"),
    [
        ("--env dev measure --rows 1", "dev"),
        ("measure --rows 1 --env prod", "prod"),
        ("--env dev measure --rows 1 --env prod", "prod"),
        ("measure --rows 1", None),
    ],
    ids=["before", "after", "both", "neither"],
)
def test_nearer_option_wins(app: typer.Typer, seen: Seen, words: str, env: str | None) -> None:
    CliRunner().invoke(app, words)

    assert seen["usual"].env == env


def test_help_of_a_command_is_its_docstring(app: typer.Typer) -> None:
    shown = CliRunner().invoke(app, "measure --help").output

    assert "Measure something." in shown
    assert "--rows" in shown


def test_function_itself_is_unchanged_in_name() -> None:
    @unpacked
    def command(*, usual: Usual) -> None:
        """Do it."""

    made: Callable[..., None] = command
    assert (made.__name__, made.__doc__) == ("command", "Do it.")
