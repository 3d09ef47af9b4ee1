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


class Parent:
    """The process that started this one, as long as it is there."""

    def __init__(self) -> None:
        """Take the parent that there is now."""
        self._id = os.getppid()
        # Only a group led by the parent is surely the engine's own.
        self._group = os.getpgrp()
        self._leads = self._group == self._id

    def watch(self) -> None:
        """Look after it now and then, in a thread."""
        if self._leads:
            threading.Thread(target=self._watch, daemon=True).start()

    def check(self) -> None:
        """End here and now where it is gone: before what cannot be taken back."""
        if self._leads and os.getppid() != self._id:
            os.killpg(self._group, signal.SIGKILL)

    def _watch(self) -> None:
        while True:
            self.check()
            time.sleep(_LOOK_EVERY)
