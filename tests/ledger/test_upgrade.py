"""Ledgers of every revision that there was: migrated, with their rows; or refused in production."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connector_assets.errors import ConfigError
from connector_assets.ledger.revision import REVISIONS
from connector_assets.ledger.store import Ledger
from connector_assets.ledger.upgrade import look_at_ledger, upgrade_ledger

from .old import make_old

OLDER = REVISIONS[:-1]
NewUrl = Callable[[], str]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """A function that returns the URL of a database without tables, on each kind in turn."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/ledger.db"
    make: NewUrl = request.getfixturevalue("new_postgres_database")
    return make


def read_revision(url: str) -> str | None:
    return look_at_ledger(url).found


@pytest.mark.parametrize("revision", REVISIONS)
def test_ledger_of_each_revision_is_migrated_with_its_rows(new_url: NewUrl, revision: str) -> None:
    url = new_url()
    make_old(url, revision)
    assert read_revision(url) == revision

    upgrade_ledger(url)

    assert read_revision(url) == REVISIONS[-1]
    with Ledger.open(url, migrate=False) as ledger:
        row = ledger.history.find("a1")
        state = ledger.states.find("shop", environment="prod", version=1)
        held = ledger.packages.held(environment="prod")
        assert ledger.incidents.open(environment="prod") == []
    assert (row.connector, row.plan, row.verdict) == ("shop", {"streams": ["orders"]}, "succeeded")
    assert (state.state, state.why) == ({"sources": {}}, "committed")
    assert [one.package_id for one in held] == (["p1"] if revision >= "0002" else [])


@pytest.mark.parametrize("revision", OLDER)
def test_older_ledger_that_is_not_to_be_migrated_is_refused_as_it_is(
    new_url: NewUrl, revision: str
) -> None:
    url = new_url()
    make_old(url, revision)

    with pytest.raises(ConfigError, match=f"at revision '{revision}'") as caught:
        Ledger.open(url, migrate=False)

    assert "connectors upgrade --apply" in caught.value.fix
    assert read_revision(url) == revision


def test_new_ledger_is_made_where_none_is_migrated(new_url: NewUrl) -> None:
    url = new_url()

    Ledger.open(url, migrate=False).close()

    assert read_revision(url) == REVISIONS[-1]


def test_copy_of_the_file_is_what_it_was_before(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    make_old(url, "0004")

    copy = upgrade_ledger(url)

    assert copy == tmp_path / "ledger.db.before-0006"
    assert read_revision(f"sqlite:///{copy}") == "0004"
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT sync_id FROM syncs").fetchall() == [("a1",)]
    # A second one is made beside it.
    make_old_again = tmp_path / "ledger.db"
    make_old_again.write_bytes(copy.read_bytes())
    for rest in tmp_path.glob("ledger.db-*"):
        rest.unlink()
    other = upgrade_ledger(url)
    assert other is not None
    assert other.name.startswith("ledger.db.before-0006-")


def test_current_ledger_and_one_that_is_not_there_are_left_alone(
    tmp_path: Path, sqlite_url: str
) -> None:
    absent = f"sqlite:///{tmp_path}/absent.db"

    assert (upgrade_ledger(sqlite_url), upgrade_ledger(absent)) == (None, None)

    assert not (tmp_path / "absent.db").exists()
    assert sorted(tmp_path.glob("*before*")) == []
