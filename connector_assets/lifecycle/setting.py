"""What every step works with: a project, its ledger, and whoever is watching."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from connector_assets.engines.job import AttemptFolder
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.model import Step
from connector_assets.plan import Plan
from connector_assets.project import Project


class Observer:
    """Whoever watches a sync; this one takes no notice. Called from more than one thread."""

    def began(self, step: Step) -> None:
        """Take note that a step begins."""

    def ended(self, step: Step, *, seconds: float, layers: Mapping[str, Any]) -> None:
        """Take note that a step ended; ``layers`` is the attempt's evidence so far."""

    def progressed(self, event: Mapping[str, Any]) -> None:
        """Take note of ``{"phase", "stream", "rows"}``."""

    def logged(self, line: Mapping[str, Any]) -> None:
        """Take note of a line of the sync's log."""

    def notes(self, text: str) -> None:
        """Take note of something that a person should do later."""

    def waits(self, reason: str) -> None:
        """Take note that the sync waits for something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A project, its ledger, and an observer.

    ``detached`` says that each step is a process of its own: between two of them the lease is
    kept by time alone.
    """

    project: Project
    ledger: Ledger
    observer: Observer = field(default_factory=Observer)
    detached: bool = False

    def plan_of(self, row: SyncRow) -> Plan:
        """Return the plan that a sync was started with, for this machine.

        Its connector has the name that it has now: what a sync left is found by that.
        """
        plan = Plan.from_json(row.plan, root=self.project.root)
        return replace(plan, connector=replace(plan.connector, name=row.connector))

    def folder_of(self, row: SyncRow) -> AttemptFolder:
        """Return the folder of a sync's latest attempt."""
        return AttemptFolder(path=self.sync_folder(row.sync_id) / str(row.attempt))

    def sync_folder(self, sync_id: str) -> Path:
        """Return the folder of a sync's attempts."""
        return self.project.work / sync_id


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """Why a sync is started.

    ``root_run_id`` is the orchestrator's own id. A scheduled sync that finds the lease taken waits
    the connector's ``max_wait`` and is then skipped; another one is refused at once. ``rebuild``
    accepts that the destination lost what the ledger knows of, and loads from the beginning.
    ``full_refresh`` reads the streams from the beginning and puts what comes in the place of what
    their tables hold. ``package`` is a held package to be loaded instead of asking the source.
    ``streams`` are those to be synced, empty for all of the connector's.
    """

    root_run_id: str
    trigger: str = "manual"
    scheduled: bool = False
    rebuild: bool = False
    full_refresh: bool = False
    package: str = ""
    streams: tuple[str, ...] = ()


def make_sync_id(root_run_id: str, *, connector: str, environment: str) -> str:
    """Return the id that a sync has everywhere: the same for the same run of an orchestrator."""
    text = "\0".join((environment, connector, root_run_id))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
