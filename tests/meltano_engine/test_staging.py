"""What a tap sends is staged: rows, state, and nothing of what was not asked for."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from connector_assets.errors import ConfigError

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration

ORDERS = stream("orders", cursor="id", primary_key=("id",))


def test_stage_returns_the_manifest_and_stages_every_row(bench: Bench) -> None:
    declared = connector("tap-well-behaved", ORDERS)

    manifest = bench.stage(declared)

    assert manifest["state_seen"] is True
    assert list(manifest["streams"]) == ["orders"]
    orders = manifest["streams"]["orders"]
    assert (orders["table"], orders["emitted"], orders["staged"]) == ("orders", 10, 10)
    rows = bench.rows(declared, "orders")
    assert [row["id"] for row in rows] == list(range(1, 11))
    assert (rows[4]["name"], str(rows[4]["price"])) == ("orders 5", "0.05")


def test_stage_hands_over_the_state_and_stages_the_new_one(bench: Bench) -> None:
    declared = connector("tap-well-behaved", ORDERS)
    state = bench.write_state({"bookmarks": {"orders": {"id": 7}}})

    manifest = bench.stage(declared, state=state)

    assert manifest["streams"]["orders"]["emitted"] == 3
    assert [row["id"] for row in bench.rows(declared, "orders")] == [8, 9, 10]
    assert bench.state(declared)["bookmarks"]["orders"]["id"] == 10


def test_stage_with_nothing_new_stages_the_state_and_no_row(bench: Bench) -> None:
    declared = connector("tap-well-behaved", ORDERS)
    state = bench.write_state({"bookmarks": {"orders": {"id": 10}}})

    manifest = bench.stage(declared, state=state)

    orders = manifest["streams"]["orders"]
    assert (orders["emitted"], orders["staged"], manifest["state_seen"]) == (0, 0, True)
    assert bench.state(declared)["bookmarks"]["orders"]["id"] == 10


def test_stage_takes_several_streams_each_by_its_own_method(bench: Bench) -> None:
    customers = stream("customers", config={"view-key-properties": ["id"]})
    declared = connector("tap-well-behaved", ORDERS, customers)
    state = bench.write_state({"bookmarks": {"orders": {"id": 9}, "customers": {"id": 4}}})

    manifest = bench.stage(declared, state=state)

    counts = {name: entry["emitted"] for name, entry in manifest["streams"].items()}
    assert counts == {"orders": 1, "customers": 5}
    facts = bench.state(declared)["facts"]
    assert facts["orders"]["replication-key"] == "id"
    assert facts["orders"]["replication-method"] == "INCREMENTAL"
    assert facts["customers"]["replication-method"] == "FULL_TABLE"
    assert facts["customers"]["view-key-properties"] == ["id"]


def test_stage_selects_streams_whatever_their_names_are(bench: Bench) -> None:
    names = ("public-orders", "shop.orders", "a[b]*", "Ünï codé")
    offered = {**dict.fromkeys(names, 2), "ab": 3, "publicxorders": 3, "shopxorders": 3}
    (bench.root / "streams.json").write_text(json.dumps(offered))
    streams = (stream(name, table=f"wanted_{at}", cursor="id") for at, name in enumerate(names))
    declared = connector("tap-well-behaved", *streams, config={"streams_file": "streams.json"})

    manifest = bench.stage(declared)

    emitted = {name: entry["emitted"] for name, entry in manifest["streams"].items()}
    assert emitted == dict.fromkeys(names, 2)
    facts = bench.state(declared)["facts"]
    assert [facts[name]["replication-key"] for name in names] == ["id"] * 4


def test_stage_refuses_a_stream_that_the_tap_does_not_offer(bench: Bench) -> None:
    declared = connector("tap-well-behaved", ORDERS, stream("custmers", line=12))

    with pytest.raises(ConfigError, match="offers no stream 'custmers'") as caught:
        bench.stage(declared)

    error = caught.value
    assert (error.connector, error.stream) == ("shop", "custmers")
    assert error.place == "connectors/shop.yaml:12"
    assert error.fix == "Did you mean 'customers'? Valid: customers, orders."


def test_stage_refuses_a_stream_not_offered_before_the_others_are_read(bench: Bench) -> None:
    config = {"streams": {"orders": 100_000}, "pause": 600}
    declared = connector("tap-well-behaved", stream("orders"), stream("b"), config=config)

    with pytest.raises(ConfigError, match="offers no stream 'b'"):
        bench.stage(declared)


def test_stage_refuses_a_cursor_that_the_stream_does_not_have(bench: Bench) -> None:
    declared = connector("tap-well-behaved", stream("orders", cursor="update_at"))

    with pytest.raises(ConfigError, match="'update_at' is no property") as caught:
        bench.stage(declared)

    assert "Did you mean 'updated_at'?" in caught.value.fix


def test_two_connectors_of_one_tap_run_at_once(bench: Bench) -> None:
    found: dict[str, dict[str, Any]] = {}

    def run(name: str, rows: int) -> None:
        config = {"streams": {"orders": rows}, "pause": 0.5}
        found[name] = Bench(bench.root).stage(
            connector("tap-well-behaved", ORDERS, name=name, config=config)
        )

    threads = [
        threading.Thread(target=run, args=(name, rows))
        for name, rows in (("one", 150), ("two", 250))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    emitted = {name: each["streams"]["orders"]["emitted"] for name, each in found.items()}
    assert emitted == {"one": 150, "two": 250}


def test_connector_target_starts_whatever_the_project_calls_its_files(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "dlt", "pyarrow", "connector_assets", "sitecustomize"):
        (bench.root / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    hidden = bench.root / "hidden"
    hidden.mkdir()
    (hidden / "orjson.py").write_text("raise SystemExit('the wrong module')\n")
    monkeypatch.setenv("PYTHONPATH", str(hidden))

    manifest = bench.stage(connector("tap-well-behaved", ORDERS))

    assert manifest["streams"]["orders"]["staged"] == 10


def test_the_work_folder_of_a_package_may_have_spaces(bench: Bench, tmp_path: Path) -> None:
    inner = tmp_path / "a b" / "c'd"
    inner.mkdir(parents=True)
    bench.root.rename(inner / "project")

    manifest = Bench(inner / "project").stage(connector("tap-well-behaved", ORDERS))

    assert manifest["streams"]["orders"]["staged"] == 10
