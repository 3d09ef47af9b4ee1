"""A project whose one connector is probed, with the lock that it is given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from connector_assets.ledger.audit_records import DriftStatus
from connector_assets.ledger.records import HolderProcess, LeaseRequest, SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.probe import Probed, run_probe
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.lock import Lock, LockedColumn, LockedStream, save_lock
from connector_assets.model import DriftKind
from connector_assets.project import Project, load_project

PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, retries: {max: 0}}
destinations:
  warehouse: {type: duckdb, path: data/warehouse.duckdb}
"""


class Probing:
    """Probes the connector ``shop`` of a folder."""

    def __init__(self, root: Path, ledger: Ledger, *, connector: str, project: str = "") -> None:
        self.root, self.ledger = root, ledger
        (root / "connectors").mkdir(exist_ok=True)
        (root / "connectors.yaml").write_text(PROJECT + project)
        (root / "connectors" / "shop.yaml").write_text(connector)

    @property
    def project(self) -> Project:
        return load_project(self.root)

    @property
    def setting(self) -> Setting:
        return Setting(project=self.project, ledger=self.ledger)

    def probe(self, *, timeout: float = 60.0) -> Probed:
        return run_probe(self.setting, self.project.connector("shop"), timeout=timeout)

    def find(self) -> dict[str, DriftKind]:
        """Probe what answers; return the kind of each difference by its place."""
        probed = self.probe()
        assert probed.error is None, probed.error
        return {one.drift.place: one.drift.kind for one in probed.findings}

    def sync(self) -> SyncRow:
        request = StartRequest(root_run_id=uuid4().hex)
        return run_sync(self.setting, self.project.connector("shop"), request=request)

    def lock(self, **streams: Mapping[str, str]) -> None:
        """Write a lock: the types of columns by stream, ``!`` for NOT NULL.

        The key is ``id``, the cursor ``at``.
        """
        structures = {
            name: LockedStream(
                columns={
                    column: LockedColumn(type=kind.rstrip("!"), nullable=not kind.endswith("!"))
                    for column, kind in columns.items()
                },
                primary_key=("id",) if "id" in columns else (),
                cursor="at" if "at" in columns else "",
            )
            for name, columns in streams.items()
        }
        save_lock(Lock(connector="shop", streams=structures), root=self.root)

    def hold_lease(self) -> None:
        """Let a sync that is not there have the lease."""
        process = HolderProcess(host="elsewhere")
        request = LeaseRequest(
            connector="shop", environment="dev", sync_id="busy", ttl=600, process=process
        )
        self.ledger.leases.acquire(request)

    def events(self, *statuses: DriftStatus) -> dict[str, tuple[str, int]]:
        """Return the kind and the sightings of the events in these statuses, by place."""
        found = self.ledger.drift.find(environment="dev", statuses=statuses or [DriftStatus.OPEN])
        return {".".join((one.stream, *one.column)): (one.kind, one.seen) for one in found}

    def fingerprint(self) -> dict[str, Any]:
        """Return what no probe may change: destination, lock file, states, leases, syncs."""
        files = [self.root / "data" / "warehouse.duckdb", self.root / "locks" / "shop.json"]
        known = {
            file.name: (
                hashlib.sha256(file.read_bytes()).hexdigest(),
                file.stat().st_mtime_ns,
            )
            for file in files
        }
        states = self.ledger.states.versions("shop", environment="dev")
        rows = self.ledger.history.recent(environment="dev", connector="shop", limit=20)
        return {**known, "states": states, "syncs": rows, "data": sorted(self._data())}

    def _data(self) -> list[str]:
        return [path.name for path in (self.root / "data").rglob("*")]


def find_processes(folder: Path) -> list[psutil.Process]:
    """All living processes that work in ``folder`` or below, but for this one."""
    found = []
    for process in psutil.process_iter():
        try:
            inside = Path(process.cwd()).is_relative_to(folder)
            if inside and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return [each for each in found if each != psutil.Process()]
