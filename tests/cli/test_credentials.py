"""``credentials``: what is there, what works, what is to be renamed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from .conftest import SHOP, Run

MODEL = """\
version: 2
fields: {password: }
changes:
  2: {renamed: {secret: password}, variables: {OLD_PASSWORD: SHOP_PASSWORD}}
"""


@pytest.fixture
def shop(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one connector, of the version before, and its model."""
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    (project / "connectors" / "stock.yaml").unlink()
    old = SHOP.replace("${password}", "${secret}").replace(
        'secrets: {password: "env:SHOP_PASSWORD", other: "command:vault read -token abc"}',
        'secrets: {secret: "env:OLD_PASSWORD"}  # of the vault\n'
        "credentials: {model: shop, version: 1}",
    )
    (project / "connectors" / "shop.yaml").write_text(old)
    (project / "credentials").mkdir()
    (project / "credentials" / "shop.yaml").write_text(MODEL)
    return project


def test_secret_that_is_missing_is_named_with_where_it_comes_from(run: Run, shop: Path) -> None:
    ran = run("credentials", "check")

    assert ran.code == 4
    assert "shop  dlt/sql_database  shop version 1 of 2\n" in ran.out
    assert "  no password  env:SHOP_PASSWORD|OLD_PASSWORD\n" in ran.out
    assert "error: connector shop: the secret 'password' is not there" in ran.out
    assert "Set it: export SHOP_PASSWORD=..., or write it into .env of the project." in ran.out


def test_secret_that_is_there_is_not_shown(run: Run, shop: Path) -> None:
    (shop / ".env").write_text("OLD_PASSWORD=hunter2\n")

    ran, asked = run("credentials", "check", "shop"), run("credentials", "check", "--json")

    assert (ran.code, asked.code) == (0, 0)
    assert "  ok password  env:SHOP_PASSWORD|OLD_PASSWORD\n" in ran.out
    assert "note: password is read from OLD_PASSWORD, its old name, for one version" in ran.out
    assert "hunter2" not in ran.out + asked.out
    (one,) = asked.json["connectors"]
    assert one["secrets"][0]["found"] is True
    assert (one["version"], one["current_version"], one["login"]) == (1, 2, "")


def test_words_of_a_command_are_not_shown(run: Run, project: Path) -> None:
    ran = run("credentials", "check", "shop")

    assert ran.code == 4
    assert "command:vault ..." in ran.out
    assert "abc" not in ran.out


def test_validate_warns_of_the_names_of_the_version_before(run: Run, shop: Path) -> None:
    ran = run("validate")

    assert ran.code == 0
    assert "connectors/shop.yaml: warning: its secrets have the names of version 1" in ran.out
    assert "connectors credentials backfill shop" in ran.out


def test_plan_shows_the_change_and_apply_makes_it(run: Run, shop: Path) -> None:
    (shop / ".env").write_text("OLD_PASSWORD=hunter2\n")

    planned = run("credentials", "backfill")
    before = (shop / "connectors" / "shop.yaml").read_text()
    applied = run("credentials", "backfill", "--apply")
    again = run("credentials", "backfill", "--json")

    assert (planned.code, applied.code, again.code) == (0, 0, 0)
    assert '-secrets: {secret: "env:OLD_PASSWORD"}  # of the vault\n' in planned.out
    assert '+secrets: {password: "env:SHOP_PASSWORD"}  # of the vault\n' in planned.out
    assert ".env  OLD_PASSWORD -> SHOP_PASSWORD\n" in planned.out
    assert "1 file to change\n" in planned.out
    assert "{secret:" in before
    assert applied.out.endswith("1 file changed\n")
    assert "hunter2" not in planned.out + applied.out
    assert (shop / ".env").read_text() == "SHOP_PASSWORD=hunter2\n"
    assert again.json["files"] == []


def test_variables_that_are_set_elsewhere_are_told(run: Run, shop: Path) -> None:
    ran = run("credentials", "backfill")

    assert "set SHOP_PASSWORD wherever OLD_PASSWORD is set now" in ran.out


def test_name_of_no_connector_is_refused_with_the_nearest(run: Run, shop: Path) -> None:
    ran = run("credentials", "backfill", "shp")

    assert ran.code == 3
    assert "Did you mean 'shop'?" in ran.err


def test_plan_and_apply_together_are_refused(run: Run, shop: Path) -> None:
    assert run("credentials", "backfill", "--plan", "--apply").code == 3


@pytest.mark.parametrize(("ignored", "warned"), [("/data/\n", True), (".env\n", False)])
def test_validate_warns_of_an_env_file_that_git_would_take(
    run: Run, shop: Path, ignored: str, warned: bool
) -> None:
    import subprocess

    subprocess.run(["git", "init", "-q"], cwd=shop, check=True)
    (shop / ".gitignore").write_text(ignored)
    (shop / ".env").write_text("OLD_PASSWORD=x\n")

    ran = run("validate")

    assert ("git does not ignore .env" in ran.out) is warned


LIVE = """\
name: base
engine: dlt
source: sql_database
config: {credentials: "sqlite:///${file}"}
secrets: {file: "env:BASE_FILE"}
destination: file.base
streams: {orders: {write: append}}
"""


@pytest.mark.integration
def test_login_tells_a_source_that_answers_from_one_that_does_not(run: Run, shop: Path) -> None:
    (shop / "connectors" / "base.yaml").write_text(LIVE)
    (shop / ".env").write_text("BASE_FILE=base.sqlite\n")
    with sqlite3.connect(shop / "base.sqlite") as database:
        database.execute("CREATE TABLE orders (id INTEGER)")
    database.close()

    good = run("credentials", "check", "base", "--live")
    (shop / ".env").write_text("BASE_FILE=away/base.sqlite\n")
    bad = run("credentials", "check", "base", "--live")

    assert (good.code, "login ok" in good.out) == (0, True), good.out
    assert bad.code != 0
    assert "login not tested: no answer" in bad.out
    # It looked, and wrote nothing.
    assert not (shop / "data").exists()


@pytest.mark.integration
def test_login_that_is_refused_exits_with_4(
    run: Run, shop: Path, declare_taps: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(declare_taps)
    declare_taps(shop)
    tap = LIVE.replace("engine: dlt", "engine: meltano").replace(
        "source: sql_database", "source: tap-refuses-credentials"
    )
    tap = tap.replace('{credentials: "sqlite:///${file}"}', "{in_discovery: true}")
    (shop / "connectors" / "base.yaml").write_text(tap)
    monkeypatch.setenv("BASE_FILE", "x")

    ran = run("credentials", "check", "base", "--live", "--json")

    assert ran.code == 4, ran.out
    (one,) = ran.json["connectors"]
    assert one["login"] == "refused"
    assert one["errors"][0]["type"] == "CredentialError"
