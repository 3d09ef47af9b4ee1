"""Held packages and batches: the newest is held, the last ones are usual."""

from __future__ import annotations

from datetime import timedelta

from connector_assets.ledger.audit_records import HeldPackage, PackageStatus, SeenBatch
from connector_assets.ledger.batches import KEPT
from connector_assets.ledger.store import Ledger
from tests.ledger.conftest import NOON


def package(number: int, *, connector: str = "shop") -> HeldPackage:
    return HeldPackage(
        package_id=f"p{number}",
        sync_id=f"s{number}",
        environment="prod",
        connector=connector,
        base_version=3,
        place=f"held/p{number}",
        size=1000,
        held_at=NOON + timedelta(hours=number),
    )


def test_newer_package_supersedes_the_older_one(ledger: Ledger) -> None:
    superseded = [ledger.packages.hold(package(number)) for number in (1, 2, 3)]

    assert [[one.package_id for one in older] for older in superseded] == [[], ["p1"], ["p2"]]
    held = ledger.packages.held(environment="prod", connector="shop")
    assert [one.package_id for one in held] == ["p3"]


def test_package_held_twice_supersedes_nothing(ledger: Ledger) -> None:
    ledger.packages.hold(package(1))

    assert ledger.packages.hold(package(1)) == []
    assert len(ledger.packages.held(environment="prod")) == 1


def test_package_is_released_once(ledger: Ledger) -> None:
    ledger.packages.hold(package(1))

    settled = [
        ledger.packages.settle("p1", status=PackageStatus.RELEASED, who="ada") for _ in range(2)
    ]

    assert settled == [True, False]
    found = ledger.packages.of_sync("s1")
    assert found is not None
    assert (found.status, found.settled_by) == (PackageStatus.RELEASED, "ada")


def batch(number: int, **filled: int) -> SeenBatch:
    return SeenBatch(
        sync_id=f"s{number}",
        stream="orders",
        environment="prod",
        connector="shop",
        rows=10,
        full=False,
        filled=filled,
        at=NOON + timedelta(minutes=number),
    )


def test_fill_of_a_column_counts_from_the_batch_it_first_came_in(ledger: Ledger) -> None:
    ledger.batches.save([batch(1, id=10)])
    ledger.batches.save([batch(2, id=10, coupon=3)])
    ledger.batches.save([batch(3, id=10)])

    filled = ledger.batches.filled("shop", environment="prod", stream="orders")

    assert filled == {"id": (30, 30), "coupon": (20, 3)}


def test_only_the_last_batches_are_kept(ledger: Ledger) -> None:
    for number in range(KEPT + 5):
        ledger.batches.save([batch(number, id=10)])

    last = ledger.batches.last("shop", environment="prod", stream="orders")

    assert len(last) == KEPT
    assert last[0].sync_id == f"s{KEPT + 4}"
