"""The records of the audit gate's memory; every time is an aware UTC datetime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from connector_assets.model import DriftKind, DriftPolicy


class DriftStatus(StrEnum):
    """Where a drift event stands."""

    OPEN = "open"  # warned of, or blocked, and nobody has decided yet
    RECORDED = "recorded"  # allowed by its policy
    APPROVED = "approved"  # a part of the baseline, by somebody's word
    LOCKED = "locked"  # a part of the committed lock
    GONE = "gone"  # not there any more


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDrift:
    """A difference that a sync or a probe found; ``identity`` tells it from all others."""

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

    @property
    def status(self) -> DriftStatus:
        """What a new event of it begins as."""
        allowed = self.policy is DriftPolicy.ALLOW
        return DriftStatus.RECORDED if allowed else DriftStatus.OPEN


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBatch:
    """What one sync staged of one stream: rows, and values per column."""

    sync_id: str
    stream: str
    environment: str
    connector: str
    rows: int
    full: bool
    filled: Mapping[str, int]
    at: datetime


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
