"""Spreads connectors that are due at the same minute over the minutes after it; pure."""

from __future__ import annotations

import hashlib

#: A shift stays within the hour of the cron, so that day and hour are as its fields say.
_LAST_MINUTE = 59


def spread(cron: str, *, name: str, seconds: float) -> str:
    """Return a cron whose minutes are later by 0 to ``seconds``, in whole minutes.

    The same name always has the same shift; different ones are spread evenly. It is smaller where
    the last minute would cross the hour otherwise.

    Raises:
        ValueError: The cron leaves no minute to shift to.
    """
    minutes = _list_minutes(cron)
    room = min(_LAST_MINUTE - max(minutes), int(seconds // 60))
    if room < 1:
        raise ValueError(f"{cron!r} has no later minute in its hour")
    digest = hashlib.sha256(name.encode()).digest()
    shift = int.from_bytes(digest[:8]) % (room + 1)
    field = ",".join(str(minute + shift) for minute in minutes)
    return cron if shift == 0 else " ".join([field, *cron.split()[1:]])


def _list_minutes(cron: str) -> list[int]:
    from croniter import croniter

    minutes = croniter.expand(cron)[0][0]
    if "*" in minutes:
        raise ValueError(f"{cron!r} is due every minute")
    return [int(minute) for minute in minutes]
