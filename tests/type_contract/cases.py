"""Every case of the type contract, in the order of its page in the docs."""

from __future__ import annotations

from . import clocks, shapes, times, values
from .case import Arrives, Case, Sent, Way

CASES: tuple[Case, ...] = (*times.CASES, *clocks.CASES, *values.CASES, *shapes.CASES)
BY_NAME = {case.name: case for case in CASES}


def find(way: Way, *, arrives: bool) -> list[tuple[Case, Sent]]:
    """Return the cases that are sent a way and arrive, or are refused."""
    return [
        (case, case.sent[way])
        for case in CASES
        if way in case.sent and isinstance(case.sent[way].outcome, Arrives) is arrives
    ]
