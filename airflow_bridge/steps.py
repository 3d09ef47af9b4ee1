"""Runs a step as its command, under supervision, and tells Airflow how it ended.

The command is ``connectors step ...`` of this interpreter, or of another one that has the platform;
its environment is the task's, without what is Airflow's own.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_bridge.group import Group
from connector_assets.engines.process import Command, Outcome, Watch, run_supervised
from connector_assets.errors import TransientSyncError
from connector_assets.model import Verdict

#: What a person would wait for an engine that is told to stop.
_GRACE = 30.0
#: Airflow ends a task by its own rules; this only bounds what nobody ends.
_FOREVER = 10 * 86_400.0
_AIRFLOWS_OWN = ("AIRFLOW__", "_AIRFLOW", "AIRFLOW_CTX_")


class StepFailed(Exception):
    """A step ended with an exit code; ``transient`` says whether trying again can help."""

    def __init__(self, outcome: Outcome, answer: Mapping[str, Any]) -> None:
        verdict = answer.get("verdict")
        super().__init__(
            f"{str(verdict).upper()}: {answer['cause']}" if verdict else outcome.explain()
        )
        # Without a code, or with a signal's, it was killed: that says nothing of the sync.
        code = -1 if outcome.exit_code is None else outcome.exit_code
        self.transient = code < 0 or code == TransientSyncError.exit_code
        if verdict:
            # What is known of a sync does not change by asking again.
            self.transient = verdict == Verdict.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCall:
    """One call of a step: its words after ``connectors step``, and who listens to it.

    ``connections`` are variables with the connections that its secrets come from.
    """

    group: Group
    root: Path
    words: tuple[str, ...]
    tell: Callable[[str], object]
    connections: Mapping[str, str] = field(default_factory=dict, repr=False)


def run_step(call: StepCall) -> dict[str, Any]:
    """Run a step's command and return what it answers.

    When this returns or raises, nothing of it is left running; when this process is killed, its
    guard ends it.

    Raises:
        StepFailed: It ended with another exit code than 0.
    """
    with tempfile.TemporaryDirectory(prefix="connectors-step-") as folder:
        log = Path(folder) / "output.log"
        command = Command(
            name=f"connectors step {call.words[0]}",
            argv=build_argv(call),
            cwd=call.root,
            env={
                **build_environment(os.environ, environment=call.group.environment),
                **call.connections,
            },
            log=log,
            grace=_GRACE,
        )
        watch = Watch(render=_forward(call.tell))
        outcome = run_supervised(command, watch=watch, timeout=_FOREVER)
        answer = _read_answer(log)
    if outcome.exit_code != 0:
        raise StepFailed(outcome, answer)
    return answer


def build_argv(call: StepCall) -> tuple[str, ...]:
    """Return the command of a step: this interpreter's, or that of the group's place."""
    interpreter = call.group.place.interpreter or sys.executable
    usual = ("--project", str(call.root), "--env", call.group.environment)
    return (interpreter, "-m", "connector_assets.cli", "step", *call.words, *usual)


def build_environment(given: Mapping[str, str], *, environment: str) -> dict[str, str]:
    """Return the environment of a step: the secrets and paths of the task, nothing of Airflow's."""
    kept = {name: value for name, value in given.items() if not name.startswith(_AIRFLOWS_OWN)}
    return {**kept, "CONNECTORS_ENV": environment, "NO_COLOR": "1"}


def _forward(tell: Callable[[str], object]) -> Callable[[bytes], bytes]:
    def render(line: bytes) -> bytes:
        text = line.decode(errors="replace")
        if text.strip() and not text.startswith("{"):
            tell(text)
        return line

    return render


def _read_answer(log: Path) -> dict[str, Any]:
    """Return the JSON object that a step prints as its last word; empty where it printed none."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    for answer in _parse_objects(reversed(lines)):
        return answer
    return {}


def _parse_objects(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found
