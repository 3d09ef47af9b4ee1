"""The lease of a connector: taken at start, renewed while an engine runs, given back at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector_assets.engines.job import AttemptFolder, note_lease, read_clock
from connector_assets.errors import LeaseHeld, LeaseLost, LedgerUnreachable
from connector_assets.ledger.process import find_host, find_process
from connector_assets.ledger.records import HolderProcess, Lease, LeaseRequest
from connector_assets.lifecycle.setting import Setting, make_sync_id
from connector_assets.model import Connector

#: Seconds for which a lease is held without a heartbeat: while an engine runs, and otherwise.
RUNNING_TTL = 60.0
IDLE_TTL = 900.0
BEAT_EVERY = 10.0
#: An engine that is told to stop, by a scheduler that already calls its task over, ends in this.
_ENDING = 90.0
_LOOK_EVERY = 0.5
#: Seconds that the upkeep of one dataset is waited for.
_UPKEEP = 60.0


def take_lease(setting: Setting, connector: Connector, *, sync_id: str, wait: float) -> Lease:
    """Take the connector's lease, after at most ``wait`` seconds.

    Upkeep, which has it for seconds, is waited for in any case.

    Raises:
        LeaseHeld: Another sync has it still; names it.
    """
    request = LeaseRequest(
        connector=connector.name,
        environment=setting.project.environment,
        sync_id=sync_id,
        ttl=IDLE_TTL,
        process=find_process(),
    )
    began = time.monotonic()
    deadline = began + wait
    while True:
        try:
            return setting.ledger.leases.acquire(request)
        except LeaseHeld as held:
            until = max(deadline, began + _UPKEEP) if _is_tidied(setting, request) else deadline
            if time.monotonic() >= until:
                raise
            setting.observer.waits(held.problem)
            time.sleep(min(_LOOK_EVERY, max(0.0, until - time.monotonic())))


def upkeep_id(setting: Setting, *, connector: str) -> str:
    """Return what has a connector's lease while its dataset is tidied up."""
    return make_sync_id("upkeep", connector=connector, environment=setting.project.environment)


def _is_tidied(setting: Setting, request: LeaseRequest) -> bool:
    holder = setting.ledger.leases.holder(request.connector, environment=request.environment)
    return holder is not None and holder.sync_id == upkeep_id(setting, connector=request.connector)


def find_lease(setting: Setting, start: Mapping[str, Any], *, connector: str) -> Lease | None:
    """Return the lease that start wrote into its evidence; None for a sync that has none."""
    if "token" not in start:
        return None
    return Lease(
        connector=connector,
        environment=setting.project.environment,
        sync_id=start["sync_id"],
        token=start["token"],
    )


def set_down(setting: Setting, lease: Lease) -> None:
    """Keep the lease for the step that comes next, in a process of its own."""
    if setting.detached:
        between = HolderProcess(host=find_host())
        setting.ledger.leases.renew(lease, ttl=IDLE_TTL, process=between)


def await_engine(setting: Setting, lease: Lease, *, within: float = _ENDING) -> None:
    """Wait until no other process runs the engine of the sync any more.

    A scheduler starts the next step as soon as somebody marks a task, while its process is still
    being ended: what the engine did last would be missing in the evidence. One that is still there
    after so many seconds loses the lease, and stops itself.
    """
    mine, deadline, told = find_process(), time.monotonic() + within, False
    while time.monotonic() < deadline:
        holder = setting.ledger.leases.holder(lease.connector, environment=lease.environment)
        if holder is None or holder.sync_id != lease.sync_id:
            return
        if holder.process.pid is None or holder.process == mine:
            return
        if not told:
            setting.observer.waits(f"the engine of sync {lease.sync_id} is being ended")
        told = True
        time.sleep(_LOOK_EVERY)


class Heartbeat:
    """Renews a lease, and notes until when it is surely held for the worker to read."""

    def __init__(self, setting: Setting, lease: Lease, *, folder: AttemptFolder) -> None:
        self._ledger = setting.ledger
        self._lease = lease
        self._folder = folder
        self._process = find_process()
        self._until = 0.0

    def take_over(self) -> None:
        """Hold the lease in this process.

        Raises:
            LeaseLost: It expired, or another sync has it.
        """
        if not self.beat():
            raise LeaseLost(
                "the lease went to another sync before the engine was started",
                connector=self._lease.connector,
                fix="Nothing was loaded; `connectors status` shows the sync that has it.",
            )

    def beat(self) -> bool:
        """Renew the lease; return whether it is still held.

        While the ledger does not answer, it is held for as long as the last answer reached.
        """
        asked = read_clock()
        try:
            held = self._ledger.leases.renew(self._lease, ttl=RUNNING_TTL, process=self._process)
        except LedgerUnreachable:
            return read_clock() < self._until
        if held:
            self._until = asked + RUNNING_TTL
            note_lease(self._folder, until=self._until)
        return held


def retake(setting: Setting, lease: Lease) -> Lease:
    """Return a lease of the same sync that is valid now, where it ran out between two steps.

    Raises:
        LeaseHeld: Another sync has taken it since.
    """
    if setting.ledger.leases.holds(lease):
        return lease
    request = LeaseRequest(
        connector=lease.connector,
        environment=lease.environment,
        sync_id=lease.sync_id,
        ttl=IDLE_TTL,
        process=find_process(),
    )
    return replace(lease, token=setting.ledger.leases.acquire(request).token)
