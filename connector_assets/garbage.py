"""How often a process of ours looks for garbage: less often than Python does by itself."""

from __future__ import annotations

import atexit
import gc

#: New objects between two looks; Python's own number is 700.
_LOOK_AFTER = 20_000


def collect_rarely() -> None:
    """Look for garbage seldom from now on, and not at the end of this process.

    What is imported is a hundred thousand objects that stay. To look through them again and again,
    and once more before they all go, takes a quarter of the time of a step with nothing to do.
    """
    gc.set_threshold(_LOOK_AFTER)
    atexit.register(gc.freeze)
