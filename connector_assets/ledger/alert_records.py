"""The records of incidents, alerts and pauses; every time is an aware UTC datetime."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector_assets.alerting import AlertKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenIncident:
    """Something that went wrong with a connector.

    What has the same ``identity`` and is not over is the same incident; it is counted once for
    each ``seen_by``: a sync's id, or when a sync was due.
    """

    connector: str
    environment: str
    kind: AlertKind
    identity: str
    cause: str
    seen_by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident: how often it was seen, since when, and when it was over, None if it is not."""

    id: int
    connector: str
    environment: str
    kind: AlertKind
    identity: str
    cause: str
    count: int
    seen_by: str
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlert:
    """What people are to be told: ``payload`` has a ``title``, and texts by line in ``lines``."""

    connector: str
    environment: str
    kind: AlertKind
    payload: dict[str, Any]
    at: datetime
    sync_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that people are told once; ``delivered_at`` is None until all were reached.

    ``reached`` identifies those who were, ``failure`` says why the others were not.
    """

    id: int
    connector: str
    environment: str
    kind: AlertKind
    incident_id: int | None
    sync_id: str | None
    payload: dict[str, Any] = field(default_factory=dict)
    reached: tuple[str, ...] = ()
    tries: int
    failure: str
    at: datetime
    held_until: datetime | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """How an attempt to deliver an alert ended.

    ``held_until`` is when the next one may begin, None for at once.
    """

    reached: tuple[str, ...]
    failure: str = ""
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A connector of which no sync is started by itself; who wanted it, why, since when."""

    connector: str
    environment: str
    who: str
    why: str
    at: datetime
