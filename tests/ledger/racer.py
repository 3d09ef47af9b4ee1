"""One of several processes that race for a ledger; run by the tests as a program."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from connector_assets.errors import LeaseHeld
from connector_assets.ledger.process import find_process
from connector_assets.ledger.records import Lease, LeaseRequest
from connector_assets.ledger.store import Ledger


def main(url: str, *, sync_id: str, folder: Path, rounds: int) -> None:
    """Wait for the start, open the ledger, enter the guarded section ``rounds`` times."""
    (folder / f"{sync_id}.ready").touch()
    while not (folder / "go").exists():
        time.sleep(0.005)
    with Ledger.open(url, wait=30) as ledger:
        tokens = [enter(ledger, sync_id=sync_id, folder=folder) for _ in range(rounds)]
    sys.stdout.write(json.dumps(tokens))


def enter(ledger: Ledger, *, sync_id: str, folder: Path) -> int:
    """Be alone in the guarded section once; a second process in it fails on the file."""
    lease = wait_for_lease(ledger, sync_id=sync_id)
    inside = folder / "inside"
    inside.touch(exist_ok=False)
    time.sleep(0.002)
    inside.unlink()
    assert ledger.leases.release(lease)
    return lease.token


def wait_for_lease(ledger: Ledger, *, sync_id: str) -> Lease:
    """Try until the lease is free."""
    request = LeaseRequest(
        connector="shop", environment="prod", sync_id=sync_id, ttl=60, process=find_process()
    )
    while True:
        try:
            return ledger.leases.acquire(request)
        except LeaseHeld:
            time.sleep(0.005)


if __name__ == "__main__":
    main(sys.argv[1], sync_id=sys.argv[2], folder=Path(sys.argv[3]), rounds=int(sys.argv[4]))
