"""``connectors state`` in the ledger: versions, who made them, what differs; files and refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector_assets.ledger.records import StateVersion
from connector_assets.ledger.store import Ledger

from .conftest import Run

AT = datetime(2026, 11, 22, 1, 58, tzinfo=UTC)


def keep(orders: Any, stores: Any = None) -> dict[str, Any]:
    """Return dlt's state with the positions of two streams."""
    known = {"orders": orders, "stores": stores}
    resources = {
        name: {"incremental": {"updated_at": {"last_value": value, "unique_hashes": []}}}
        for name, value in known.items()
        if value is not None
    }
    return {"_state_version": 1, "sources": {"shop": {"resources": resources}}}


@pytest.fixture
def versions(ledger: Ledger) -> None:
    """Three versions of a state, the last one by hand."""
    states = [keep("\uf0272026-11-01T00:00:00+00:00"), keep("\uf0272026-11-02T00:00:00+00:00", 4)]
    for number, state in enumerate([*states, states[0]], start=1):
        ledger.states.append(
            StateVersion(
                connector="shop",
                environment="dev",
                version=number,
                state=state,
                sync_id=f"a41f0000000{number}" if number < 3 else None,
                who="schedule" if number < 3 else "ada@laptop",
                why="committed" if number < 3 else "rows were wrong [#7] (restored from version 1)",
                at=AT,
            )
        )


@pytest.mark.usefixtures("versions")
def test_log_names_who_changed_what_and_why(run: Run) -> None:
    told = run("state", "log", "shop")
    of_stores = run("state", "log", "shop", "--stream", "stores", "--json").json
    newest = run("state", "log", "shop", "--limit", 1, "--json").json

    first = told.out.splitlines()[1].split()
    assert (first[0], first[3], first[4:6]) == ("3", "ada@laptop", ["orders,", "stores"])
    assert told.out.splitlines()[1].endswith("rows were wrong [#7] (restored from version 1)")
    assert [one["version"] for one in of_stores] == [3, 2]
    assert of_stores[1]["moved"] == [
        {
            "stream": "stores",
            "key": "incremental.updated_at.last_value",
            "before": None,
            "after": 4,
        },
        {"stream": "stores", "key": "incremental.updated_at.unique_hashes", "before": None}
        | {"after": []},
    ]
    assert (newest[0]["who"], newest[0]["sync_id"], len(newest)) == ("ada@laptop", None, 1)
    assert {one["stream"] for one in newest[0]["moved"]} == {"orders", "stores"}


@pytest.mark.usefixtures("versions")
def test_show_and_diff_name_values_as_people_read_them(run: Run) -> None:
    shown = run("state", "show", "shop", 2)
    as_json = run("state", "show", "shop", "--stream", "orders", "--json").json
    differs = run("state", "diff", "shop", 1, 2, "--json").json
    same = run("state", "diff", "shop", 1)

    assert shown.out.splitlines()[0] == "version 2, schedule: committed"
    assert "2026-11-02T00:00:00+00:00" in shown.out
    values = {
        "incremental.updated_at.last_value": "2026-11-01T00:00:00+00:00",
        "incremental.updated_at.unique_hashes": [],
    }
    assert as_json["streams"] == {"orders": values}
    kept = as_json["state"]["sources"]["shop"]["resources"]["orders"]["incremental"]["updated_at"]
    assert kept["last_value"].startswith("\uf027")
    assert (differs["from"], differs["to"]) == (1, 2)
    assert differs["moved"][0]["after"] == "2026-11-02T00:00:00+00:00"
    assert same.out == "versions 1 and 3 are the same\n"


@pytest.mark.usefixtures("versions")
def test_version_that_is_not_there_is_refused_with_those_that_are(run: Run) -> None:
    refused = run("state", "show", "shop", 7, "--json")

    assert refused.code == 3
    assert "no version 7" in refused.error["problem"]
    assert "Valid: 3, 2, 1." in refused.error["fix"]


@pytest.mark.usefixtures("ledger")
def test_connector_without_a_state_says_so(run: Run) -> None:
    assert "no state yet in environment dev" in run("state", "log", "shop").out
    assert run("state", "show", "shop").code == 3
    assert run("state", "restore", "shop", 1, "--why", "a try").code == 3


@pytest.mark.usefixtures("versions")
def test_export_has_the_published_shape_and_its_time_marks_in_ascii(
    run: Run, project: Path
) -> None:
    assert run("state", "export", "shop", "state.json", "--version", 2).code == 0
    printed = run("state", "export", "shop", "--version", 2)
    schema = json.loads(run("schema", "state").out)

    text = (project / "state.json").read_text(encoding="ascii")
    exported = json.loads(text)
    assert printed.out == text
    assert set(exported) == set(schema["required"]) == set(schema["properties"])
    assert (exported["format"], exported["environment"], exported["version"]) == (
        "connectors-state/1",
        "dev",
        2,
    )
    assert exported["state"]["sources"] == keep("\uf0272026-11-02T00:00:00+00:00", 4)["sources"]


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"engine": "meltano"}, "the state is of shop (meltano sql_database)"),
        ({"connector": "stock"}, "the state is of stock"),
        ({"format": "connectors-state/2"}, "this is no state file: format"),
        ({"more": 1}, "this is no state file: more"),
        ({"version": 0}, "this is no state file: version"),
        ({"environment": "prod"}, "the file is of environment prod, this is dev"),
    ],
    ids=["engine", "connector", "format", "a key", "version", "environment"],
)
def test_file_of_something_else_is_refused(
    run: Run, project: Path, changed: dict[str, Any], problem: str
) -> None:
    exported = run("state", "export", "shop").json
    (project / "state.json").write_text(json.dumps({**exported, **changed}))
    words = ("--file", "state.json", "--why", "a try")
    importing = ("state", "import", "shop", "state.json", "--replace")

    refused = run(
        *(importing if "environment" not in changed else ("state", "set", "shop", *words)), "--json"
    )

    assert refused.code == 3
    assert problem in refused.error["problem"]
    assert not (project / "data").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("set", "shop", "orders.updated_at=1"),
        ("set", "shop", "--why", "a try"),
        ("set", "shop", "orders.updated_at=1", "--file", "state.json", "--why", "a try"),
        ("restore", "shop", 1),
        ("import", "shop"),
        ("import", "shop", "state.json", "--from-dlt", "lake"),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_change_without_a_reason_or_of_two_things_is_a_wrong_command_line(
    run: Run, words: tuple[object, ...]
) -> None:
    assert run("state", *words).code == 2


@pytest.mark.usefixtures("versions")
def test_import_keeps_the_state_that_is_there(run: Run, project: Path) -> None:
    run("state", "export", "shop", "state.json")

    refused = run("state", "import", "shop", "state.json", "--json")

    assert (refused.code, refused.error["type"]) == (8, "StateDivergence")
    assert "--replace" in refused.error["fix"]
    assert not (project / "data").exists()


@pytest.mark.parametrize(
    ("name", "words", "problem"),
    [
        ("shop", ("--from-meltano", "."), "--from-meltano is for meltano"),
        ("stock", ("--from-dlt", "."), "--from-dlt is for dlt"),
        ("stock", ("--from-meltano", "."), "there is no state of Meltano's here"),
        ("shop", ("--from-dlt", "."), "there is no pipeline of dlt's here"),
        ("shop", ("--from-dlt", "no/where"), "there is no such folder or file"),
        ("shop", ("--from-dlt", "sea"), "no destination 'sea'"),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_import_from_where_there_is_nothing_is_refused(
    run: Run, name: str, words: tuple[str, ...], problem: str
) -> None:
    refused = run("state", "import", name, *words, "--json")

    assert refused.code == 3
    assert problem in refused.error["problem"]


@pytest.mark.parametrize(
    ("words", "problem", "fix"),
    [
        ((), "there are 2 states", "--state-id: dev:a-to-b, prod:a-to-b"),
        (("--state-id", "dev:c"), "there is no state 'dev:c'", "--state-id: dev:a-to-b"),
        (("--state-id", "prod:a-to-b"), "has bookmarks of other, and of none", "--state-id"),
    ],
    ids=["several", "not there", "of other streams"],
)
@pytest.mark.usefixtures("ledger")
def test_states_of_meltano_that_do_not_fit_are_refused(
    run: Run, project: Path, words: tuple[str, ...], problem: str, fix: str
) -> None:
    states = {
        name: {"completed": {"singer_state": {"bookmarks": {stream: {"id": 1}}}}, "partial": {}}
        for name, stream in {"dev:a-to-b": "items", "prod:a-to-b": "other"}.items()
    }
    (project / "states.json").write_text(json.dumps(states))

    refused = run("state", "import", "stock", "--from-meltano", "states.json", *words, "--json")

    assert refused.code == 3
    assert problem in refused.error["problem"]
    assert fix in refused.error["fix"]


@pytest.mark.usefixtures("ledger")
def test_clear_of_what_was_never_loaded_is_refused(run: Run, project: Path) -> None:
    refused = run("clear", "shop", "--json")

    assert refused.code == 3
    assert "has nothing in lake.shop" in refused.error["problem"]
    assert not (project / "data").exists()
