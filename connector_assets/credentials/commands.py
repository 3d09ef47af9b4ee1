"""Asks a command for a secret: in bounded time, and nothing of it stays behind or is shown."""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

#: Linux hands a process no larger variable than 128 KiB.
MAX_BYTES = 64_000


class MissingError(Exception):
    """A source has no value; ``reason`` and ``fix`` hold nothing of it."""

    def __init__(self, reason: str, *, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


def fetch_output(
    command: str, *, folder: Path, seconds: float, given: bytes | None = None
) -> bytes:
    """Run a command in a folder, without a shell, and return what it prints.

    ``given`` is what it can read, once and in no file: at most `MAX_BYTES`.

    Raises:
        MissingError: It cannot be started, fails, prints more than `MAX_BYTES`, or takes longer.
    """
    try:
        # Its own process group, so that all of a pipeline can be ended; not its own session,
        # which would take it away from the terminal that a password manager was unlocked in.
        process = subprocess.Popen(
            shlex.split(command),
            cwd=folder,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Neither output is ever shown: tools print secrets on both.
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
    except (OSError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be split into words"
        raise MissingError(f"{reason}", fix="Check the command and the PATH.") from None
    with process:
        try:
            _hand_over(process, given)
            raw = _read_answer(process, until=time.monotonic() + seconds)
        finally:
            # Also what it left behind, and when we are interrupted.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if raw is None:
        reason = f"the command did not answer within {seconds:g} seconds"
        raise MissingError(reason, fix="Run it by hand: does it ask for something?")
    if process.returncode:
        reason = f"the command ended with exit code {process.returncode}"
        raise MissingError(reason, fix="Run it by hand in the project folder.")
    return raw


def _hand_over(process: subprocess.Popen[bytes], given: bytes | None) -> None:
    """Write to a command that need not read: a pipe holds 64 kB, so that nobody waits."""
    if process.stdin is None or given is None:
        return
    # It may end, or close its input, without reading.
    with suppress(BrokenPipeError):
        process.stdin.write(given)
        process.stdin.flush()
    with suppress(BrokenPipeError):
        process.stdin.close()


def _read_answer(process: subprocess.Popen[bytes], *, until: float) -> bytes | None:
    """Return what a process prints before it ends; None if it does not end in time."""
    assert process.stdout is not None
    raw = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, until - time.monotonic())):
            chunk = os.read(process.stdout.fileno(), 65_536)
            raw += chunk
            if len(raw) > MAX_BYTES:
                raise MissingError("it printed too much for a secret", fix="Check the command.")
            if not chunk:
                break
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, until - time.monotonic()))
        return raw
    return None
