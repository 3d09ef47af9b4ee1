"""Fault points: named places where a test or the demo may break the process on purpose."""

from __future__ import annotations

import os
import signal
import sys
import time

VARIABLE = "CONNECTORS_FAULT"
POINTS = (
    "start",
    "extract",
    "end_of_extract",
    "normalize",
    "first_load_job",
    "last_load_job",
    "before_commit",
    "after_commit",
)


def is_armed(name: str) -> bool:
    """Tell whether the environment asks for a fault at this point; for loops over rows."""
    return os.environ.get(VARIABLE, "").partition(":")[0] == name


def fault_point(name: str) -> None:
    """Break here if the environment asks for it: ``CONNECTORS_FAULT=before_commit:kill``.

    Actions: ``kill`` (SIGKILL to this process), ``stop`` (SIGSTOP), ``raise`` (a RuntimeError),
    ``sleep`` (forever, for tests of timeouts). Without the variable this costs one look-up.
    Standard error, and with it the sync's log, says so first: a test waits for that.
    """
    if not is_armed(name):
        return
    action = os.environ[VARIABLE].partition(":")[2]
    sys.stderr.write(f"fault point {name}: {action}\n")
    sys.stderr.flush()
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "sleep":
        time.sleep(86_400)
    else:
        raise RuntimeError(f"fault injected at {name}")
