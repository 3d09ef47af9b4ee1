"""Who is told of what: the kinds of news, the rules of the files, and whom they reach; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class AlertKind(StrEnum):
    """What people are told of."""

    FAILED = "failed"  # a sync failed, or nobody knows how it ended
    BLOCKED = "blocked"  # the audit gate refused the data
    DRIFT = "drift"  # something differs that was loaded all the same, or was seen by a probe
    SILENT = "silent"  # a stream brings nothing new for longer than is usual for it
    LATE = "late"  # nothing was started when it was due
    PAUSED = "paused"  # so many syncs in a row failed that no more are started
    RECOVERED = "recovered"  # a sync ended well after a failed, blocked or late one


#: The name of what stands under `urls:`: a rule that hears of everything.
PLAIN_RULE = "urls"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something to be told of a connector.

    ``over`` has the kinds of what a recovery ends: it is for those who were told of one of them.
    """

    kind: AlertKind
    connector: str
    owner: str = ""
    over: frozenset[AlertKind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """Who is told of what.

    ``to`` are Apprise URLs or their sources; they can hold tokens, and are not shown. Without
    ``owners`` and ``connectors`` it is about every connector.
    """

    name: str
    to: tuple[str, ...] = field(repr=False)
    on: frozenset[AlertKind] = frozenset(AlertKind)
    owners: tuple[str, ...] = ()
    connectors: tuple[str, ...] = ()

    def hears(self, news: News) -> bool:
        """Tell whether the rule is about this."""
        return (
            news.kind in self.on
            and (not news.over or bool(news.over & self.on))
            and (not self.owners or news.owner in self.owners)
            and (not self.connectors or news.connector in self.connectors)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Where a living scheduler is reported, at most every so many seconds; a URL or its source."""

    url: str = field(repr=False)
    every: float = 300.0


def pick_targets(rules: Iterable[AlertRule], *, news: News) -> tuple[str, ...]:
    """Return whom the rules tell of something, each once, in the order of the rules."""
    return tuple(dict.fromkeys(to for rule in rules if rule.hears(news) for to in rule.to))


def identify_target(to: str) -> str:
    """Return what the ledger knows a target by: it holds no address, which can hold a token."""
    return hashlib.sha256(to.encode()).hexdigest()[:16]
