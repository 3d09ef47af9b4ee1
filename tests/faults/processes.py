"""Which processes work for a project folder, and waiting for what they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

_Answer = TypeVar("_Answer")


def find_processes(folder: Path) -> list[psutil.Process]:
    """Return the living processes that work in ``folder`` or were told of it; not this one."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            told = process.cwd().startswith(str(folder)) or str(folder) in str(process.cmdline())
            living = process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
            if told and living and process.pid != psutil.Process().pid:
                found.append(process)
    return found


def describe(processes: list[psutil.Process]) -> list[str]:
    """Return the command lines, for messages."""
    lines = []
    for process in processes:
        with suppress(psutil.Error):
            lines.append(f"{process.pid} {process.status()} {' '.join(process.cmdline())}")
    return lines


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_for(condition: Callable[[], _Answer], *, seconds: float = 60.0) -> _Answer:
    """Wait until ``condition`` gives something true, and return it.

    Raises:
        AssertionError: It did not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain; last was {answer!r}"
        time.sleep(0.05)
    return answer


def wait_until_none(folder: Path, *, seconds: float = 30.0) -> None:
    """Wait until no process works for ``folder`` any more."""
    deadline = time.monotonic() + seconds
    while left := find_processes(folder):
        assert time.monotonic() < deadline, f"still running: {describe(left)}"
        time.sleep(0.05)


def find_guard(step: int) -> psutil.Process:
    """Return the guard of a step's engine, once it is there."""
    return find_process(step, having=("guard.py",))


def find_worker(step: int) -> psutil.Process:
    """Return the worker of a step, once it is there."""
    return find_process(step, having=("engines.worker",))


def find_process(step: int, *, having: tuple[str, ...]) -> psutil.Process:
    """Return the descendant of ``step`` whose command line has all these words."""

    def look() -> psutil.Process | None:
        with suppress(psutil.Error):
            for child in psutil.Process(step).children(recursive=True):
                with suppress(psutil.Error):
                    line = " ".join(child.cmdline())
                    # A guard's command line holds that of its worker.
                    its_own = "guard.py" not in line or "guard.py" in having
                    if its_own and all(word in line for word in having):
                        return child
        return None

    process = wait_for(look)
    assert process is not None
    return process


def kill_all(folder: Path) -> None:
    """Kill what works for ``folder``, also what it starts meanwhile."""
    while left := find_processes(folder):
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=5)
