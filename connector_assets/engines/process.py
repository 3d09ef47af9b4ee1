"""Supervises one command so that nothing of it outlives the step that started it.

The step holds one end of a watchdog pipe; a guard process (:mod:`.guard`) holds the other, leads
the command's process group, and ends the group when the step is gone. While the step lives it
drains the output, follows the progress, renews the lease, and ends the group itself: at the
command's end, at the timeout, and on every exception.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from connector_assets.engines.group import end_group
from connector_assets.engines.output import OutputLog, ProgressTail, Redact
from connector_assets.errors import EngineFailed, EngineTimeout, LeaseLost

_GUARD = Path(__file__).with_name("guard.py")
_TICK = 0.2
_OUTPUT_WITHIN = 5.0


def keep(line: bytes) -> bytes:
    """Return ``line``: the redaction of a command that knows no secrets."""
    return line


def ignore_progress(_event: dict[str, Any]) -> None:
    """Take no notice."""


def hold_nothing() -> bool:
    """Answer that the lease is held: the heartbeat of a command that needs none."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run. ``env`` is the whole environment; ``grace`` is in seconds.

    ``name`` is what errors call it. ``log`` gets standard output and error, appended;
    ``progress`` is a JSON lines file that the command appends to.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    log: Path
    progress: Path | None = None
    grace: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the step does meanwhile; whatever a callback raises ends the command and is raised.

    ``redact`` is applied to each line (in another thread) before it is kept anywhere, ``render`` to
    the result before it goes into the log. ``heartbeat``
    runs every ``heartbeat_every`` seconds and returns whether the lease is still held.
    ``poll`` runs five times a second.
    """

    redact: Redact = keep
    render: Redact = keep
    on_progress: Callable[[dict[str, Any]], None] = ignore_progress
    heartbeat: Callable[[], bool] = hold_nothing
    heartbeat_every: float = 10.0
    poll: Callable[[], object] = hold_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended: ``exit_code`` is negative for a signal, None when nobody saw it.

    ``tail`` has the last 20 lines, redacted; ``left_over`` the pids that outlived the command
    and were ended.
    """

    name: str
    exit_code: int | None
    seconds: float
    tail: tuple[str, ...]
    log: Path
    left_over: tuple[int, ...] = ()

    def explain(self) -> str:
        """Return what happened and the last lines, for an error's problem."""
        if self.exit_code is None:
            how = "was killed together with its guard"
        elif self.exit_code < 0:
            how = f"was ended by signal {-self.exit_code}"
        else:
            how = f"ended with exit code {self.exit_code}"
        return f"{self.name} {how}{quote_tail(self.tail)}"


def quote_tail(tail: tuple[str, ...]) -> str:
    """Return the last lines of a process as the end of a sentence."""
    if not tail:
        return "; it wrote nothing"
    return "".join(["; its last lines:", *(f"\n    {line}" for line in tail)])


def run_supervised(command: Command, *, watch: Watch, timeout: float) -> Outcome:
    """Run ``command`` to its end and return how it ended; an exit code other than 0 is no error.

    When this returns or raises, no process of the command's group is left. When this process is
    killed, its guard ends them within the grace. Works in any thread; as only the main thread gets
    signals, cancel a call in another one by raising in ``watch.poll``.

    Raises:
        EngineTimeout: After ``timeout`` seconds.
        LeaseLost: ``watch.heartbeat`` returned False.
        EngineFailed: The command could not be started.
    """
    started = time.monotonic()
    with closing(_Guarded(command, watch=watch)) as guarded:
        try:
            reply = _follow(guarded, watch=watch, deadline=started + timeout)
        finally:
            left_over = guarded.end()
    exit_code = _parse_reply(reply or b"", command=command)
    outcome = Outcome(
        name=command.name,
        exit_code=exit_code,
        seconds=time.monotonic() - started,
        tail=guarded.tail,
        log=command.log,
        left_over=tuple(left_over),
    )
    if reply is None:
        raise EngineTimeout(
            f"{command.name} was stopped after {timeout:g} seconds{quote_tail(outcome.tail)}",
            place=str(command.log),
            fix="Raise the connector's `timeout`, or find out what it was waiting for.",
        )
    return outcome


class _Guarded:
    """The guard's process with its pipes, and the log of the command's output."""

    def __init__(self, command: Command, *, watch: Watch) -> None:
        self.command = command
        self.tail: tuple[str, ...] = ()
        self.progress = ProgressTail(command.progress)
        # As objects, so that they are closed even where an interrupt skips __exit__.
        status, self.status = _open_pipe()
        watchdog, self._watchdog = _open_pipe(keep_writer=True)
        output, source = _open_pipe()
        self._log = OutputLog(source, path=command.log, redact=watch.redact, render=watch.render)
        # In the guard alone from here on: that is how the other end is noticed.
        try:
            with status, watchdog, output:
                self._log.start()
                self._process = self._spawn(watchdog=watchdog, status=status, output=output)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the guard, which ends its group if it is still there."""
        self.status.close()
        self._watchdog.close()

    def end(self) -> list[int]:
        """End the group and reap the guard; return the pids that were left in the group."""
        try:
            left = end_group(self._process.pid, grace=self.command.grace)
        finally:
            self._process.wait(timeout=_OUTPUT_WITHIN)
        self.tail = self._log.finish(seconds=_OUTPUT_WITHIN)
        return [pid for pid in left if pid != self._process.pid]

    def _spawn(
        self, *, watchdog: FileIO, status: FileIO, output: FileIO
    ) -> subprocess.Popen[bytes]:
        number = status.fileno()
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(self.command.grace), str(number)]
        return subprocess.Popen(
            [*guard, *self.command.argv],
            stdin=watchdog,
            stdout=output,
            stderr=output,
            cwd=self.command.cwd,
            env=dict(self.command.env),
            start_new_session=True,
            pass_fds=(number,),
        )


def _open_pipe(*, keep_writer: bool = False) -> tuple[FileIO, FileIO]:
    """Return the end of a new pipe that the guard gets, and the one that stays here."""
    reader, writer = os.pipe()
    ends = FileIO(reader, "rb"), FileIO(writer, "wb")
    return ends if keep_writer else ends[::-1]


def _follow(guarded: _Guarded, *, watch: Watch, deadline: float) -> bytes | None:
    """Do the callbacks until the guard reports; return its words, or None at the deadline."""
    next_beat = time.monotonic() + watch.heartbeat_every
    with selectors.DefaultSelector() as selector:
        selector.register(guarded.status, selectors.EVENT_READ)
        while True:
            ready = selector.select(max(0.0, min(_TICK, deadline - time.monotonic())))
            for event in guarded.progress.read():
                watch.on_progress(event)
            if ready:
                return guarded.status.read(64) or b""
            now = time.monotonic()
            if now >= deadline:
                return None
            watch.poll()
            if now >= next_beat:
                next_beat = now + watch.heartbeat_every
                _beat(watch, command=guarded.command)


def _beat(watch: Watch, *, command: Command) -> None:
    if not watch.heartbeat():
        raise LeaseLost(
            f"the lease went to another sync while {command.name} was running",
            fix="Nothing was loaded; `connectors status` shows the sync that has it.",
        )


def _parse_reply(reply: bytes, *, command: Command) -> int | None:
    """Return the exit code; None when the guard was killed before it could tell."""
    word, _, number = reply.decode().partition(" ")
    if word == "spawn":
        raise EngineFailed(
            f"{command.name} could not be started: {os.strerror(int(number))}",
            place=command.argv[0],
            fix="Check that the program is there and may be executed.",
        )
    return int(number) if word == "exit" else None
