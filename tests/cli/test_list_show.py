"""The connectors of a project, and one of them in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector_assets.plan import plan_connector
from connector_assets.project import load_project
from tests.cli.conftest import Run


def test_list_has_a_line_per_connector(run: Run, project: Path) -> None:
    _, shop, stock = (" ".join(line.split()) for line in run("list").out.splitlines())

    assert shop == "shop dlt sql_database lake.shop 2 0 2 * * * Europe/Berlin team-data"
    assert stock == "stock meltano tap-stock file.stock 1 by hand team-data"


def test_list_json_has_the_streams(run: Run, project: Path) -> None:
    listed = {one["name"]: one for one in run("list", "--json").json}

    assert listed["shop"]["streams"] == ["orders", "stores"]
    assert listed["shop"]["schedule"] == {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}
    assert listed["stock"]["schedule"] is None


def test_list_shows_a_broken_file_and_the_way_out(run: Run, project: Path) -> None:
    (project / "connectors" / "bad.yaml").write_text("name: bad\nengin: dlt\n")

    ran, listed = run("list"), run("list", "--json").json

    assert ran.code == 0
    assert "connectors/bad.yaml" in ran.out
    assert "next: connectors validate" in ran.out
    assert [one["name"] for one in listed if one["errors"]] == ["bad"]


def test_list_of_nothing_says_how_to_begin(run: Run, project: Path) -> None:
    for file in (project / "connectors").iterdir():
        file.unlink()

    assert "connectors new NAME" in run("list").out
    assert run("list", "--json").json == []


def test_show_has_the_plan_s_fingerprint_and_the_streams(run: Run, project: Path) -> None:
    loaded = load_project(project)
    plan = plan_connector(loaded, loaded.connector("shop"))

    shown, record = run("show", "shop").out, run("show", "shop", "--json").json

    assert plan.fingerprint in shown
    assert record["fingerprint"] == plan.fingerprint
    assert record["destination"]["catalog"] == "sqlite:///data/lake.sqlite"
    assert [stream["name"] for stream in record["streams"]] == ["orders", "stores"]
    assert "updated_at" in shown


def test_show_has_the_cron_that_is_run_and_the_one_of_the_file(run: Run, project: Path) -> None:
    file = project / "connectors" / "shop.yaml"
    file.write_text(file.read_text().replace("Europe/Berlin}", "Europe/Berlin, jitter: 30m}"))
    schedule = load_project(project).connector("shop").schedule
    assert schedule is not None

    shown, listed = run("show", "shop").out, run("list").out

    words = f"{schedule.cron} Europe/Berlin (0 2 * * * in the file, and a jitter of 30 min)"
    assert schedule.cron != "0 2 * * *"
    assert words in " ".join(shown.split())
    assert f"{schedule.cron} Europe/Berlin" in " ".join(listed.split())


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["people", "json"])
def test_show_has_secrets_as_names_and_sources(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hunter22")

    shown = run("show", "shop", *words).out

    assert "env:SHOP_PASSWORD" in shown
    assert "command:vault ..." in shown
    assert "abc" not in shown
    assert "hunter22" not in shown


def test_show_of_a_broken_connector_is_its_errors(run: Run, project: Path) -> None:
    (project / "connectors" / "bad.yaml").write_text("name: bad\nengin: dlt\n")

    ran = run("show", "bad")

    assert ran.code == 3
    assert "connectors/bad.yaml:2: error: the key 'engin' is not known" in ran.err


def test_show_of_an_unknown_connector_has_a_near_one(run: Run, project: Path) -> None:
    assert "Did you mean 'stock'?" in run("show", "stok").err


def test_list_breaks_no_name_at_80_columns(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "connectors" / "shop.yaml"
    file.write_text(file.read_text().replace("Europe/Berlin", "America/Indiana/Indianapolis"))
    monkeypatch.setenv("COLUMNS", "80")

    shown = run("list").out

    words = ("sql_database", "lake.shop", "0 2 * * *", "America/Indiana/Indianapolis", "team-data")
    assert [word for word in words if word not in shown] == []
    assert max(map(len, shown.splitlines())) <= 80
