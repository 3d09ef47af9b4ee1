"""docs/commands.md is fresh, and says everything there is to say about a command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from connector_assets import errors
from connector_assets.cli.app import COMMANDS, app
from connector_assets.cli.sync_json import render_sync
from connector_assets.errors import ConnectorError
from connector_assets.ledger.records import SyncRow
from connector_assets.model import Verdict

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def every_command() -> Iterator[tuple[str, Any]]:
    root: Any = get_command(app)
    context = typer.Context(root)
    for name in COMMANDS:
        command = root.get_command(context, name)
        yield name, command
        yield from ((f"{name} {sub}", one) for sub, one in getattr(command, "commands", {}).items())


def every_error() -> list[str]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind.__name__ for kind in kinds if issubclass(kind, ConnectorError)]


@pytest.mark.parametrize(("name", "command"), [*every_command()], ids=lambda each: str(each)[:20])
def test_every_command_option_and_argument_is_on_the_page(name: str, command: Any) -> None:
    assert f"## `connectors {name}`" in PAGE
    for param in command.params:
        assert all(f"`{opt}" in PAGE or f", {opt}" in PAGE for opt in param.opts if "-" in opt)
        assert param.help, f"{name}: {param.name} has no help"


@pytest.mark.parametrize("name", every_error())
def test_every_error_class_has_its_exit_code_on_the_page(name: str) -> None:
    kind = getattr(errors, name)

    assert name == "ConnectorError" or f"| {kind.exit_code} | `{name}` |" in PAGE


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_on_the_page(verdict: Verdict) -> None:
    assert f"| `{verdict}` |" in PAGE


def test_every_key_of_a_sync_is_on_the_page() -> None:
    now = datetime.now(UTC)
    texts = dict.fromkeys(
        ("sync_id", "connector", "engine", "environment", "destination", "dataset", "trigger"), "x"
    )
    row = SyncRow(
        **texts,
        root_run_id="",
        fingerprint="",
        plan={},
        attempt=1,
        opened_at=now,
        started_at=now,
        ended_at=None,
        verdict=None,
        cause="",
        result={"streams": [{"stream": "orders"}]},
    )
    sync = render_sync(row)

    assert [key for key in (*sync, *sync["streams"][0]) if f"`{key}`" not in PAGE] == []


def test_page_is_what_the_commands_say_now() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/make_docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
