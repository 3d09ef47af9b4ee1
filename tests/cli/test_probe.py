"""``probe``: what it prints, its exit code, and which connectors it asks."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from .conftest import Run

pytestmark = pytest.mark.integration

BASE = """\
name: base
schedule: {cron: "0 2 * * *"}
engine: dlt
source: sql_database
config: {credentials: "sqlite:///base.sqlite"}
destination: file.base
streams:
  orders: {write: merge, primary_key: id}
"""


def execute(root: Path, *statements: str) -> None:
    with sqlite3.connect(root / "base.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.fixture
def base(project: Path) -> Path:
    """A project with a database beside the two connectors that cannot be reached."""
    (project / "connectors" / "base.yaml").write_text(BASE)
    execute(project, "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)")
    return project


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def write_lock(project: Path, **types: str) -> None:
    columns = {name: {"type": kind, "nullable": True} for name, kind in types.items()}
    stream = {"columns": columns, "primary_key": ["id"], "cursor": None}
    lock = {"version": 1, "connector": "base", "streams": {"orders": stream}}
    (project / "locks").mkdir(exist_ok=True)
    (project / "locks" / "base.json").write_text(json.dumps(lock))


def test_probe_says_what_it_looked_at_what_differs_and_what_to_do(run: Run, base: Path) -> None:
    write_lock(base, id="bigint", total="text", coupon="text")

    ran = run("probe", "base")

    headline, *rest = lines(ran.out)
    assert (ran.code, ran.err) == (6, "")
    assert headline.startswith("base reflection ")
    assert rest == [
        "where what policy",
        "orders.coupon column_removed: text warn",
        "orders.total type_changed: text -> bigint block",
        "next: connectors drift show base",
        "connectors approve base",
        "1 probed, 1 with drift",
    ]


def test_drift_that_a_probe_saw_is_shown_as_such(run: Run, base: Path) -> None:
    write_lock(base, id="bigint", total="text")
    run("probe", "base")

    shown = run("drift", "show", "base")
    (event,) = run("drift", "show", "base", "--json").json["events"]

    assert " by a probe" in shown.out
    assert event["first_sync_id"].startswith("probe-")
    assert (event["status"], event["seen"], event["policy"]) == ("open", 1, "block")


def test_probe_exits_as_the_next_sync_would(run: Run, base: Path) -> None:
    write_lock(base, id="bigint", total="bigint", coupon="text")
    warned = run("probe", "base", "--json")
    write_lock(base, id="bigint", total="bigint")
    same = run("probe", "base")

    (probe,) = warned.json["probes"]
    assert (warned.code, same.code) == (0, 0)
    assert (probe["look"], probe["rows"], probe["locked"], probe["error"]) == (
        "reflection",
        0,
        True,
        None,
    )
    assert [(one["stream"], one["column"], one["kind"]) for one in probe["findings"]] == [
        ("orders", "coupon", "column_removed")
    ]
    assert len(probe["opened"]) == 1
    assert "as it is expected to be" in same.out


def test_one_that_fails_stops_no_other_and_the_worst_is_the_exit_code(run: Run, base: Path) -> None:
    (base / "connectors" / "torn.yaml").write_text("name: torn\nengine: none\n")

    ran = run("probe", "--json")

    found = {one["connector"]: one for one in ran.json["probes"]}
    classes = {name: one["error"] and one["error"]["type"] for name, one in found.items()}
    assert classes == {"base": None, "shop": "CredentialError", "stock": "ConfigError"}
    assert {one["place"].partition(":")[0] for one in ran.json["errors"]} == {
        "connectors/torn.yaml"
    }
    assert ran.code == 3
    shown = lines(ran.err)
    assert "there is no lock to compare with" in shown
    assert any("CredentialError (action_required): " in line for line in shown)
    assert shown[-1].startswith("3 probed, 0 with drift, ")


def test_due_ones_are_asked_once_per_round_and_within_the_budget(run: Run, base: Path) -> None:
    first, second = (run("probe", "--due", "--json").json for _ in range(2))
    # The others were never probed: they come first, and one is asked whatever the budget.
    left = run("probe", "base", "stock", "shop", "--budget", "0.1", "--json")

    # Shop has a schedule too, and no secret.
    assert [one["connector"] for one in first["probes"]] == ["base", "shop"]
    assert second["probes"] == []
    assert [one["connector"] for one in left.json["probes"]] == ["stock"]
    assert left.json["left"] == ["base", "shop"]


def test_source_that_does_not_answer_in_time_is_transient(run: Run, base: Path) -> None:
    ran = run("probe", "base", "--timeout", "0.1", "--json")

    (probe,) = ran.json["probes"]
    assert (ran.code, probe["error"]["type"], probe["error"]["class"]) == (
        7,
        "EngineTimeout",
        "transient",
    )


def test_probe_of_a_connector_that_is_not_there_is_refused(run: Run, base: Path) -> None:
    ran = run("probe", "bse", "--json")

    assert ran.code == 3
    assert "Did you mean 'base'" in ran.error["fix"]
