"""The records that go into and come out of the ledger; every time is an aware UTC datetime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from connector_assets.model import Verdict


class View(StrEnum):
    """An orchestrator that is told about every sync exactly once."""

    DAGSTER = "dagster"
    AIRFLOW = "airflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSync:
    """What opens an attempt; ``plan`` is JSON, ``at`` the start of the attempt."""

    sync_id: str
    connector: str
    engine: str
    environment: str
    destination: str
    dataset: str
    trigger: str
    root_run_id: str
    fingerprint: str
    plan: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRow:
    """A sync as its latest attempt left it; ``verdict`` and ``ended_at`` are None while it is open.

    ``opened_at`` is the start of the first attempt, ``started_at`` of the latest.
    """

    sync_id: str
    connector: str
    engine: str
    environment: str
    destination: str
    dataset: str
    trigger: str
    root_run_id: str
    fingerprint: str
    plan: dict[str, Any]
    attempt: int
    opened_at: datetime
    started_at: datetime
    ended_at: datetime | None
    verdict: Verdict | None
    cause: str
    result: dict[str, Any]

    @property
    def called(self) -> str:
        """What its connector was called when it ran: its log is kept under that name."""
        return str(self.plan.get("connector", {}).get("name", self.connector))


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How an attempt ended: the verdict, its cause in one sentence, and the counts as JSON."""

    verdict: Verdict
    cause: str
    result: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StateVersion:
    """One version of a connector's state: the content, and who wrote it, why, by which sync."""

    connector: str
    environment: str
    version: int
    state: Mapping[str, Any]
    sync_id: str | None
    who: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedSchema:
    """The structure one sync saw of one stream."""

    connector: str
    environment: str
    stream: str
    schema: Mapping[str, Any]
    sync_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderProcess:
    """Where the holder of a lease runs.

    Without ``pid`` (between two steps, when no process works on the sync) only time frees the
    lease. ``started`` is seconds since the epoch, to tell a reused pid from the holder.
    """

    host: str
    pid: int | None = None
    started: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequest:
    """A sync that wants the lease of its connector for ``ttl`` seconds."""

    connector: str
    environment: str
    sync_id: str
    ttl: float
    process: HolderProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to run a connector; ``token`` grows with each acquisition and is never reused."""

    connector: str
    environment: str
    sync_id: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has a lease, since when, and until when if it is not renewed."""

    sync_id: str
    token: int
    process: HolderProcess
    since: datetime
    expires: datetime

    def __str__(self) -> str:
        pid = f", pid {self.process.pid}" if self.process.pid is not None else ""
        return (
            f"sync {self.sync_id} (host {self.process.host}{pid}, "
            f"since {self.since:%Y-%m-%d %H:%M:%SZ}, expires {self.expires:%H:%M:%SZ})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """Something both views must be told; ``payload`` is complete as of ``at``."""

    id: int
    kind: str
    sync_id: str
    attempt: int
    connector: str
    environment: str
    payload: dict[str, Any]
    at: datetime
