"""Ending a process group: ask, wait, kill, and look whether anything is left."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import psutil

_LOOK_EVERY = 0.05
# How long the kernel may take to remove processes that got SIGKILL.
_KILLED_WITHIN = 10.0


def find_members(leader: int) -> list[psutil.Process]:
    """Return the living processes of the group that ``leader`` leads, without the leader.

    Its descendants in other groups count as well, as long as their parents live.
    """
    found = {process.pid: process for process in _find_descendants(leader)}
    for process in psutil.process_iter():
        with suppress(OSError):
            if os.getpgid(process.pid) == leader:
                found[process.pid] = process
    return [each for pid, each in found.items() if pid != leader and _is_alive(each)]


def end_group(leader: int, *, grace: float) -> list[int]:
    """End the group that ``leader`` leads; return the pids that had to be ended.

    SIGTERM, up to ``grace`` seconds, then SIGKILL to everyone and the leader. The leader must be
    a child that was not waited for yet: only that keeps its number from being given away.
    """
    members = find_members(leader)
    try:
        if members and grace > 0:
            _signal_all(members, number=signal.SIGTERM)
            _wait_until_gone(members, seconds=grace)
    finally:
        _kill_until_gone(leader, members=members)
    return [process.pid for process in members]


def _kill_until_gone(leader: int, *, members: list[psutil.Process]) -> None:
    """Kill again until nobody is left: a member can start another one in the meantime."""
    deadline = time.monotonic() + _KILLED_WITHIN
    while True:
        with suppress(OSError):
            os.killpg(leader, signal.SIGKILL)
        _signal_all(members, number=signal.SIGKILL)
        _wait_until_gone(members, seconds=1.0)
        members = find_members(leader)
        if not members or time.monotonic() > deadline:
            return


def _signal_all(processes: list[psutil.Process], *, number: int) -> None:
    for process in processes:
        # psutil compares the start time first: a pid that went to another process is left alone.
        with suppress(psutil.Error):
            process.send_signal(number)


def _wait_until_gone(processes: list[psutil.Process], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(map(_is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _find_descendants(leader: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return psutil.Process(leader).children(recursive=True)
    return []
