"""The guard: leads an engine's process group, and ends the group when its step is gone.

Run as a script that imports little: ``python -I -S guard.py GRACE STATUS_FD COMMAND...``.
Standard input is the watchdog pipe: only the step holds the other end, so that end of file means
that the step is gone, however it went. How the command ended is written to STATUS_FD; the guard
then stays, and with it the number of the process group, until the step has cleaned up.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

# A fork of the step that outlives it can keep the pipe open; its parent number tells all the same.
_CHECK_PARENT_EVERY = 1.0
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Start the command and wait for whatever comes first: its end, or the step's."""
    grace, status, command = float(arguments[0]), int(arguments[1]), arguments[2:]
    parent = os.getppid()
    os.set_inheritable(status, False)
    wake = _wake_on_signals()
    child = _spawn(command, status=status)
    _drop_output()
    while not _is_alone(wake, parent=parent):
        child = _report_end(child, status=status)
    _end_group(child, grace=grace)
    return 0


def _wake_on_signals() -> int:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in _SIGNALS:
        # Not SIG_IGN: the command would inherit that.
        signal.signal(number, _do_nothing)
    return reader


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Wake up the select."""


def _spawn(command: list[str], *, status: int) -> int:
    """Start the command in this process group; return its pid, or 0 after reporting why not."""
    try:
        return os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsigdef=[signal.SIGPIPE, *_SIGNALS],
        )
    except OSError as error:
        os.write(status, b"spawn %d\n" % (error.errno or 0))
        return 0


def _drop_output() -> None:
    """Leave standard output to the command alone: its reader then sees the end of it."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _is_alone(wake: int, *, parent: int) -> bool:
    """Wait for news; return whether the step is gone."""
    ready, _, _ = select.select([0, wake], [], [], _CHECK_PARENT_EVERY)
    if wake in ready:
        os.read(wake, 4096)
    return 0 in ready or os.getppid() != parent


def _report_end(child: int, *, status: int) -> int:
    """Write how the command ended, once; return the pid still to be watched, or 0."""
    code = _reap(child)
    if code is None:
        return child
    # The step may be gone by now; that is noticed elsewhere.
    with suppress(OSError):
        os.write(status, b"exit %d\n" % code)
    return 0


def _reap(child: int) -> int | None:
    if not child:
        return None
    pid, state = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(state) if pid else None


def _end_group(child: int, *, grace: float) -> None:
    group = os.getpgrp()
    if group != os.getpid():
        # Started by hand without a session of its own: the group is somebody else's.
        return
    os.killpg(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while child and _reap(child) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    # Also this process.
    os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
