"""What the ledger knows under a name becomes known under another one, in every table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector_assets.errors import StateDivergence
from connector_assets.ledger.audit_records import SeenBatch, SeenDrift
from connector_assets.ledger.database import Database
from connector_assets.ledger.drift import identify_drift
from connector_assets.ledger.records import LeaseRequest, NewSync, StateVersion
from connector_assets.ledger.renames import Rename, list_tables
from connector_assets.ledger.store import Ledger
from connector_assets.ledger.tables import LEASES, METADATA, SYNCS, UtcDateTime
from connector_assets.model import DriftKind, DriftPolicy
from tests.ledger.conftest import NOON

TO_STORE = Rename(connector="store", environment="prod", formerly="shop")
STREAMS = Rename(
    connector="shop",
    environment="prod",
    formerly="shop",
    streams={"orders": "purchases", "orders__lines": "purchases__lines"},
)


def value_of(column: sa.Column[Any], *, connector: str) -> Any:
    """Return something that fits into a column."""
    named = {"environment": "prod", "connector": connector, "sync_id": "s1", "stream": "orders"}
    if column.name in named:
        return named[column.name]
    if isinstance(column.type, UtcDateTime):
        return NOON
    if isinstance(column.type, sa.JSON):
        return {}
    return "x" if isinstance(column.type, sa.Text) else 1


def fill(url: str, *, connector: str) -> set[str]:
    """Put a row into every table that knows connectors by name; return those tables."""
    tables = [one for one in METADATA.sorted_tables if "connector" in one.c]
    with Database(url) as database:
        for table in tables:
            values = {one.name: value_of(one, connector=connector) for one in table.c}
            database.write(lambda c, t=table, v=values: c.execute(t.insert().values(v)).close())  # type: ignore[misc] # bound now
    return {one.name for one in tables}


def names_in(url: str) -> dict[str, list[str]]:
    """Return the names of connectors by table."""
    with Database(url) as database:
        return {
            table.name: database.read(
                lambda c, t=table: list(c.execute(sa.select(t.c.connector)).scalars())  # type: ignore[misc] # bound now
            )
            for table in METADATA.sorted_tables
            if "connector" in table.c
        }


def test_every_table_with_a_connector_follows_but_the_leases(
    ledger: Ledger, ledger_url: str
) -> None:
    filled = fill(ledger_url, connector="shop")
    assert {"syncs", "states", "leases", "alerts", "pauses", "packages", "probes"} <= filled

    assert ledger.renames.knows("shop", environment="prod")
    ledger.renames.follow(TO_STORE)
    ledger.renames.follow(TO_STORE)

    expected = {name: ["store"] for name in filled} | {LEASES.name: ["shop"]}
    assert names_in(ledger_url) == expected
    assert not ledger.renames.knows("shop", environment="prod")
    assert {one.name for one in list_tables("connector")} == filled - {LEASES.name}


def test_other_connectors_and_environments_stay(ledger: Ledger, ledger_url: str) -> None:
    fill(ledger_url, connector="shop")

    ledger.renames.follow(Rename(connector="store", environment="dev", formerly="shop"))
    ledger.renames.follow(Rename(connector="store", environment="prod", formerly="shops"))

    assert all(found == ["shop"] for found in names_in(ledger_url).values())


def test_history_of_a_name_goes_on_under_the_next_one(ledger: Ledger) -> None:
    ledger.states.append(version_of("shop", 1))

    ledger.renames.follow(TO_STORE, version=version_of("store", 2))

    versions = ledger.states.versions("store", environment="prod")
    assert [one.version for one in versions] == [2, 1]
    assert ledger.states.latest("shop", environment="prod") is None


def test_what_stands_once_for_a_connector_is_that_of_the_old_name(ledger: Ledger) -> None:
    ledger.offers.save("shop", environment="prod", streams=["orders"])
    ledger.offers.save("store", environment="prod", streams=["orders", "new"])

    ledger.renames.follow(TO_STORE)

    assert ledger.offers.find("store", environment="prod") == ["orders"]


def test_two_names_with_states_are_refused_and_nothing_is_changed(
    ledger: Ledger, ledger_url: str
) -> None:
    fill(ledger_url, connector="shop")
    ledger.states.append(version_of("store", 1))

    with pytest.raises(StateDivergence, match="states of shop and of store"):
        ledger.renames.follow(TO_STORE)

    assert names_in(ledger_url)[SYNCS.name] == ["shop"]


def test_token_of_a_lease_does_not_go_back(ledger: Ledger, request_for: Any) -> None:
    first = ledger.leases.acquire(request_for("s1"))
    ledger.leases.release(first)

    ledger.renames.follow(TO_STORE)

    asked: LeaseRequest = request_for("s2")
    assert ledger.leases.acquire(asked).token == first.token + 1


def test_stream_has_what_was_known_of_it_and_of_its_child_tables(ledger: Ledger) -> None:
    for stream in ("orders", "orders__lines", "customers"):
        ledger.batches.save([batch_of("s1", stream)])
        ledger.drift.see([drift_of(stream)])
    ledger.offers.save("shop", environment="prod", streams=["orders", "customers"])
    assert ledger.renames.streams("shop", environment="prod") == {
        "orders",
        "orders__lines",
        "customers",
    }

    ledger.renames.follow(STREAMS)

    now = {"purchases", "purchases__lines", "customers"}
    assert ledger.renames.streams("shop", environment="prod") == now
    # What the gate then sees of it is the same event.
    assert ledger.drift.see([drift_of("purchases"), drift_of("purchases__lines")]) == []
    offered = ledger.offers.find("shop", environment="prod")
    assert offered == ["customers", "orders", "purchases"]


def test_sync_that_knew_both_streams_keeps_what_it_knew_of_the_old_one(ledger: Ledger) -> None:
    ledger.batches.save([batch_of("s1", "orders", rows=5), batch_of("s1", "purchases", rows=0)])

    ledger.renames.follow(STREAMS)

    (found,) = ledger.batches.last("shop", environment="prod", stream="purchases")
    assert found.rows == 5


def version_of(connector: str, version: int) -> StateVersion:
    return StateVersion(
        connector=connector,
        environment="prod",
        version=version,
        state={},
        sync_id=None,
        who="ann",
        why="",
        at=NOON + timedelta(hours=version),
    )


def batch_of(sync_id: str, stream: str, *, rows: int = 1) -> SeenBatch:
    return SeenBatch(
        sync_id=sync_id,
        stream=stream,
        environment="prod",
        connector="shop",
        rows=rows,
        full=True,
        filled={},
        at=NOON,
    )


def drift_of(stream: str) -> SeenDrift:
    about: Any = {"stream": stream, "column": ("note",), "old": None, "new": "text"}
    return SeenDrift(
        environment="prod",
        connector="shop",
        kind=DriftKind.COLUMN_ADDED,
        policy=DriftPolicy.BLOCK,
        identity=identify_drift(**about, kind="column_added"),
        sync_id="s1",
        at=NOON,
        **about,
    )


def test_syncs_of_both_names_are_one_history(ledger: Ledger, new_sync: Any) -> None:
    for number, name in enumerate(("shop", "store")):
        opened: NewSync = new_sync(f"s{number}", connector=name, hour=number)
        ledger.syncs.open_attempt(opened)

    ledger.renames.follow(TO_STORE)

    rows = ledger.history.recent(environment="prod", connector="store")
    assert [row.sync_id for row in rows] == ["s1", "s0"]
