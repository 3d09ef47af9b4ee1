"""Waits for what others do for a bounded time, whatever their sockets and name servers do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def run_bounded(work: Callable[[], Result], *, seconds: float) -> Result:
    """Return what ``work`` returns; what is not over after ``seconds`` is left to itself.

    A timeout of a socket bounds one answer, and neither a name server nor an answer in drips. What
    ``work`` raises is raised here.

    Raises:
        TimeoutError: It is not over.
    """
    results: list[Result] = []
    raised: list[Exception] = []

    def collect() -> None:
        try:
            results.append(work())
        except Exception as error:
            raised.append(error)

    # A daemon: nobody waits for it when the process ends.
    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    return results[0]
