"""Holds what the gate blocked: the newest package of each connector, as long as there is room."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from connector_assets.artifacts import drop_package, keep_package, measure_package
from connector_assets.ledger.audit_records import HeldPackage, PackageStatus
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Retention


def hold(setting: Setting, row: SyncRow, gate: Mapping[str, Any]) -> None:
    """Keep a blocked package among the artifacts; doing it again changes nothing.

    It supersedes the connector's earlier one. Where all of them together are too old or too
    large, the oldest are dropped; never this one.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    packages = setting.ledger.packages
    package_id, folder = gate["package_id"], setting.folder_of(row)
    known = packages.of_sync(row.sync_id)
    if (known is not None and known.package_id == package_id) or not folder.package.exists():
        return
    artifacts = setting.project.artifacts
    try:
        place = keep_package(artifacts, folder.path, connector=row.connector, package_id=package_id)
        size = measure_package(place)
    except OSError as error:
        # The verdict stands; only a release is not possible: the source is to be read again.
        setting.observer.notes(f"the blocked package could not be kept: {error}")
        return
    held = HeldPackage(
        package_id=package_id,
        sync_id=row.sync_id,
        environment=row.environment,
        connector=row.connector,
        base_version=gate["base_version"],
        place=place,
        size=size,
        held_at=datetime.now(UTC),
    )
    superseded = packages.hold(held)
    drop_surplus(setting, newest=package_id)
    for older in superseded:
        with suppress(OSError):
            drop_package(older.place)


def find_surplus(
    held: list[HeldPackage], *, retention: Retention, now: datetime
) -> list[tuple[HeldPackage, str]]:
    """Return the packages that there is no room for any more, and which rule says so.

    ``held`` is in the order in which they were held; the newest ones stay.
    """
    oldest = now - timedelta(seconds=retention.age)
    surplus = []
    room = retention.size
    for one in reversed(held):
        room -= one.size
        if one.held_at < oldest:
            surplus.append((one, f"retention of {timedelta(seconds=retention.age)}"))
        elif room < 0:
            surplus.append((one, f"retention of {retention.size:,} bytes"))
    return surplus


def drop_surplus(setting: Setting, *, newest: str = "") -> list[HeldPackage]:
    """Drop the held packages that there is no room for any more, never ``newest``; return them.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    packages, project = setting.ledger.packages, setting.project
    held = packages.held(environment=project.environment)
    dropped = [
        one
        for one, who in find_surplus(held, retention=project.held, now=datetime.now(UTC))
        if one.package_id != newest
        and packages.settle(one.package_id, status=PackageStatus.DISCARDED, who=who)
    ]
    for one in dropped:
        with suppress(OSError):
            drop_package(one.place)
    return dropped
