"""When each connector was probed, and which streams its source listed then."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from connector_assets.ledger.audit_records import ProbeRecord
from connector_assets.ledger.audit_tables import PROBES
from connector_assets.ledger.database import Database, upsert


class Probes:
    """The last probe of each connector."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def save(self, probe: ProbeRecord) -> None:
        """Write a probe over the one before it; one that saw no list keeps the list."""
        values = asdict(probe) | {"offered": None if probe.offered is None else [*probe.offered]}
        changed = ["probe_id", "at", "failure", *(["offered"] if probe.offered is not None else [])]
        self._database.write(
            lambda connection: upsert(connection, PROBES, values=values, update=changed)
        )

    def last(self, *, environment: str) -> dict[str, ProbeRecord]:
        """Return the last probe of every connector that has had one, by its name."""
        query = sa.select(PROBES).where(PROBES.c.environment == environment)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return {row.connector: _to_probe(row) for row in rows}

    def forget(self, connector: str, *, environment: str) -> None:
        """Let a connector count as one that was never probed."""
        gone = PROBES.delete().where(
            PROBES.c.environment == environment, PROBES.c.connector == connector
        )
        self._database.write(lambda connection: connection.execute(gone).close())


def _to_probe(row: Any) -> ProbeRecord:
    values = dict(row._mapping)
    offered = values.pop("offered")
    return ProbeRecord(**values, offered=None if offered is None else tuple(offered))
