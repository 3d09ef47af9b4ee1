"""``connectors upgrade``: one table of all that has a version, and what --apply does about it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connector_assets.ledger.revision import REVISIONS
from connector_assets.ledger.store import Ledger
from tests.ledger.old import make_old

from .conftest import PROJECT, Run


@pytest.fixture
def older(project: Path) -> Path:
    """The project's ledger, of the revision before this installation's."""
    file = project / ".connectors" / "ledger.db"
    make_old(f"sqlite:///{file}", REVISIONS[-2])
    return file


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return list(database.iterdump())


def states(ran: Any) -> dict[str, str]:
    return {
        one["name"].split(",")[0].split(" sqlite")[0]: one["age"] for one in ran.json["versions"]
    }


def test_project_of_this_installation_has_nothing_to_be_done(run: Run, ledger: Ledger) -> None:
    looked = run("upgrade", "--json")

    assert looked.code == 0
    assert (looked.json["applied"], looked.json["next"]) == (False, [])
    assert states(looked) == {
        "connectors.yaml": "current",
        "ledger": "current",
        "destination lake": "absent",
        "destination file": "absent",
    }


def test_ledger_that_is_not_there_is_not_made(run: Run, project: Path) -> None:
    assert states(run("upgrade", "--json"))["ledger"] == "absent"
    assert run("upgrade", "--apply").code == 0
    assert not (project / ".connectors").exists()


def test_plan_writes_nothing_and_says_what_apply_does(
    run: Run, project: Path, ledger: Ledger
) -> None:
    (project / "connectors.yaml").write_text(PROJECT.replace("version: 1\n", "# ours\n"))
    before = (project / "connectors.yaml").read_bytes()

    looked = run("upgrade", "--plan")

    assert looked.code == 0
    assert "changed: connectors.yaml" in looked.out
    assert looked.out.splitlines()[-1] == "next: connectors upgrade --apply"
    assert (project / "connectors.yaml").read_bytes() == before


def test_apply_brings_up_files_and_ledger_and_copies_it_before(
    run: Run, project: Path, older: Path
) -> None:
    (project / "connectors.yaml").write_text(PROJECT.replace("version: 1\n", "# ours\n"))

    applied = run("upgrade", "--apply", "--json")

    assert applied.code == 0, applied.err
    assert states(applied)["ledger"] == "current"
    assert (project / "connectors.yaml").read_text().startswith("# ours\nversion: 1\nproject_id")
    assert older.with_name(f"ledger.db.before-{REVISIONS[-1]}").exists()
    assert [line.split("  ")[0] for line in applied.json["done"]] == [
        *("changed", "copied", "migrated")
    ]


def test_older_ledger_of_production_is_opened_by_an_upgrade_alone(
    run: Run, project: Path, older: Path
) -> None:
    text = PROJECT + "environments: {dev: , prod: }\ndefault_environment: prod\n"
    (project / "connectors.yaml").write_text(text)
    before = dump(older)

    refused = run("status", "--json")
    examined = run("doctor", "--json").json["checks"]
    looked = run("upgrade")

    assert refused.code == 3
    assert refused.error["fix"].endswith("connectors upgrade --apply")
    assert [one["ok"] for one in examined if one["name"] == "ledger"] == [False]
    assert "older" in looked.out
    assert dump(older) == before
    assert run("upgrade", "--apply").code == 0
    assert run("status", "--json").code == 0


def test_older_ledger_elsewhere_is_migrated_when_it_is_opened(run: Run, older: Path) -> None:
    assert run("status", "--json").code == 0
    assert states(run("upgrade", "--json"))["ledger"] == "current"


@pytest.mark.parametrize("words", [("--plan",), ("--apply",)])
def test_what_is_newer_is_refused_and_nothing_is_done(
    run: Run, project: Path, older: Path, words: tuple[str, ...]
) -> None:
    (project / "locks").mkdir()
    lock = {"version": 2, "connector": "shop", "streams": {}}
    (project / "locks" / "shop.json").write_text(json.dumps(lock))

    refused = run("upgrade", *words, "--json")

    assert (refused.code, refused.json["applied"]) == (3, False)
    assert states(refused)["locks/shop.json"] == "newer"
    assert states(refused)["ledger"] == "older"


def test_newer_file_and_newer_ledger_say_what_to_install(
    run: Run, project: Path, ledger: Ledger
) -> None:
    with closing(sqlite3.connect(project / ".connectors" / "ledger.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    newer_ledger = run("upgrade", "--apply", "--json")
    (project / "connectors.yaml").write_text(PROJECT.replace("version: 1", "version: 7"))
    newer_file = run("upgrade", "--json")

    assert (newer_ledger.code, newer_file.code) == (3, 3)
    assert "Install the version" in newer_ledger.error["fix"]
    assert "Install a newer" in newer_file.error["fix"]


def test_compiled_files_that_are_stale_are_to_be_compiled_again(
    run: Run, project: Path, ledger: Ledger
) -> None:
    (project / "dags" / "connectors").mkdir(parents=True)
    (project / "dags" / "connectors" / "shop.json").write_text('{"version": 0}')

    looked = run("upgrade", "--json")

    assert states(looked)["1 compiled files in dags"] == "older"
    assert looked.json["next"] == ["connectors bridge compile"]


@pytest.mark.integration
def test_compiled_files_are_current_until_the_plan_changes(
    run: Run, project: Path, ledger: Ledger
) -> None:
    assert run("bridge", "compile").code == 0
    fresh = run("upgrade", "--json")
    shop = project / "connectors" / "shop.yaml"
    shop.write_text(shop.read_text().replace("0 2 * * *", "0 3 * * *"))

    stale = run("upgrade", "--json")

    assert states(fresh)["2 compiled files in dags"] == "current"
    assert [one["action"] for one in stale.json["versions"] if one["age"] == "older"] == [
        "connectors bridge compile: shop"
    ]


@pytest.mark.integration
@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("ahead", "age", "code"), [(0, "current", 0), (-1, "older", 0), (1, "newer", 3)]
)
def test_schemas_of_dlt_in_a_destination_are_of_its_version(
    run: Run, project: Path, ahead: int, age: str, code: int
) -> None:
    from dlt.common.schema.typing import SCHEMA_ENGINE_VERSION

    version = SCHEMA_ENGINE_VERSION + ahead
    (project / "data").mkdir()
    with duckdb.connect(str(project / "data" / "file.duckdb")) as database:
        database.execute("CREATE SCHEMA stock")
        database.execute(f"CREATE TABLE stock._dlt_version AS SELECT {version} AS engine_version")

    looked = run("upgrade", "--json")

    assert (looked.code, states(looked)["destination file"]) == (code, age)


def test_destination_that_cannot_be_looked_at_keeps_nothing_from_being_upgraded(
    run: Run, project: Path, older: Path
) -> None:
    (project / "data").mkdir()
    (project / "data" / "file.duckdb").write_bytes(b"these bytes are no database" * 100)

    applied = run("upgrade", "--apply", "--json")

    assert applied.code == 0
    assert states(applied)["destination file"] == "unknown"
    assert states(applied)["ledger"] == "current"


def test_plan_and_apply_together_are_refused(run: Run, project: Path) -> None:
    assert run("upgrade", "--plan", "--apply").code == 3
