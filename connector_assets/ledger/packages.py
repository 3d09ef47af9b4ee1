"""Held packages: at most one per connector, the newest."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connector_assets.ledger.audit_records import HeldPackage, PackageStatus
from connector_assets.ledger.audit_tables import PACKAGES
from connector_assets.ledger.database import Database, upsert


class Packages:
    """The packages that the gate blocked, and what became of them."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def hold(self, package: HeldPackage) -> list[HeldPackage]:
        """Hold a package; return those of the connector that it supersedes.

        The same package held again changes nothing.
        """

        def work(connection: sa.Connection) -> list[HeldPackage]:
            if not upsert(connection, PACKAGES, values=asdict(package)):
                return []
            query = _held(package.environment, package.connector).with_for_update()
            rows = connection.execute(query).all()
            older = [row for row in rows if row.package_id != package.package_id]
            for row in older:
                who = f"sync {package.sync_id}"
                _settle(connection, row.package_id, status=PackageStatus.SUPERSEDED, who=who)
            return [_to_package(row) for row in older]

        return self._database.write(work)

    def settle(self, package_id: str, *, status: PackageStatus, who: str) -> bool:
        """Note what became of a held package; True for the one caller that noted it."""

        def work(connection: sa.Connection) -> bool:
            return _settle(connection, package_id, status=status, who=who)

        return self._database.write(work)

    def approve(self, package_id: str, *, who: str) -> None:
        """Note who takes the rows of a held package as they are."""
        approved = (
            PACKAGES.update()
            .where(PACKAGES.c.package_id == package_id, PACKAGES.c.status == PackageStatus.HELD)
            .values(approved_by=who)
        )
        self._database.write(lambda connection: connection.execute(approved))

    def held(self, *, environment: str, connector: str | None = None) -> list[HeldPackage]:
        """Return the packages that wait for a decision, oldest first."""
        query = _held(environment, connector).order_by(PACKAGES.c.held_at)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [_to_package(row) for row in rows]

    def find(self, package_id: str) -> HeldPackage | None:
        """Return a package by its id, whatever became of it."""
        query = sa.select(PACKAGES).where(PACKAGES.c.package_id == package_id)
        row = self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _to_package(row)

    def of_sync(self, sync_id: str) -> HeldPackage | None:
        """Return the package that a sync left, whatever became of it."""
        query = sa.select(PACKAGES).where(PACKAGES.c.sync_id == sync_id)
        newest = query.order_by(PACKAGES.c.held_at.desc()).limit(1)
        row = self._database.read(lambda connection: connection.execute(newest).first())
        return None if row is None else _to_package(row)


def _held(environment: str, connector: str | None) -> sa.Select[Any]:
    query = sa.select(PACKAGES).where(
        PACKAGES.c.environment == environment, PACKAGES.c.status == PackageStatus.HELD
    )
    return query if connector is None else query.where(PACKAGES.c.connector == connector)


def _settle(connection: sa.Connection, package_id: str, *, status: PackageStatus, who: str) -> bool:
    settled = (
        PACKAGES.update()
        .where(PACKAGES.c.package_id == package_id, PACKAGES.c.status == PackageStatus.HELD)
        .values(status=str(status), settled_by=who, settled_at=datetime.now(UTC))
    )
    return connection.execute(settled).rowcount == 1


def _to_package(row: Any) -> HeldPackage:
    values = dict(row._mapping)
    return HeldPackage(**{**values, "status": PackageStatus(values["status"])})
