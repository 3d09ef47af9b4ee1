"""Ledgers as installations of each revision made them, with rows in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from connector_assets.ledger.database import Database
from connector_assets.ledger.revision import MIGRATIONS

AT = "2026-11-24 12:00:00.000000"
SYNC = {
    **dict.fromkeys(("connector", "dataset"), "shop"),
    "sync_id": "a1",
    "engine": "dlt",
    "environment": "prod",
    "destination": "lake",
    "trigger": "manual",
    "root_run_id": "r",
    "fingerprint": "f",
    "cause": "",
    "attempt": 1,
    "plan": '{"streams": ["orders"]}',
    "result": "{}",
    "verdict": "succeeded",
    **dict.fromkeys(("opened_at", "started_at", "ended_at"), AT),
}
STATE = {
    "environment": "prod",
    "connector": "shop",
    "version": 1,
    "state": '{"sources": {}}',
    "sync_id": "a1",
    "who": "manual",
    "why": "committed",
    "at": AT,
}
PACKAGE = {
    "package_id": "p1",
    "sync_id": "a1",
    "environment": "prod",
    "connector": "shop",
    "base_version": 0,
    "place": "/held",
    "size": 10,
    "status": "held",
    "held_at": AT,
    "settled_by": "",
}


def make_old(url: str, revision: str) -> None:
    """Make a ledger as an installation of a revision made it, with a sync, a state, a package."""

    def work(connection: sa.Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        tables = {"syncs": SYNC, "states": STATE}
        if revision >= "0002":
            tables["packages"] = PACKAGE
        for table, row in tables.items():
            columns = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), row)

    with Database(url) as database:
        database.write(work)
