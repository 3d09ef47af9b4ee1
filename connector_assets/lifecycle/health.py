"""How a connector's streams are, by the ledger alone, whoever ran their syncs; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from connector_assets.audit.wording import describe
from connector_assets.ledger.audit_records import DriftEvent
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.baseline import to_drift
from connector_assets.lifecycle.due import find_previous
from connector_assets.lifecycle.evidence import Arrival
from connector_assets.model import Connector, DriftPolicy, Verdict


class Check(StrEnum):
    """What is asked of each stream."""

    SCHEMA = "schema"  # nothing differs that nobody decided on
    ROWS = "rows"  # what was staged is in the table
    FRESHNESS = "freshness"  # it was synced when it was due
    SYNC = "sync"  # its last sync ended well


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one check; ``severe`` where a person has to act before data flows again."""

    check: Check
    passed: bool
    words: str
    severe: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the ledger knows of a connector: its open drift, its last sync, its last good one."""

    events: Sequence[DriftEvent] = ()
    last: SyncRow | None = None
    good: SyncRow | None = None


def pick_facts(rows: Sequence[SyncRow], *, events: Sequence[DriftEvent]) -> Facts:
    """Return the facts of a connector, from its newest syncs, newest first.

    A sync that waited in vain, or that somebody stopped, says nothing of the connector.
    """
    quiet = (None, Verdict.SKIPPED, Verdict.CANCELLED)
    told = [row for row in rows if row.verdict not in quiet]
    good = next((row for row in told if row.verdict and row.verdict.good), None)
    return Facts(events=events, last=told[0] if told else None, good=good)


def check_stream(
    connector: Connector, stream: str, *, facts: Facts, now: datetime
) -> Iterator[Answer]:
    """Yield the answer to each check of a stream."""
    yield _check_schema(connector, stream, facts=facts)
    yield _check_rows(stream, facts=facts)
    yield _check_freshness(connector, facts=facts, now=now)
    yield _check_sync(facts.last)


def _check_schema(connector: Connector, stream: str, *, facts: Facts) -> Answer:
    others = {one.name for one in connector.streams} - {stream}
    # Child tables belong to the stream whose table their names begin with.
    table = next((one.table for one in connector.streams if one.name == stream), stream)
    found = [
        event
        for event in facts.events
        if event.stream == stream
        or (event.stream not in others and event.stream.startswith(f"{table}__"))
    ]
    words = "; ".join(describe(to_drift(one)) for one in found)
    severe = any(one.policy == DriftPolicy.BLOCK for one in found)
    return Answer(check=Check.SCHEMA, passed=not found, words=words or "as expected", severe=severe)


def _check_rows(stream: str, *, facts: Facts) -> Answer:
    last, good = facts.last, facts.good
    if last and last.result.get("arrival") == Arrival.CONTRADICTED:
        words = "the table does not hold what the load record says"
        return Answer(check=Check.ROWS, passed=False, words=words)
    counts = _find_counts(good, stream)
    if not counts:
        return Answer(check=Check.ROWS, passed=False, words="never loaded", severe=False)
    shown = (f"{counts[key]:,} {word}" for key, word in _COUNTS if counts.get(key) is not None)
    return Answer(check=Check.ROWS, passed=True, words=", ".join(shown))


_COUNTS = (
    ("staged", "staged"),
    ("in_destination", "in the destination"),
    ("total", "in the table"),
)


def _find_counts(row: SyncRow | None, stream: str) -> dict[str, Any]:
    streams: list[dict[str, Any]] = row.result.get("streams", []) if row else []
    return next((one for one in streams if one["stream"] == stream), {})


def _check_freshness(connector: Connector, *, facts: Facts, now: datetime) -> Answer:
    good = facts.good
    since = f"last synced {good.started_at:%Y-%m-%d %H:%MZ}" if good else "never synced"
    if connector.schedule is None:
        return Answer(check=Check.FRESHNESS, passed=True, words=f"{since}; it has no schedule")
    # As long as one that was due may take, it is not late.
    allowed = timedelta(seconds=connector.timeout + connector.max_wait)
    due = find_previous(connector.schedule, before=now - allowed)
    passed = good is not None and good.started_at >= due
    words = f"{since}; it was due {due:%Y-%m-%d %H:%MZ}"
    return Answer(check=Check.FRESHNESS, passed=passed, words=words)


def _check_sync(last: SyncRow | None) -> Answer:
    if last is None:
        return Answer(check=Check.SYNC, passed=False, words="never synced", severe=False)
    verdict = last.verdict or Verdict.UNKNOWN
    words = f"{verdict.replace('_', ' ')}: {last.cause} (sync {last.sync_id})"
    return Answer(check=Check.SYNC, passed=verdict.good, words=words)
