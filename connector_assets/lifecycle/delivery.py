"""Delivers what people are to be told; an alert that cannot be delivered is tried again later."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from time import monotonic

from connector_assets.alerting import AlertKind, AlertRule, News, identify_target, pick_targets
from connector_assets.credentials.sources import resolve_text
from connector_assets.errors import ConfigError, CredentialError
from connector_assets.ledger.alert_records import Alert, Attempted, Incident
from connector_assets.lifecycle.bounded import run_bounded
from connector_assets.lifecycle.setting import Setting

#: Seconds that one address has to take a message, and after which no other delivery is begun.
_ANSWER, _BUDGET = 15.0, 30.0
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
_STATUS = re.compile(r"\berror=(\d{3})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How many alerts were delivered now, and why others were not."""

    delivered: int = 0
    failures: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Round:
    """One round of deliveries; an address that failed in it is not asked again."""

    deadline: float
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def left(self) -> float:
        return self.deadline - monotonic()


def deliver(setting: Setting, *, at_once: bool = False) -> Delivery:
    """Send every alert of the environment that waits, oldest first, in bounded time.

    Each address is told once of each alert; where a process ends while it sends, perhaps twice.
    What fails is tried again: by the next call, then after a minute, and after twice as long each
    time. ``at_once`` tries what waits for that, too.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    alerts, environment = setting.ledger.alerts, setting.project.environment
    if at_once:
        alerts.release(environment=environment)
    sending, after, delivered = _Round(deadline=monotonic() + _BUDGET), 0, 0
    failures: list[str] = []
    while sending.left > 0:
        alert = alerts.claim(environment=environment, now=datetime.now(UTC), after=after)
        if alert is None:
            break
        after = alert.id
        attempted = _attempt(setting, alert, sending=sending)
        alerts.settle(alert, attempted=attempted, at=datetime.now(UTC))
        if attempted.failure:
            failures.append(f"{alert.payload['title']}: {attempted.failure}")
        delivered += not attempted.failure
    return Delivery(delivered=delivered, failures=tuple(failures))


def find_rules(setting: Setting, connector: str) -> tuple[tuple[AlertRule, ...], str]:
    """Return the rules about a connector, and its owner; one that is gone has the project's."""
    try:
        found = setting.project.connector(connector)
    except ConfigError:
        return setting.project.alerts, ""
    return found.alerts, found.owner


def find_targets(
    setting: Setting,
    kind: AlertKind,
    *,
    connector: str,
    over: frozenset[AlertKind] = frozenset(),
) -> tuple[str, ...]:
    """Return whom the project and the connector tell of something; empty for nobody."""
    rules, owner = find_rules(setting, connector)
    return pick_targets(rules, news=News(kind=kind, connector=connector, owner=owner, over=over))


def send(setting: Setting, to: str, *, title: str, body: str, seconds: float = _ANSWER) -> str:
    """Send one message to one address; return why it failed, empty where it did not.

    Nothing is raised, and the address is never shown: it can hold a token.
    """
    try:
        url = resolve_text(to, of="alerts", root=setting.project.root)
        return run_bounded(lambda: _notify(url, title=title, body=body), seconds=seconds)
    except CredentialError as error:
        return error.problem
    except TimeoutError as error:
        return str(error)
    except Exception as error:
        # Each channel is a plugin of its own: whatever it does, the sync has ended as it has.
        return f"the channel broke: {type(error).__name__}"


def _attempt(setting: Setting, alert: Alert, *, sending: _Round) -> Attempted:
    over = frozenset(map(AlertKind, alert.payload.get("over", ())))
    targets = find_targets(setting, alert.kind, connector=alert.connector, over=over)
    body = _render_body(setting, alert)
    reached, failure = [*alert.reached], ""
    for to in targets:
        if identify_target(to) in reached:
            continue
        failed = sending.broken.get(to, "")
        if not failed:
            seconds = max(1.0, min(_ANSWER, sending.left))
            failed = send(setting, to, title=alert.payload["title"], body=body, seconds=seconds)
        if not failed:
            reached.append(identify_target(to))
            continue
        if to not in sending.broken:
            event = f"the alert was not delivered: {failed}"
            setting.observer.logged({"level": "error", "event": event})
        sending.broken[to] = failure = failed
    held = _plan_next(alert.tries + 1) if failure else None
    return Attempted(reached=tuple(reached), failure=failure, held_until=held)


def _plan_next(tries: int) -> datetime | None:
    """Return when to try again after so many tries; None for whenever somebody sends next."""
    if tries < 2:
        return None
    # The exponent is bounded: a week of hours would be a number that no time can be.
    doubled: int = 2 ** min(tries - 2, 10)
    return datetime.now(UTC) + min(_FIRST_WAIT * doubled, _LONGEST_WAIT)


def _render_body(setting: Setting, alert: Alert) -> str:
    found = alert.incident_id and setting.ledger.incidents.find(alert.incident_id)
    first, *rest = alert.payload["lines"]
    return "\n".join((first, *(tell_count(found) if found else ()), *rest))


def tell_count(incident: Incident) -> Sequence[str]:
    """Return how often an incident was seen, and whether it is over: what was late to be sent."""
    times = f"{incident.count} times since {incident.opened_at:%Y-%m-%d %H:%MZ}"
    over = f"over since {incident.closed_at:%Y-%m-%d %H:%MZ}" if incident.closed_at else ""
    return [line for line in (times if incident.count > 1 else "", over) if line]


def _notify(url: str, *, title: str, body: str) -> str:
    # It imports modules that Python 3.13 drops, some when a channel is added.
    with warnings.catch_warnings(), _overhear("apprise") as heard:
        warnings.simplefilter("ignore", DeprecationWarning)
        # Half a second to import: only where there is something to tell.
        import apprise

        channel = apprise.Apprise()
        if not channel.add(url):
            return "this is no address that Apprise knows"
        if channel.notify(title=title, body=body):
            return ""
    status = _STATUS.search(heard.getvalue())
    return f"it answered {status[1]}" if status else "it was not reached"


@contextmanager
def _overhear(name: str) -> Iterator[StringIO]:
    """Keep what a library logs to ourselves: its words can hold an address."""
    heard = StringIO()
    logger, handler = logging.getLogger(name), logging.StreamHandler(heard)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield heard
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
