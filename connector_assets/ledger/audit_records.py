"""The records of the audit gate's memory; every time is an aware UTC datetime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from connector_assets.model import DriftKind, DriftPolicy

#: What the id of a probe begins with, where that of a sync would stand.
PROBE = "probe-"


class DriftStatus(StrEnum):
    """Where a drift event stands."""

    OPEN = "open"  # warned of, or blocked, and nobody has decided yet
    RECORDED = "recorded"  # allowed by its policy
    NOTED = "noted"  # allowed, but only a probe saw it: no part of the baseline before a sync does
    APPROVED = "approved"  # a part of the baseline, by somebody's word
    LOCKED = "locked"  # a part of the committed lock
    GONE = "gone"  # not there any more


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDrift:
    """A difference that a sync or a probe found; ``identity`` tells it from all others.

    ``sample`` has ``rows`` that it concerns ``of`` all of the batch, and ``shown``: some of them by
    column, masked. ``loaded`` is false for what a probe saw and for a sync that left it out of the
    destination: what is allowed is only noted then.
    """

    environment: str
    connector: str
    stream: str
    column: tuple[str, ...]
    kind: DriftKind
    old: Any
    new: Any
    identity: str
    policy: DriftPolicy
    sync_id: str
    at: datetime
    sample: Mapping[str, Any] | None = None
    loaded: bool = True

    @property
    def status(self) -> DriftStatus:
        """What a new event of it begins as."""
        if self.policy is not DriftPolicy.ALLOW:
            return DriftStatus.OPEN
        return DriftStatus.NOTED if not self.loaded else DriftStatus.RECORDED


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftEvent:
    """A difference as the ledger keeps it; ``seen`` counts how often it was found."""

    id: int
    environment: str
    connector: str
    stream: str
    column: tuple[str, ...]
    kind: str
    old: Any
    new: Any
    identity: str
    policy: str
    status: DriftStatus
    seen: int
    first_sync_id: str
    last_sync_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    settled_by: str
    settled_at: datetime | None
    sample: Mapping[str, Any] | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBatch:
    """What one sync staged of one stream: rows, values per column, where its cursor stands now."""

    sync_id: str
    stream: str
    environment: str
    connector: str
    rows: int
    full: bool
    filled: Mapping[str, int]
    at: datetime
    position: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRecord:
    """The last probe of a connector in an environment.

    ``offered`` are the streams that its source listed in the last probe that saw a list; None
    before the first. ``failure`` is the class of the error, empty where there was none.
    """

    environment: str
    connector: str
    probe_id: str
    at: datetime
    failure: str = ""
    offered: tuple[str, ...] | None = None


class PackageStatus(StrEnum):
    """Where a held package stands."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPackage:
    """A package that the gate blocked; ``place`` is its folder, ``size`` in bytes.

    ``approved_by`` is who takes its rows as they are, None while nobody does.
    """

    package_id: str
    sync_id: str
    environment: str
    connector: str
    base_version: int
    place: str
    size: int
    status: PackageStatus = PackageStatus.HELD
    approved_by: str | None = None
    held_at: datetime
    settled_by: str = ""
    settled_at: datetime | None = None
