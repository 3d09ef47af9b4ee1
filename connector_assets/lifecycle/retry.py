"""When a transient failure is tried again: one plan for the command, and for both schedulers."""

from __future__ import annotations

from connector_assets.model import Retries


def plan_wait(retries: Retries, *, tried: int) -> float | None:
    """Return the seconds to wait before the next try, None where there is none any more.

    ``tried`` counts the tries so far, from 1. Each wait is twice the one before.
    """
    if tried > retries.max:
        return None
    wait: float = retries.wait * 2 ** (tried - 1)
    return wait
