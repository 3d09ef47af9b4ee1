"""How the demo shows and asks things: the real commands as subprocesses, and a few styled lines."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector_assets.cli.output import Output
from connector_assets.errors import ConnectorError, FatalSyncError
from connector_assets.faults import VARIABLE as FAULT_VARIABLE

TOKEN_VARIABLE = "NYC_API_TOKEN"
CONNECTORS = (sys.executable, "-m", "connector_assets.cli")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Where the demo runs, how it prints, its commands' environment, and what runs them."""

    folder: Path
    output: Output
    environment: Mapping[str, str]
    connectors: Sequence[str]


def build_environment() -> dict[str, str]:
    """Return the environment of the demo's commands, with a fresh token for its API.

    A fault, a project or an environment that the caller has set is not meant for the demo.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CONNECTORS_")}
    return kept | {TOKEN_VARIABLE: secrets.token_hex(16)}


def show(demo: Demo, *arguments: str, fault: str = "") -> int:
    """Run a command as a person would, its output shown as it comes; return its exit code."""
    words = " ".join(f'"{word}"' if " " in word else word for word in arguments)
    setting = f"{FAULT_VARIABLE}={fault} " if fault else ""
    line = f"$ {setting}connectors {words}"
    _print(demo, line, style="bold")
    demo.output.console.file.flush()
    environment = {**demo.environment, **({FAULT_VARIABLE: fault} if fault else {})}
    command = [*demo.connectors, *arguments]
    # With --json stdout is for the one object at the end.
    stdout = sys.stderr if demo.output.as_json else None
    done = subprocess.run(command, cwd=demo.folder, env=environment, stdout=stdout, check=False)
    return done.returncode


def sync(demo: Demo, connector: str) -> None:
    """Sync a connector, shown.

    Raises:
        FatalSyncError: The command did not end well.
    """
    code = show(demo, "sync", connector)
    expect(code == 0, f"the sync of {connector} ended with exit code {code}")


def read_json(demo: Demo, *arguments: str) -> Any:
    """Run a command quietly and return the JSON that it prints.

    Raises:
        ConnectorError: What the command reported.
    """
    done = subprocess.run(
        [*demo.connectors, *arguments, "--json"],
        cwd=demo.folder,
        env=demo.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return json.loads(done.stdout)
    code, last = done.returncode, done.stderr[-500:]
    raise _parse_error(done.stdout) or FatalSyncError(
        f"connectors {arguments[0]} ended with exit code {code}: {last}"
    )


def ask(demo: Demo, destination: str, *, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query on a destination, one dict per row."""
    rows: list[dict[str, Any]] = read_json(demo, "query", destination, sql)
    return rows


def expect(held: bool, problem: str) -> None:
    """Stop the demo where it would not be true.

    Raises:
        FatalSyncError: ``held`` is false.
    """
    if not held:
        fix = "The folder is left as it is: connectors status; connectors debug NAME"
        raise FatalSyncError(problem, fix=fix)


def headline(demo: Demo, text: str) -> None:
    """Print the one line that says what an act shows."""
    _print(demo, f"\n{text}", style="bold cyan")


def say(demo: Demo, text: str) -> None:
    """Print what an act has shown."""
    _print(demo, f"  {text}", style="green")


def _print(demo: Demo, text: str, *, style: str) -> None:
    demo.output.console.print(text, style=style, markup=False, soft_wrap=True)


def _parse_error(text: str) -> ConnectorError | None:
    try:
        return ConnectorError.from_record(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
