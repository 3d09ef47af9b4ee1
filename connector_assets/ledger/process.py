"""Whether the process that holds a lease is still there."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil

from connector_assets.ledger.records import HolderProcess

# The kernel's number of the first pid namespace.
_FIRST_NAMESPACE = "pid:[4026531836]"
# Start times shift with corrections of the clock; no pid comes round again this soon.
_TOLERANCE = 10.0


def find_host() -> str:
    """Return the name under which pids of this machine can be told from those of others.

    Containers can share a host name without sharing pids: theirs has the pid namespace added.
    """
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return socket.gethostname()
    if namespace == _FIRST_NAMESPACE:
        return socket.gethostname()
    return f"{socket.gethostname()}#{namespace.strip('pid:[]')}"


def find_process(pid: int | None = None) -> HolderProcess:
    """Return this process (or the one with ``pid``) as a lease's holder."""
    process = psutil.Process(pid)
    return HolderProcess(host=find_host(), pid=process.pid, started=process.create_time())


def is_gone(process: HolderProcess) -> bool:
    """Return whether ``process`` certainly ended; one of another host never counts as ended."""
    if process.pid is None or process.host != find_host():
        return False
    try:
        found = psutil.Process(process.pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return True
        began = found.create_time()
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
    return process.started is not None and abs(began - process.started) > _TOLERANCE
