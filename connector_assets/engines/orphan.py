"""What a worker does when its guard is gone: it ends its whole group, itself included.

A guard ends the group when the step is gone; the step does it when the guard is. Where both were
killed at once, nobody else is left.
"""

from __future__ import annotations

import os
import signal
import threading
import time

_LOOK_EVERY = 0.5


def end_with_parent() -> None:
    """Watch, in a thread, whether this process still has the parent that started it."""
    parent = os.getppid()
    # Only a group led by the parent is surely the engine's own.
    group = os.getpgrp()
    if group == parent:
        threading.Thread(target=_watch, args=(parent, group), daemon=True).start()


def _watch(parent: int, group: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os.killpg(group, signal.SIGKILL)
