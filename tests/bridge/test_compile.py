"""Compiling a project into Airflow's folder: what is written, what stays, what never gets in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_bridge.compile import Compiled, compile_project
from airflow_bridge.group import Group, Place, parse_group
from connector_assets.errors import ConfigError
from connector_assets.plan import plan_connector
from connector_assets.project import load_project
from tests.assets.hand_written.project import edit
from tests.bridge.sample import write_project

pytestmark = pytest.mark.integration
SECRETS = """\
name: hidden
engine: dlt
source: rest_api
config: {client: {base_url: "https://hidden.example/", auth: {type: bearer, token: "${token}"}}}
secrets: {token: "env:HIDDEN_TOKEN", other: "file:token.txt"}
destination: lake.hidden
streams: {rows: {write: replace, config: {path: rows}}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(tmp_path)
    (tmp_path / "connectors" / "odd.yaml").unlink()
    return tmp_path


def compile_now(root: Path, *, place: Place | None = None) -> Compiled:
    project = load_project(root, tolerate=True)
    return compile_project(project, folder=root / "dags", place=place)


def read(root: Path, name: str) -> Group:
    file = root / "dags" / "connectors" / f"{name}.json"
    return parse_group(file.read_text(encoding="utf-8"), file=file.name)


def snapshot(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return each file below the folder of DAGs: which one it is, its time, its content."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_ino,
            path.stat().st_mtime_ns,
            path.read_bytes(),
        )
        for path in sorted((root / "dags").rglob("*"))
        if path.is_file()
    }


def test_each_group_has_a_file_and_the_loader_stands_beside(root: Path) -> None:
    done = compile_now(root)

    assert done == Compiled(written=("report", "shop", "staff"), removed=(), unchanged=())
    assert set(snapshot(root)) == {
        "dags/connectors.py",
        *(f"dags/connectors/{name}.json" for name in ("report", "shop", "staff")),
    }
    assert (root / "dags" / "connectors" / "shop.json").stat().st_mode & 0o777 == 0o644


def test_group_is_what_the_connector_says(root: Path) -> None:
    compile_now(root)

    shop = read(root, "shop")
    project = load_project(root)
    assert (shop.name, shop.project_id, shop.project) == ("shop", "shop", "../..")
    assert (shop.engine, shop.run_step, shop.environment) == ("dlt", "run_dlt", "dev")
    assert shop.schedule is not None
    assert (shop.schedule.cron, shop.schedule.timezone) == ("0 2 * * *", "Europe/Berlin")
    assert [(one.name, one.asset.name, one.asset.uri, one.table) for one in shop.streams] == [
        ("orders", "shop/orders", "x-connector://shop/orders", "lake.shop.orders"),
        ("stores", "shop/stores", "x-connector://shop/stores", "lake.shop.stores"),
    ]
    assert (shop.retries, shop.retry_wait, shop.owner) == (1, 0, "ada@shop.example")
    assert shop.tags == ("ada@shop.example", "dlt", "lake")
    assert "| orders | lake.shop.orders | append | id | id |" in shop.doc
    assert shop.plan == plan_connector(project, project.connector("shop")).fingerprint


def test_what_a_connector_depends_on_is_upstream(root: Path) -> None:
    compile_now(root)

    upstream = [(one.name, one.uri) for one in read(root, "report").upstream]
    assert upstream == [
        ("shop/orders", "x-connector://shop/orders"),
        ("shop/stores", "x-connector://shop/stores"),
    ]
    # Both read the same source, which is upstream in Dagster and no group's asset.
    assert read(root, "shop").upstream == read(root, "staff").upstream == ()


def test_unchanged_project_rewrites_nothing(root: Path) -> None:
    compile_now(root)
    before = snapshot(root)

    done = compile_now(root)

    assert done == Compiled(written=(), removed=(), unchanged=("report", "shop", "staff"))
    assert snapshot(root) == before


def test_changed_connector_rewrites_its_file_only(root: Path) -> None:
    compile_now(root)
    before = snapshot(root)

    edit(root / "connectors" / "shop.yaml", "0 2 * * *", "0 3 * * *")
    done = compile_now(root)

    assert done == Compiled(written=("shop",), removed=(), unchanged=("report", "staff"))
    after = snapshot(root)
    assert {name for name in after if after[name] != before[name]} == {"dags/connectors/shop.json"}


def test_file_changed_by_hand_is_written_anew(root: Path) -> None:
    compile_now(root)
    before = snapshot(root)["dags/connectors/shop.json"][2]
    edit(root / "dags" / "connectors" / "shop.json", '"retries": 1', '"retries": 9')

    assert compile_now(root).written == ("shop",)
    assert snapshot(root)["dags/connectors/shop.json"][2] == before


def test_file_of_a_removed_connector_goes(root: Path) -> None:
    compile_now(root)
    (root / "dags" / "mine.py").write_text("# not ours\n")
    (root / "connectors" / "staff.yaml").unlink()

    done = compile_now(root)

    assert done == Compiled(written=(), removed=("staff",), unchanged=("report", "shop"))
    assert not (root / "dags" / "connectors" / "staff.json").exists()
    assert (root / "dags" / "mine.py").exists()


@pytest.mark.parametrize("broken", ["name: shop\nengine: fivetran\n", "name: [", ""])
def test_connector_that_is_broken_for_a_minute_keeps_its_file(root: Path, broken: str) -> None:
    compile_now(root)
    before = snapshot(root)
    file = root / "connectors" / "shop.yaml"
    text = file.read_text()
    file.write_text(broken)

    done = compile_now(root)

    # That of the one which waits for it too: it would never be due.
    assert (done.written, done.removed, done.unchanged) == ((), (), ("staff",))
    assert done.errors
    assert snapshot(root) == before

    file.write_text(text)
    assert compile_now(root).written == ()


def test_lock_that_is_broken_breaks_its_connector_only(root: Path) -> None:
    compile_now(root)
    before = snapshot(root)
    (root / "locks").mkdir(exist_ok=True)
    (root / "locks" / "shop.json").write_text("{")

    done = compile_now(root)

    assert done.unchanged == ("staff",)
    assert [error.place for error in done.errors] == ["locks/shop.json:1"]
    assert snapshot(root) == before


def test_without_dagster_the_extra_is_named(root: Path) -> None:
    code = (
        "import sys; sys.modules['dagster'] = None; from connector_assets.cli import main;"
        "sys.exit(main(['bridge', 'compile']))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )

    assert done.returncode == ConfigError.exit_code
    assert "pip install 'connector-assets[dagster]'" in done.stderr


@pytest.mark.parametrize(("lock", "code"), [("", 0), ("{", ConfigError.exit_code)])
def test_module_compiles_and_ends_as_the_command_does(root: Path, lock: str, code: int) -> None:
    if lock:
        (root / "locks").mkdir()
        (root / "locks" / "shop.json").write_text(lock)
    command = [sys.executable, "-m", "airflow_bridge", "compile", "--json"]

    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    assert done.returncode == code
    assert "staff" in json.loads(done.stdout)["written"]


def test_renamed_connector_that_breaks_keeps_its_file(root: Path) -> None:
    # Its file has another name than the connector.
    (root / "connectors" / "shop.yaml").rename(root / "connectors" / "a_shop.yaml")
    compile_now(root)
    with (root / "connectors" / "a_shop.yaml").open("a") as file:
        file.write("odd: 1\n")

    assert compile_now(root).removed == ()
    assert (root / "dags" / "connectors" / "shop.json").exists()


def test_no_secret_gets_into_a_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN_TOKEN", "s3cret-of-the-environment")
    (root / "token.txt").write_text("s3cret-of-the-file")
    (root / "connectors" / "hidden.yaml").write_text(SECRETS)

    compile_now(root)

    assert read(root, "hidden").name == "hidden"
    written = b"".join(content for _, _, content in snapshot(root).values())
    for word in (b"s3cret", b"HIDDEN_TOKEN", b"token", b"hidden.example", b"sqlite:"):
        assert word not in written


def test_connections_are_named_by_their_ids(root: Path) -> None:
    text = SECRETS.replace('"file:token.txt"', '"airflow-connection:hidden_api.login"')
    (root / "connectors" / "hidden.yaml").write_text(text)

    compile_now(root)

    assert read(root, "hidden").connections == ("hidden_api",)
    assert read(root, "shop").connections == ()


def test_place_is_that_of_the_option(root: Path) -> None:
    done = command(root, "bridge", "compile", "--python", "/opt/platform/bin/python")

    assert done["written"] == ["report", "shop", "staff"]
    place = Place(kind="python", interpreter="/opt/platform/bin/python")
    assert {read(root, name).place for name in done["written"]} == {place}


def test_project_is_found_from_wherever_the_folder_is(root: Path, tmp_path: Path) -> None:
    project = load_project(root)
    folder = tmp_path / "elsewhere" / "deep" / "dags"

    compile_project(project, folder=folder)

    text = (folder / "connectors" / "shop.json").read_text(encoding="utf-8")
    shop = parse_group(text, file="shop.json")
    assert (folder / "connectors" / shop.project).resolve() == root
    # The files can be moved together with the project.
    assert str(root) not in text


def test_order_of_hashes_changes_nothing(root: Path) -> None:
    def compiled(seed: str) -> dict[str, bytes]:
        command(root, "bridge", "compile", "--to", f"dags/{seed}", PYTHONHASHSEED=seed)
        folder = root / "dags" / seed
        return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.*"))}

    first = compiled("1")

    assert first == compiled("2")
    assert len(first) == 4


def test_module_is_the_command(root: Path) -> None:
    compile_now(root)

    done = command(root, "compile", module="airflow_bridge")

    assert done["unchanged"] == ["report", "shop", "staff"]


def test_folder_that_cannot_be_written_is_an_error_that_names_it(root: Path) -> None:
    (root / "dags").write_text("a file")

    with pytest.raises(ConfigError, match="the DAGs' folder cannot be written") as refused:
        compile_now(root)

    assert str(root / "dags") in str(refused.value)
    assert "--to DIR" in str(refused.value)


def command(
    root: Path, *words: str, module: str = "connector_assets.cli", **environment: str
) -> dict[str, Any]:
    """Run a command of the platform in a process of its own, and return its JSON."""
    shell = [sys.executable, "-W", "ignore", "-m", module, *words, "--json"]
    done = subprocess.run(
        shell,
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_pools_that_connectors_use_have_a_file_until_none_is_used(root: Path) -> None:
    project, shop = root / "connectors.yaml", root / "connectors" / "shop.yaml"
    plain = shop.read_text()
    project.write_text(f"{project.read_text()}pools: {{shop_db: 2, unused: 1}}\n")
    shop.write_text(f"{plain}pool: shop_db\n")

    first, again = compile_now(root), compile_now(root)
    pools = json.loads((root / "dags" / "pools.json").read_text())
    pool = read(root, "shop").pool
    shop.write_text(plain)
    compile_now(root)

    assert (first.pools, again.pools, pool) == (True, False, "shop_db")
    assert pools == {
        "shop_db": {
            "description": f"Connectors of {load_project(root).id}, see connectors.yaml",
            "include_deferred": False,
            "slots": 2,
        }
    }
    assert not (root / "dags" / "pools.json").exists()
