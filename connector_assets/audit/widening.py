"""Which logical type holds everything that another one holds.

Types are dlt's words, as locks and profiles have them: ``bigint``, ``double``, ``decimal(12,2)``,
``bool``, ``text``, ``timestamp``, ``timestamp_ntz`` (without a zone), ``date``, ``time``, ``json``,
``binary``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
#: Digits of the largest 64-bit integer.
_BIGINT_DIGITS = 19
_WIDER = (("bigint", "double"), ("date", "timestamp"), ("date", "timestamp_ntz"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """What a decimal holds: digits before the point, and after it."""

    whole: int
    fraction: int


def is_widening(old: str, new: str) -> bool:
    """Tell whether ``new`` holds every value of ``old`` as the same value.

    An integer is a number: ``bigint`` to ``double`` widens, as a source means it; that each value
    there is fits a double exactly is checked where the table is changed.
    """
    if old == new:
        return False
    if (old, new) in _WIDER:
        return True
    before, after = parse_digits(old), parse_digits(new)
    if before is None or after is None:
        return False
    if new == "bigint":
        # Not every number of 19 digits is one of 64 bits.
        return before.whole < _BIGINT_DIGITS and before.fraction == 0
    return after.whole >= before.whole and after.fraction >= before.fraction


def parse_digits(text: str) -> Digits | None:
    """Return the digits of an exact number, None for any other type.

    ``decimal`` without digits is dlt's default of 38 with 9 after the point.
    """
    if text == "bigint":
        return Digits(whole=_BIGINT_DIGITS, fraction=0)
    if text == "decimal":
        return Digits(whole=29, fraction=9)
    found = _DECIMAL.fullmatch(text)
    if not found:
        return None
    precision, scale = int(found[1]), int(found[2])
    return Digits(whole=precision - scale, fraction=scale)
