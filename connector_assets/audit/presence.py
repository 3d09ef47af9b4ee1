"""One rule for columns that are absent or empty, by chance or not; and one for silent streams.

Where a source declares no schema, a batch without a value of a column proves nothing by itself:
the column may be sparse, the batch small. The rule asks how likely such a batch is if the column
is filled as it was, and speaks only where that is next to impossible.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from connector_assets.model import Presence

#: Of 200 syncs with 50 columns, one in a hundred thousand would raise a false alarm.
_CHANCE = 1e-9
#: Standard deviations by which the fill rate is taken to be lower than it was seen to be.
_CAUTION = 3.0
_GAPS = 4
_SILENCE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """How a column was filled so far: rows seen, and those of them with a value."""

    rows: int
    filled: int


def is_missed(history: Filled, *, rows: int, rule: Presence) -> bool:
    """Tell whether a batch of ``rows`` rows without a value of a column cannot be chance.

    The rate is taken at the lower end of what the history allows (Wilson's score interval), so
    that a short history accuses nobody.
    """
    if rows < rule.min_rows or not history.filled or not history.rows:
        return False
    rate = _lowest_rate(history)
    if rate < rule.rate:
        return False
    if rate >= 1.0:
        return True
    return rows * math.log1p(-rate) < math.log(_CHANCE)


def find_arrivals(reads: Iterable[tuple[datetime, str | None]]) -> list[datetime]:
    """Return when a stream brought something new, oldest first, from its reads in any order.

    A read is its time and where it left the cursor. A tap that repeats its last rows brings
    nothing new; neither does one whose cursor nobody knows.
    """
    ordered = sorted((at, position) for at, position in reads if position is not None)
    before: str | None = None
    arrivals = []
    for at, position in ordered:
        if position != before:
            arrivals.append(at)
        before = position
    return arrivals


def find_usual_gap(arrivals: Sequence[datetime]) -> timedelta | None:
    """Return the median time between arrivals; None with fewer than four gaps: nothing is usual."""
    gaps = [later - earlier for earlier, later in pairwise(sorted(arrivals))]
    if len(gaps) < _GAPS:
        return None
    return timedelta(seconds=median(gap.total_seconds() for gap in gaps))


def is_silent(arrivals: Sequence[datetime], *, now: datetime) -> bool:
    """Tell whether a stream read from a cursor has been silent for three times its usual gap.

    ``arrivals`` are the times of the syncs that brought something new, in any order.
    """
    usual = find_usual_gap(arrivals)
    return usual is not None and now - max(arrivals) > _SILENCE * usual


def _lowest_rate(history: Filled) -> float:
    rows, share, z = history.rows, history.filled / history.rows, _CAUTION
    middle = share + z * z / (2 * rows)
    spread = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return max(0.0, (middle - spread) / (1 + z * z / rows))
