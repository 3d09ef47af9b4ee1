"""What is usual for a stream: rows and filled columns of its last batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from connector_assets.ledger.audit_records import SeenBatch
from connector_assets.ledger.audit_tables import BATCHES
from connector_assets.ledger.database import Database, upsert

#: Batches of a stream that count, and that are kept.
KEPT = 100


class Batches:
    """The last batches of each stream that were loaded."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def save(self, batches: Sequence[SeenBatch]) -> None:
        """Write what a sync loaded, once per sync and stream; drop what is older than the last."""

        def work(connection: sa.Connection) -> None:
            for one in batches:
                values = asdict(one) | {"filled": dict(one.filled)}
                if upsert(connection, BATCHES, values=values):
                    _drop_old(connection, one)

        self._database.write(work)

    def forget(self, sync_id: str) -> None:
        """Let what a sync loaded count no more: it was taken back."""
        gone = BATCHES.delete().where(BATCHES.c.sync_id == sync_id)
        self._database.write(lambda connection: connection.execute(gone))

    def forget_all(self, connector: str, *, environment: str) -> None:
        """Let nothing that a connector loaded count any more: it was removed with its tables."""
        gone = BATCHES.delete().where(
            BATCHES.c.environment == environment, BATCHES.c.connector == connector
        )
        self._database.write(lambda connection: connection.execute(gone))

    def last(self, connector: str, *, environment: str, stream: str) -> list[SeenBatch]:
        """Return the last batches of a stream, newest first."""
        query = _of(connector, environment, stream).order_by(BATCHES.c.at.desc()).limit(KEPT)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [SeenBatch(**row._mapping) for row in rows]

    def filled(
        self, connector: str, *, environment: str, stream: str
    ) -> dict[str, tuple[int, int]]:
        """Return per column (rows, rows with a value), counted from the batch it first came in.

        A later batch without the column counts with all its rows: that is what sparse means.
        """
        rows: Counter[str] = Counter()
        filled: Counter[str] = Counter()
        for batch in reversed(self.last(connector, environment=environment, stream=stream)):
            filled.update(batch.filled)
            for column in filled:
                rows[column] += batch.rows
        return {column: (rows[column], filled[column]) for column in filled}


def _of(connector: str, environment: str, stream: str) -> sa.Select[Any]:
    return sa.select(BATCHES).where(
        BATCHES.c.environment == environment,
        BATCHES.c.connector == connector,
        BATCHES.c.stream == stream,
    )


def _drop_old(connection: sa.Connection, batch: SeenBatch) -> None:
    newest = _of(batch.connector, batch.environment, batch.stream).order_by(BATCHES.c.at.desc())
    oldest = connection.execute(newest.offset(KEPT - 1).limit(1)).first()
    if oldest is not None:
        connection.execute(
            BATCHES.delete().where(
                BATCHES.c.environment == batch.environment,
                BATCHES.c.connector == batch.connector,
                BATCHES.c.stream == batch.stream,
                BATCHES.c.at < oldest.at,
            )
        )
