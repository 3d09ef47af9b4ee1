"""Everything that must be changed, with its line."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import PROJECT, SHOP, Run

TAP = "plugins: {extractors: [{name: tap-stock}]}"


def break_shop(project: Path) -> None:
    broken = SHOP.replace("lake.shop", "lak.shop").replace("write: merge", "write: merg")
    (project / "connectors" / "shop.yaml").write_text(broken)


def test_good_project_exits_with_0(run: Run, project: Path) -> None:
    (project / "meltano.yml").write_text(TAP)

    ran = run("validate")

    assert (ran.code, ran.out, ran.err) == (0, "2 connectors ok\n", "")


def test_every_error_has_file_line_and_fix(run: Run, project: Path) -> None:
    break_shop(project)
    (project / "connectors" / "stock.yaml").write_text("name: stock\n")

    ran = run("validate")

    assert ran.code == 3
    assert "connectors/shop.yaml:8: error: `defaults.write` cannot be 'merg'\n" in ran.out
    assert "    Did you mean 'merge'?" in ran.out
    assert "connectors/stock.yaml:1: error: `engine` is missing\n" in ran.out
    assert ran.out.splitlines()[-1].startswith("0 connectors ok, ")


def test_json_is_one_object_whatever_is_found(run: Run, project: Path) -> None:
    break_shop(project)

    found = run("validate", "--json").json

    assert found["ok"] is False
    assert found["connectors"] == ["stock"]
    assert found["errors"][0]["place"] == "connectors/shop.yaml:8"
    assert [warning["connector"] for warning in found["warnings"]] == ["stock"]


def test_tap_that_is_not_declared_is_a_warning(run: Run, project: Path) -> None:
    (project / "meltano.yml").write_text(TAP.replace("tap-stock", "tap-stok"))

    ran = run("validate")

    assert ran.code == 0
    assert "warning: 'tap-stock' is not an extractor of meltano.yml" in ran.out
    assert "2 connectors ok, 1 warning" in ran.out


def test_one_connector_is_judged_alone(run: Run, project: Path) -> None:
    break_shop(project)

    assert run("validate", "stock").code == 0
    assert run("validate", "shop").code == 3
    assert "Did you mean 'shop'?" in run("validate", "shpo").err


def test_error_of_another_environment_is_found(run: Run, project: Path) -> None:
    environments = "environments: {dev: {}, prod: {}}\ndefault_environment: dev\n"
    (project / "connectors.yaml").write_text(PROJECT + environments)
    overlay = "environments: {prod: {destination: lak.shop}}\n"
    (project / "connectors" / "shop.yaml").write_text(SHOP + overlay)

    assert run("validate", "--env", "dev").code == 0
    ran = run("validate")
    assert ran.code == 3
    assert ran.out.count("connectors.yaml has no destination 'lak'") == 1


def test_wrong_connectors_yaml_is_an_error_among_others(run: Run, project: Path) -> None:
    (project / "connectors.yaml").write_text(PROJECT.replace("ducklake", "ducklak"))

    found = run("validate", "--json")

    assert found.code == 3
    assert found.json["errors"][0]["place"] == "connectors.yaml:4"


def test_lock_that_cannot_be_read_is_an_error(run: Run, project: Path) -> None:
    (project / "locks").mkdir()
    (project / "locks" / "shop.json").write_text("{")

    assert "locks/shop.json:1: error: the lock is not valid JSON" in run("validate").out
    assert "1 connector ok, 1 error" in run("validate").out
