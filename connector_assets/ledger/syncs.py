"""Syncs, their attempts, and the evidence each layer of an attempt recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connector_assets.errors import ConfigError
from connector_assets.ledger.database import Database, upsert
from connector_assets.ledger.history import to_sync
from connector_assets.ledger.outbox import announce
from connector_assets.ledger.records import Closing, NewSync
from connector_assets.ledger.tables import ATTEMPTS, EVIDENCE, SYNCS


class Syncs:
    """What was run, how far it came, and how it ended."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def open_attempt(self, new: NewSync) -> int:
        """Open the sync's next attempt (1, 2, ...) and return its number.

        The sync is inserted where it is absent, and open again where it was closed. Attempts
        before stay as they are.

        Raises:
            ConfigError: The sync id belongs to another connector or environment.
        """

        def work(connection: sa.Connection) -> int:
            upsert(connection, SYNCS, values=_first_values(new))
            row = _lock_sync(connection, new.sync_id)
            if (row.connector, row.environment) != (new.connector, new.environment):
                raise _taken(new, row)
            attempt = int(row.attempt) + 1
            connection.execute(
                SYNCS.update().where(SYNCS.c.sync_id == new.sync_id).values(_again(new, attempt))
            )
            connection.execute(ATTEMPTS.insert().values(_attempt_values(new, attempt)))
            return attempt

        return self._database.write(work)

    def record(self, sync_id: str, *, attempt: int, layer: str, payload: Mapping[str, Any]) -> None:
        """Write what one layer of an attempt saw; recording it again replaces it.

        Raises:
            ConfigError: The ledger has no such attempt.
        """

        def work(connection: sa.Connection) -> None:
            row = _find_attempt(connection, sync_id, attempt=attempt)
            values = {
                "sync_id": sync_id,
                "attempt": attempt,
                "layer": layer,
                "environment": row.environment,
                "payload": dict(payload),
                "recorded_at": datetime.now(UTC),
            }
            upsert(connection, EVIDENCE, values=values, update=("payload", "recorded_at"))

        self._database.write(work)

    def evidence(self, sync_id: str, *, attempt: int | None = None) -> dict[str, dict[str, Any]]:
        """Return the payloads of an attempt (by default the latest) by layer; empty if none."""
        latest = sa.select(SYNCS.c.attempt).where(SYNCS.c.sync_id == sync_id).scalar_subquery()
        query = sa.select(EVIDENCE.c.layer, EVIDENCE.c.payload).where(
            EVIDENCE.c.sync_id == sync_id,
            EVIDENCE.c.attempt == (latest if attempt is None else attempt),
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return {row.layer: row.payload for row in rows}

    def close(self, sync_id: str, *, attempt: int, closing: Closing) -> bool:
        """Write how an attempt ended and, in the same transaction, tell the outbox.

        Closing again with the same verdict writes nothing. Another verdict (an unknown that was
        settled later) replaces the first and is told again. An attempt that a newer one has
        superseded only gets its own verdict: the sync and the views follow the newest.

        Returns:
            Whether the views will be told.

        Raises:
            ConfigError: The ledger has no such attempt.
        """

        def work(connection: sa.Connection) -> bool:
            row = _lock_sync(connection, sync_id)
            known = _find_attempt(connection, sync_id, attempt=attempt)
            if known.verdict == closing.verdict:
                return False
            values = {
                "verdict": str(closing.verdict),
                "cause": closing.cause,
                "ended_at": closing.at,
            }
            connection.execute(
                ATTEMPTS.update()
                .where(ATTEMPTS.c.sync_id == sync_id, ATTEMPTS.c.attempt == attempt)
                .values(values)
            )
            if row.attempt != attempt:
                return False
            connection.execute(
                SYNCS.update()
                .where(SYNCS.c.sync_id == sync_id)
                .values({**values, "result": dict(closing.result)})
            )
            announce(connection, to_sync(row), closing=closing)
            return True

        return self._database.write(work)


def _lock_sync(connection: sa.Connection, sync_id: str) -> Any:
    query = sa.select(SYNCS).where(SYNCS.c.sync_id == sync_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise ConfigError(f"the ledger has no sync {sync_id!r}", fix="Run its start step first")
    return row


def _find_attempt(connection: sa.Connection, sync_id: str, *, attempt: int) -> Any:
    query = sa.select(ATTEMPTS).where(ATTEMPTS.c.sync_id == sync_id, ATTEMPTS.c.attempt == attempt)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise ConfigError(
            f"the ledger has no attempt {attempt} of sync {sync_id!r}",
            fix="Run its start step first",
        )
    return row


def _taken(new: NewSync, row: Any) -> ConfigError:
    return ConfigError(
        f"sync id {new.sync_id!r} belongs to connector {row.connector!r} in environment "
        f"{row.environment!r}, not to {new.connector!r} in {new.environment!r}",
        fix="Start the sync with an id of its own",
        connector=new.connector,
    )


def _again(new: NewSync, attempt: int) -> dict[str, Any]:
    return {
        "trigger": new.trigger,
        "root_run_id": new.root_run_id,
        "fingerprint": new.fingerprint,
        "destination": new.destination,
        "dataset": new.dataset,
        "engine": new.engine,
        "plan": dict(new.plan),
        "attempt": attempt,
        "started_at": new.at,
        "ended_at": None,
        "verdict": None,
        "cause": "",
        "result": {},
    }


def _first_values(new: NewSync) -> dict[str, Any]:
    own = {"sync_id": new.sync_id, "connector": new.connector, "environment": new.environment}
    return {**_again(new, 0), **own, "opened_at": new.at}


def _attempt_values(new: NewSync, attempt: int) -> dict[str, Any]:
    return {
        "sync_id": new.sync_id,
        "attempt": attempt,
        "environment": new.environment,
        "trigger": new.trigger,
        "root_run_id": new.root_run_id,
        "fingerprint": new.fingerprint,
        "started_at": new.at,
        "cause": "",
    }
