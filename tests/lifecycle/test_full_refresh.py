"""A full refresh: from the beginning into emptied tables, or everything as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions, steps
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import load_project

pytestmark = pytest.mark.integration
DESTINATIONS = {
    "duckdb": "{type: duckdb, path: data/warehouse.duckdb}",
    "ducklake": '{type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}',
}
PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, write: %(write)s, primary_key: id, retries: {max: 0}}
destinations: {warehouse: %(destination)s}
"""
CONNECTOR = """\
name: shop
%s
destination: warehouse.shop_data
streams: {orders: {%s}, customers: {%s}}
"""
ENGINES = {
    "meltano": "engine: meltano\nsource: tap-well-behaved\nconfig: {streams_file: rows.json}",
    "dlt": "engine: dlt\nsource: python:rows_source:source\nconfig: {write: %s}",
}
# Keeps a position of its own beside those of its streams, as some sources do.
SOURCE = """\
import json, pathlib
import dlt

def table(name, write):
    @dlt.resource(name=name)
    def rows():
        state = dlt.current.source_state()
        began = state.get(f"{name}_until", 0)
        last = json.loads(pathlib.Path("rows.json").read_text())[name]
        state[f"{name}_until"] = last
        pathlib.Path(f"{name}.began").write_text(str(began))
        for number in range(1, last + 1):
            if number == 7:
                raise ValueError("the source is odd")
            yield {"id": number, "lines": [{"line": 1}, {"line": 2}]}
    if write != "replace":
        rows.apply_hints(incremental=dlt.sources.incremental("id", initial_value=0))
    return rows

def source(write):
    names = json.loads(pathlib.Path("rows.json").read_text())
    return [table(name, write) for name in names]
"""


class Shop:
    """The project, synced when its source has so many rows in each stream."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self.root, self.ledger = root, ledger

    @property
    def setting(self) -> Setting:
        return Setting(project=load_project(self.root), ledger=self.ledger)

    def write(self, *, engine: str, destination: str = "duckdb", write: str = "append") -> None:
        values = {"write": write, "destination": DESTINATIONS[destination]}
        (self.root / "connectors.yaml").write_text(PROJECT % values)
        how = ENGINES[engine].replace("%s", write)
        cursor = "" if write == "replace" else "cursor: id"
        connector = CONNECTOR % (how, cursor, cursor)
        (self.root / "connectors" / "shop.yaml").write_text(connector)

    def offer(self, rows: int, *, names: Sequence[str] = ("orders", "customers")) -> None:
        (self.root / "rows.json").write_text(json.dumps(dict.fromkeys(names, rows)))

    def sync(self, *streams: str, rows: int | None = None, full_refresh: bool = False) -> SyncRow:
        if rows is not None:
            self.offer(rows)
        request = StartRequest(root_run_id=uuid4().hex, streams=streams, full_refresh=full_refresh)
        setting = self.setting
        return run_sync(setting, setting.project.connector("shop"), request=request)

    def ask(self, sql: str) -> list[Any]:
        with connected(self.setting.project.destination("warehouse"), secrets={}) as connection:
            return [row[0] for row in connection.execute(sql).fetchall()]

    def ids(self, stream: str = "orders") -> list[int]:
        return self.ask(f"SELECT id FROM shop_data.{stream} ORDER BY id")

    def content(self) -> tuple[Any, ...]:
        """Return what a sync that fails leaves as it was."""
        versions = self.ledger.states.versions("shop", environment="dev")
        tables = (self.ids("orders"), self.ids("customers"))
        return tables, self.ask("SELECT state_version FROM shop_data._connectors_state"), versions


@pytest.fixture
def shop(tmp_path: Path, declare_taps: Callable[[Path], None]) -> Iterator[Shop]:
    (tmp_path / "meltano.yml").write_text("default_environment: dev\n")
    declare_taps(tmp_path)
    (tmp_path / "connectors").mkdir()
    (tmp_path / "rows_source.py").write_text(SOURCE)
    with Ledger.open(f"sqlite:///{tmp_path / '.connectors' / 'ledger.db'}") as ledger:
        yield Shop(tmp_path, ledger)


@pytest.mark.parametrize("write", ["append", "merge", "replace"])
@pytest.mark.parametrize("destination", DESTINATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_refresh_replaces_what_the_tables_hold_and_the_next_sync_goes_on(
    shop: Shop, engine: str, destination: str, write: str
) -> None:
    shop.write(engine=engine, destination=destination, write=write)
    shop.sync(rows=5)

    # Fewer than before: what the source has not any more goes too.
    row = shop.sync(rows=4, full_refresh=True)
    held = shop.ids()
    after = shop.sync(rows=6)

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert held == [1, 2, 3, 4]
    assert row.result["full_refresh"] == ["orders", "customers"]
    counts = row.result["streams"][0]
    assert counts["total"] == counts["in_destination"] == counts["staged"] == 4
    assert after.verdict is Verdict.SUCCEEDED, after.cause
    assert after.result["streams"][0]["staged"] == (6 if write == "replace" else 2)
    assert shop.ids() == [1, 2, 3, 4, 5, 6]
    states = shop.ledger.states.versions("shop", environment="dev")
    assert [one.why.partition(", ")[2] for one in states] == [
        "",
        "a full refresh of orders, customers",
        "",
    ]


def test_refresh_empties_child_tables_and_what_the_source_keeps_beside(shop: Shop) -> None:
    shop.write(engine="dlt")
    shop.sync(rows=5)

    shop.sync(rows=4, full_refresh=True)

    assert shop.ask("SELECT count(*) FROM shop_data.orders__lines") == [8]
    assert (shop.root / "orders.began").read_text() == "0"


@pytest.mark.parametrize("engine", ENGINES)
def test_refresh_of_one_stream_leaves_the_others_and_their_positions(
    shop: Shop, engine: str
) -> None:
    shop.write(engine=engine)
    shop.sync(rows=3)

    row = shop.sync("orders", rows=2, full_refresh=True)
    positions = shop.ledger.states.versions("shop", environment="dev")[0].state
    after = shop.sync(rows=5)

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert row.result["full_refresh"] == ["orders"]
    assert row.result["cursors"] == {"orders": 2}
    assert "customers" in json.dumps(positions)
    assert [each["staged"] for each in after.result["streams"]] == [3, 2]
    assert shop.ids("orders") == shop.ids("customers") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_refresh_that_fails_leaves_everything_as_it_was(shop: Shop, destination: str) -> None:
    shop.write(engine="dlt", destination=destination)
    shop.sync(rows=5)
    before = shop.content()

    row = shop.sync(rows=7, full_refresh=True)

    assert row.verdict is Verdict.FAILED
    assert shop.content() == before
    assert shop.sync(rows=6).result["streams"][0]["staged"] == 1


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("last_load_job:kill", Verdict.FAILED),
        ("before_commit:kill", Verdict.FAILED),
        ("after_commit:kill", Verdict.SUCCEEDED),
    ],
)
@pytest.mark.parametrize("destination", DESTINATIONS)
def test_refresh_that_is_killed_around_its_commit_is_whole_or_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, destination: str, fault: str, verdict: Verdict
) -> None:
    shop.write(engine="dlt", destination=destination)
    shop.sync(rows=5)
    before = shop.content()
    monkeypatch.setenv("CONNECTORS_FAULT", fault)

    row = shop.sync(rows=4, full_refresh=True)
    monkeypatch.delenv("CONNECTORS_FAULT")

    assert row.verdict is verdict, row.cause
    held = shop.ids()
    assert held == ([1, 2, 3, 4, 5] if verdict is Verdict.FAILED else [1, 2, 3, 4])
    assert (shop.content() == before) is (verdict is Verdict.FAILED)
    assert shop.sync(rows=6).result["streams"][0]["staged"] == 6 - len(held)


@pytest.mark.parametrize("engine", ENGINES)
def test_refresh_of_an_empty_source_is_blocked(shop: Shop, engine: str) -> None:
    shop.write(engine=engine)
    shop.sync(rows=5)
    before = shop.content()

    row = shop.sync(rows=0, full_refresh=True)

    assert row.verdict is Verdict.BLOCKED
    assert "orders is empty, and would empty a table of 5 rows" in row.cause
    assert shop.content() == before
    assert shop.sync(rows=6).result["streams"][0]["staged"] == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_refresh_of_a_stream_that_the_source_lost_leaves_its_table(shop: Shop, engine: str) -> None:
    shop.write(engine=engine)
    shop.sync(rows=5)
    before = shop.content()
    shop.offer(5, names=["orders"])

    row = shop.sync(full_refresh=True)
    others = shop.sync("orders", full_refresh=True)

    assert row.verdict is Verdict.FAILED
    assert "cannot be read from the beginning" in row.cause
    assert shop.content()[0] == before[0]
    assert others.verdict is Verdict.SUCCEEDED, others.cause


def test_refresh_that_was_committed_is_not_loaded_again(shop: Shop) -> None:
    shop.write(engine="dlt")
    shop.sync(rows=5)
    shop.offer(4)
    setting = shop.setting
    connector = setting.project.connector("shop")
    request = StartRequest(root_run_id="run", full_refresh=True)
    started = steps.start(setting, connector, request=request)
    steps.run(setting, started.sync_id)
    # As if the engine's answer had been lost: the next try finds the package sealed.
    for layer in ("load", "gate", "extract"):
        setting.ledger.syncs.record(started.sync_id, attempt=1, layer=layer, payload={})
    setting.folder_of(setting.ledger.history.find(started.sync_id)).result.unlink()
    setting.ledger.syncs.record(
        started.sync_id, attempt=1, layer="load", payload={"cancelled": True}
    )

    steps.run(setting, started.sync_id)
    steps.finalize(setting, started.sync_id)
    row = steps.status(setting, started.sync_id)

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert shop.ids() == [1, 2, 3, 4]
    assert shop.ask("SELECT count(*) FROM shop_data._connectors_loads") == [2]


def test_new_attempt_of_a_refresh_is_one_too(shop: Shop) -> None:
    shop.write(engine="dlt")
    shop.sync(rows=5)
    setting = shop.setting
    connector = setting.project.connector("shop")
    shop.offer(7)
    request = StartRequest(root_run_id="run", full_refresh=True)
    run_sync(setting, connector, request=request)
    shop.offer(4)

    row = run_sync(setting, connector, request=StartRequest(root_run_id="run"))

    assert (row.attempt, row.verdict) == (2, Verdict.SUCCEEDED)
    assert shop.ids() == [1, 2, 3, 4]


def test_blocked_refresh_that_is_released_empties_the_tables(shop: Shop) -> None:
    shop.write(engine="dlt")
    shop.sync(rows=5)
    blocked = shop.sync(rows=0, full_refresh=True)

    decisions.approve(shop.setting, "shop", who="me")
    row = decisions.release(shop.setting, blocked.sync_id, who="me")

    assert row.result["full_refresh"] == ["orders", "customers"]
    assert shop.ids() == []
