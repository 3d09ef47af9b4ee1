"""Tells Airflow of the syncs that it did not see end: the ledger's outbox becomes asset events.

An event is posted and its outbox row marked in two places. What makes it once is looking first: the
event carries the sync's id and attempt, and one that Airflow has is only marked. Two that look at
the same time would both see none: whoever tells has a lease.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import tenacity

from connector_assets.airflow_api.client import AirflowClient, AirflowError
from connector_assets.airflow_api.runs import asset_name, find_run
from connector_assets.errors import LeaseHeld, TransientSyncError
from connector_assets.ledger.process import find_process
from connector_assets.ledger.records import Lease, LeaseRequest, OutboxRow, SyncRow, View
from connector_assets.lifecycle.setting import Setting

ROWS = 50
#: What was closed longer before Airflow was told for the first time is none of its business.
_BEFORE = timedelta(hours=1)
_ACTIVE = frozenset({"queued", "running"})
_NOT_FOUND, _BROKEN = 404, 500
#: Whose lease a teller has: no connector can be called so.
_TELLER = "airflow events"
#: Seconds that one sync may take to be told; that of a teller that died is free at once.
_TURN = 600.0
_LOOK_EVERY = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Ids of syncs: those that Airflow got an event of, and those that are left for later.

    Left are those that Airflow is still running, and those whose events it cannot list now.
    """

    posted: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def tell_airflow(
    setting: Setting, client: AirflowClient, *, limit: int = ROWS, wait: float = 0.0
) -> Told:
    """Post the events that Airflow lacks, oldest first, and mark what it knows.

    Somebody else who is at it is waited for, ``wait`` seconds long.

    A sync that did not end well has no event: the data is as it was. The streams of one that did
    have one each, as if Airflow had run it; its ``extra`` says ``here``.

    Raises:
        AirflowError: It does not answer, or refuses; what was posted before is marked.
        TransientSyncError: Somebody else is still telling it.
        LedgerUnreachable: The ledger does not answer.
    """
    with _take_turn(setting, wait=wait) as lease:
        return _tell_pending(setting, client, lease=lease, limit=limit)


def _tell_pending(setting: Setting, client: AirflowClient, *, lease: Lease, limit: int) -> Told:
    environment, outbox = setting.project.environment, setting.ledger.outbox
    outbox.begin(View.AIRFLOW, environment=environment, at=datetime.now(UTC) - _BEFORE)
    posted, left = [], []
    for row in outbox.pending(View.AIRFLOW, environment=environment, limit=limit):
        sync = setting.ledger.history.find(row.sync_id)
        try:
            running = _is_running(client, sync)
            told = not running and _tell(client, row, sync)
        except AirflowError as error:
            # Airflow 3.3.2 cannot list the events of an asset while a DAG run that one of them is
            # the reason of has not started: its answer wants a start date.
            if error.status < _BROKEN:
                raise
            running = True
        if running:
            left.append(sync.sync_id)
            continue
        if told:
            posted.append(sync.sync_id)
        outbox.mark_delivered(row, view=View.AIRFLOW)
        if not setting.ledger.leases.renew(lease, ttl=_TURN, process=find_process()):
            break
    return Told(posted=tuple(posted), left=tuple(left))


def find_unheard(setting: Setting) -> datetime | None:
    """Return until when a sync ended that Airflow is not to hear of; None where it hears of all.

    What it ran itself it knows all the same.
    """
    first = setting.ledger.outbox.began(View.AIRFLOW, environment=setting.project.environment)
    return None if first is None else first - _BEFORE


@contextmanager
def _take_turn(setting: Setting, *, wait: float) -> Iterator[Lease]:
    request = LeaseRequest(
        connector=_TELLER,
        environment=setting.project.environment,
        sync_id=uuid4().hex,
        ttl=_TURN,
        process=find_process(),
    )
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(LeaseHeld),
        stop=tenacity.stop_after_delay(wait),
        wait=tenacity.wait_fixed(_LOOK_EVERY),
        reraise=True,
    )
    try:
        lease = retrying(setting.ledger.leases.acquire, request)
    except LeaseHeld as held:
        raise TransientSyncError(
            "another process is telling Airflow",
            place=f"environment {request.environment}",
            fix="What it leaves, the next one tells: connectors bridge tell",
        ) from held
    try:
        yield lease
    finally:
        setting.ledger.leases.release(lease)


def _is_running(client: AirflowClient, sync: SyncRow) -> bool:
    found = find_run(sync.root_run_id)
    if found is None:
        return False
    try:
        return client.run(*found)["state"] in _ACTIVE
    except AirflowError as error:
        # Somebody deleted the run.
        if error.status == _NOT_FOUND:
            return False
        raise


def _tell(client: AirflowClient, row: OutboxRow, sync: SyncRow) -> bool:
    """Post an event for each stream of a good sync that Airflow has none of; True if one was."""
    if row.attempt != sync.attempt or sync.verdict is None or not sync.verdict.good:
        return False
    posted = False
    for counts in sync.result.get("streams", ()):
        asset = _find_asset(client, asset_name(sync.connector, counts["stream"]))
        if asset is None or _is_known(client, asset, sync):
            continue
        extra = {
            "source": "connector-assets",
            "sync_id": sync.sync_id,
            "attempt": sync.attempt,
            "verdict": str(sync.verdict),
            "fingerprint": sync.fingerprint,
            "rows": counts,
            "here": find_run(sync.root_run_id) is None,
        }
        client.ask("POST", "/assets/events", {"asset_id": asset, "extra": extra})
        posted = True
    return posted


def _is_known(client: AirflowClient, asset: int, sync: SyncRow) -> bool:
    wanted = (sync.sync_id, sync.attempt)
    extras = (event.get("extra") or {} for event in list_events(client, asset))
    return any((extra.get("sync_id"), extra.get("attempt")) == wanted for extra in extras)


def _find_asset(client: AirflowClient, name: str) -> int | None:
    """Return the number that Airflow gave an asset; None where no DAG has it."""
    asked = client.pages("/assets", of="assets", name_pattern=name)
    return next((int(one["id"]) for one in asked if one["name"] == name), None)


def list_events(client: AirflowClient, asset: int, *, limit: int = 50) -> list[dict[str, Any]]:
    """Return the last events of an asset, newest first."""
    asked = urlencode({"asset_id": asset, "order_by": "-timestamp", "limit": limit})
    found: list[dict[str, Any]] = client.ask("GET", f"/assets/events?{asked}")["asset_events"]
    return found
