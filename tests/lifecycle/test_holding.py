"""Which held packages there is no room for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector_assets.ledger.audit_records import HeldPackage
from connector_assets.lifecycle.holding import find_surplus
from connector_assets.model import Retention

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def held(name: str, *, days: float, size: int) -> HeldPackage:
    return HeldPackage(
        package_id=name,
        sync_id=name,
        environment="dev",
        connector=name,
        base_version=1,
        place=name,
        size=size,
        held_at=NOW - timedelta(days=days),
    )


def names(packages: list[HeldPackage], *, age: float = 86_400, size: int = 100) -> list[str]:
    retention = Retention(age=age, size=size)
    return [one.package_id for one, _ in find_surplus(packages, retention=retention, now=NOW)]


def test_old_packages_are_surplus() -> None:
    assert names([held("old", days=1.1, size=1), held("new", days=0.9, size=1)]) == ["old"]


def test_oldest_are_surplus_where_all_are_too_large() -> None:
    packages = [held("a", days=0.3, size=40), held("b", days=0.2, size=40)]

    assert names(packages) == []
    assert names([*packages, held("c", days=0.1, size=40)]) == ["a"]


def test_each_surplus_names_its_rule() -> None:
    packages = [held("old", days=20, size=1), held("big", days=0, size=200)]

    surplus = find_surplus(packages, retention=Retention(size=100), now=NOW)

    assert [why for _, why in surplus] == [
        "retention of 100 bytes",
        "retention of 14 days, 0:00:00",
    ]
