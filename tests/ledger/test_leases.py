"""Leases: who gets one, who keeps one, and what the refused are told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector_assets.errors import LeaseHeld
from connector_assets.ledger.database import Database
from connector_assets.ledger.leases import Leases
from connector_assets.ledger.process import find_host, find_process, is_gone
from connector_assets.ledger.records import HolderProcess, Lease, LeaseRequest
from connector_assets.ledger.store import Ledger

ELSEWHERE = HolderProcess(host="elsewhere", pid=1, started=0.0)
Request = Callable[..., LeaseRequest]


@pytest.fixture
def running() -> Iterator[HolderProcess]:
    """A process of its own that does nothing until the test ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    yield find_process(process.pid)
    process.communicate()


@pytest.fixture
def ended() -> HolderProcess:
    """A process that is over."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    found = find_process(process.pid)
    process.communicate()
    return found


def test_acquire_refuses_a_second_sync_and_names_the_first(
    ledger: Ledger, request_for: Request, running: HolderProcess
) -> None:
    lease = ledger.leases.acquire(request_for("7f3a", process=running))

    with pytest.raises(LeaseHeld) as caught:
        ledger.leases.acquire(request_for("91bc"))

    assert f"sync 7f3a (host {running.host}, pid {running.pid}, since 2" in str(caught.value)
    assert caught.value.connector == "shop"
    assert (caught.value.holder.sync_id, caught.value.holder.process) == ("7f3a", running)
    assert caught.value.holder == ledger.leases.holder("shop", environment="prod")
    assert ledger.leases.holds(lease)


def test_acquire_by_the_same_sync_voids_its_earlier_lease(
    ledger: Ledger, request_for: Request
) -> None:
    first = ledger.leases.acquire(request_for())
    second = ledger.leases.acquire(request_for())

    assert second.token > first.token
    assert not ledger.leases.holds(first)
    assert not ledger.leases.renew(first, ttl=60, process=ELSEWHERE)
    assert not ledger.leases.release(first)
    assert ledger.leases.holds(second)


def test_acquire_takes_an_expired_lease_and_its_owner_has_it_no_more(
    ledger: Ledger, request_for: Request
) -> None:
    expired = ledger.leases.acquire(request_for("7f3a", ttl=0))
    assert not ledger.leases.renew(expired, ttl=60, process=ELSEWHERE)

    taken = ledger.leases.acquire(request_for("91bc"))

    assert taken.token > expired.token
    assert not ledger.leases.holds(expired)
    assert not ledger.leases.release(expired)
    assert ledger.leases.holds(taken)


def test_acquire_takes_the_lease_of_an_ended_process(
    ledger: Ledger, request_for: Request, ended: HolderProcess
) -> None:
    ledger.leases.acquire(request_for("7f3a", process=ended))
    assert ledger.leases.holder("shop", environment="prod") is None

    assert ledger.leases.acquire(request_for("91bc")).token == 2


def test_acquire_waits_for_a_process_of_another_host(
    ledger: Ledger, request_for: Request, ended: HolderProcess
) -> None:
    there = HolderProcess(host="elsewhere", pid=ended.pid, started=ended.started)
    ledger.leases.acquire(request_for("7f3a", process=there))

    with pytest.raises(LeaseHeld):
        ledger.leases.acquire(request_for("91bc"))


def test_leases_of_environments_are_apart(ledger: Ledger) -> None:
    for environment in ("dev", "prod"):
        lease = ledger.leases.acquire(
            LeaseRequest(
                connector="shop",
                environment=environment,
                sync_id=environment,
                ttl=60,
                process=ELSEWHERE,
            )
        )
        assert lease.token == 1


def test_renew_moves_the_lease_to_the_process_that_works(
    ledger: Ledger, request_for: Request, running: HolderProcess, ended: HolderProcess
) -> None:
    lease = ledger.leases.acquire(request_for(process=running, ttl=1))
    before = ledger.leases.holder("shop", environment="prod")

    assert ledger.leases.renew(lease, ttl=600, process=ELSEWHERE)

    after = ledger.leases.holder("shop", environment="prod")
    assert before is not None
    assert after is not None
    assert after.process == ELSEWHERE
    assert after.expires - before.expires > timedelta(seconds=500)
    assert after.since == before.since


def test_release_frees_the_lease_and_keeps_the_token(ledger: Ledger, request_for: Request) -> None:
    lease = ledger.leases.acquire(request_for("7f3a"))

    assert ledger.leases.release(lease)
    assert not ledger.leases.release(lease)
    assert not ledger.leases.renew(lease, ttl=60, process=ELSEWHERE)
    assert ledger.leases.holder("shop", environment="prod") is None
    assert ledger.leases.acquire(request_for("91bc")).token == lease.token + 1


def test_a_lease_nobody_ever_took_belongs_to_nobody(ledger: Ledger) -> None:
    lease = Lease(connector="none", environment="prod", sync_id="7f3a", token=1)

    assert not ledger.leases.holds(lease)
    assert not ledger.leases.release(lease)
    assert ledger.leases.holder("none", environment="prod") is None


def test_reused_pid_is_told_by_its_start_time(running: HolderProcess) -> None:
    assert running.started is not None
    earlier = HolderProcess(host=find_host(), pid=running.pid, started=running.started - 3600)

    assert is_gone(earlier)
    assert not is_gone(running)
    assert not is_gone(HolderProcess(host=find_host()))


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "renew", "release", "pass"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(min_value=1, max_value=20),
    ),
    max_size=25,
)


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    """A migrated database for leases with a clock of the test's own."""
    with Database(ledger_url) as opened:
        yield opened


class History:
    """Runs actions on one connector's lease under a clock that only ``pass`` moves."""

    def __init__(self, database: Database, connector: str) -> None:
        self.now = datetime(2026, 11, 24, tzinfo=UTC)
        self.leases = Leases(database, clock=self.clock)
        self.connector = connector
        self.granted: list[Lease] = []
        self.current: dict[str, Lease] = {}

    def clock(self, connection: sa.Connection) -> datetime:
        return self.now

    def act(self, action: str, sync_id: str, seconds: int) -> None:
        if action == "pass":
            self.now += timedelta(seconds=seconds)
        elif action == "acquire":
            self.acquire(sync_id, seconds)
        elif sync_id in self.current and action == "renew":
            self.leases.renew(self.current[sync_id], ttl=seconds, process=ELSEWHERE)
        elif sync_id in self.current:
            self.leases.release(self.current[sync_id])

    def acquire(self, sync_id: str, seconds: int) -> None:
        alive = self.alive()
        request = LeaseRequest(
            connector=self.connector,
            environment="prod",
            sync_id=sync_id,
            ttl=seconds,
            process=ELSEWHERE,
        )
        if any(held.sync_id != sync_id for held in alive):
            with pytest.raises(LeaseHeld):
                self.leases.acquire(request)
            return
        lease = self.leases.acquire(request)
        assert all(lease.token > before.token for before in self.granted)
        self.granted.append(lease)
        self.current[sync_id] = lease

    def alive(self) -> list[Lease]:
        return [lease for lease in self.granted if self.leases.holds(lease)]


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions=ACTIONS)
def test_leases_have_one_live_holder_and_growing_tokens(
    database: Database, actions: list[tuple[str, str, int]]
) -> None:
    history = History(database, connector=f"shop-{uuid4()}")

    for action in actions:
        history.act(*action)
        assert len(history.alive()) <= 1
