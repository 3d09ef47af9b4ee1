"""Meltano's maintenance commands on a project: run to their end by one supervised process each.

These are Meltano's own commands in the user's folder, as a person gives them: ``install`` writes
there what it installs. ``config test`` of a connector's extractor runs in the connector's overlay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connector_assets.credentials.redact import Redactor
from connector_assets.credentials.references import hide_password
from connector_assets.engines.meltano_command import (
    LOCK_WAIT,
    MeltanoCall,
    build_environment,
    build_own_environment,
    find_meltano,
    plan_overlay,
)
from connector_assets.engines.meltano_overlay import open_overlay
from connector_assets.engines.meltano_plugin import name_plugin
from connector_assets.engines.meltano_project import load_meltano_project
from connector_assets.engines.process import Command, Watch, run_supervised
from connector_assets.errors import EngineFailed
from connector_assets.model import Connector

#: Seconds that a command has: an installation builds Python environments.
TIMEOUT = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A project whose Meltano is maintained; ``secrets`` are values, to be kept out of the log."""

    root: Path
    environment: str
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)

    def run(
        self,
        *words: str,
        tell: Callable[[str], object],
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Run a command of Meltano's in the project's folder; return what it wrote, redacted.

        ``tell`` gets it line by line while it runs.

        Raises:
            ConfigError: There is no Meltano project, or Meltano is not installed.
            EngineFailed: It ended with another exit code than 0; has the last lines and the log.
            EngineTimeout: It took longer than an hour.
        """
        project = load_meltano_project(self.root)
        known = self.environment in project.environments
        environment = ("--environment", self.environment) if known else ("--no-environment",)
        call = MeltanoCall(
            argv=(str(find_meltano()), "--log-format", "uncolored", *environment, *words),
            env={**build_own_environment(project), "NO_COLOR": "1", **(variables or {})},
            cwd=self.root,
        )
        return self._run(call, name=" ".join(words), tell=tell)

    def test(
        self,
        connector: Connector,
        *,
        secrets: Mapping[str, str],
        tell: Callable[[str], object],
    ) -> str:
        """Have Meltano start a connector's extractor, with its settings, until the first row comes.

        Nothing is loaded. Returns and raises as :meth:`run`; the overlay's own lock is waited for.
        """
        overlay = plan_overlay(
            connector, project_root=self.root, environment=self.environment, purpose=".test"
        )
        words = ("config", "test", "--no-install", name_plugin(connector))
        call = MeltanoCall(
            argv=(
                *(str(find_meltano()), "--log-format", "uncolored"),
                *("--environment", self.environment, *words),
            ),
            env=build_environment(overlay, secrets=secrets) | {"NO_COLOR": "1"},
            cwd=self.root,
        )
        with open_overlay(overlay, wait=LOCK_WAIT):
            return self._run(call, name=f"config test {connector.source}", tell=tell)

    def _run(self, call: MeltanoCall, *, name: str, tell: Callable[[str], object]) -> str:
        file = name.replace(" ", "-").replace("/", "-")
        log = self.root / ".connectors" / "meltano-commands" / f"{file}.log"
        redactor = Redactor(self.secrets)

        def redact(line: bytes) -> bytes:
            # A `pip_url` may hold a token of its own.
            text = redactor.line(line).decode("utf-8", "replace")
            return hide_password(text).encode()

        with _follow(log, tell=tell) as look:
            outcome = run_supervised(
                Command(
                    name=f"`meltano {name}`", argv=call.argv, cwd=call.cwd, env=call.env, log=log
                ),
                watch=Watch(redact=redact, poll=look),
                timeout=TIMEOUT,
            )
        if outcome.exit_code != 0:
            raise EngineFailed(outcome.explain(), place=str(log), fix="The log has all of it.")
        return "\n".join(look.lines)


class _Tail:
    """What a log has got since it was looked at first; each whole line is told once."""

    def __init__(self, file: Path, *, tell: Callable[[str], object]) -> None:
        self._file = file
        self._tell = tell
        self._at = file.stat().st_size if file.exists() else 0
        self.lines: list[str] = []

    def __call__(self) -> None:
        """Tell the lines that are new."""
        if not self._file.exists():
            return
        with self._file.open("rb") as opened:
            opened.seek(self._at)
            new, newline, _ = opened.read().rpartition(b"\n")
        self._at += len(new) + len(newline)
        for line in new.decode("utf-8", "replace").splitlines():
            if line.strip():
                self.lines.append(line)
                self._tell(line)


@contextmanager
def _follow(log: Path, *, tell: Callable[[str], object]) -> Iterator[_Tail]:
    tail = _Tail(log, tell=tell)
    try:
        yield tail
    finally:
        tail()
