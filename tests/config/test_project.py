"""connectors.yaml and the folder around it: environments, destinations, rules between files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector_assets.airflow_access import AirflowAccess
from connector_assets.errors import ConfigError
from connector_assets.model import DestinationKind
from connector_assets.project import find_project, load_project

from .folder import PROJECT, SHOP, ProjectFolder, lines, shown


def shop(name: str, dataset: str, more: str = "") -> str:
    return SHOP.replace("name: shop", f"name: {name}").replace("lake.shop", dataset) + more


def test_project_has_absolute_places_wherever_it_is_loaded_from(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.root.parent)

    project = load_project(Path(folder.root.name))

    lake, files = project.destination("lake"), project.destination("files")
    assert project.root == folder.root
    assert (lake.kind, lake.data_path) == (DestinationKind.DUCKLAKE, f"{folder.root}/data/lake")
    assert lake.catalog == f"sqlite:///{folder.root}/data/lake.sqlite"
    assert files.path == f"{folder.root}/data/files.duckdb"
    assert project.ledger_url == f"sqlite:///{folder.root}/.connectors/ledger.db"
    assert project.artifacts == f"{folder.root}/.connectors/artifacts"
    assert project.work == folder.root / ".connectors" / "work"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/srv/x.duckdb", "/srv/x.duckdb"),
        ("~/x.duckdb", f"{Path.home()}/x.duckdb"),
        ("a/../../b.duckdb", "{parent}/b.duckdb"),
        ("~nobody-here/x.duckdb", "{root}/~nobody-here/x.duckdb"),
    ],
)
def test_path_of_a_destination_is_resolved(folder: ProjectFolder, written: str, path: str) -> None:
    folder.write("connectors.yaml", PROJECT.replace("data/files.duckdb", written))

    found = folder.load().destination("files").path

    assert found == path.format(root=folder.root, parent=folder.root.parent)


@pytest.mark.parametrize(
    ("old", "new", "line", "problem", "fix"),
    [
        ("version: 1", "version: 2", 1, "version 2; this installation knows up to 1", "newer"),
        ("version: 1", "version: '1'", 1, "`version` cannot be '1'", "`version: 1`"),
        ("version: 1", "version: true", 1, "`version` cannot be True", "`version: 1`"),
        ("version: 1", "version: 1.0", 1, "`version` cannot be 1.0", "`version: 1`"),
        ("version: 1\n", "", 1, "`version` is missing", "at the top"),
        ("project_id: acme", "project_id: Acme Corp", 2, "`project_id`", ""),
        ("project_id: acme\n", "", 1, "`project_id` is missing", "Add `project_id:`"),
        ("environments: {dev: , prod: }", "environments: [dev]", 3, "should be a mapping", ""),
        ("default_environment: dev", "default_environment: deb", 4, "'deb' is not", "'dev'?"),
        ("default_environment", "default_enviroment", 4, "not known", "'default_environment'?"),
        ("  lake:\n", "  Lake:\n", 6, "the name 'Lake' cannot be used", "lower-case"),
        ("  lake:\n", "  main:\n", 6, "a destination cannot be 'main'", "DuckDB has"),
        ("type: ducklake", "type: ducklak", 7, "cannot be 'ducklak'", "'ducklake'?"),
        ("sqlite:///data", "sqlite+x:///data", 8, "this is no catalog", "sqlite:///"),
        ("sqlite:///data", "mysql:///data", 8, "this is no catalog", "sqlite:///"),
        ("sqlite:///data/lake.sqlite", "sqlite:///", 8, "names no file", "sqlite:///data"),
        ("sqlite:///data", "sqlite://data", 8, "names no file", "sqlite:///data"),
        ("    data_path: data/lake\n", "", 6, "`destinations.lake.data_path` is missing", "needs"),
        ("data_path", "datapath", 9, "the key 'datapath' is not known", "'data_path'?"),
        ("path: data/files.duckdb", "catalog: x", 10, "files.path` is missing", "`path:`"),
        ("files.duckdb", "f.duckdb, data_path: x", 10, "a duckdb has no 'data_path'", "path"),
        ("data/files.duckdb", "'s3://b/x.duckdb'", 10, "a file of this machine", "data/"),
        ("data/files.duckdb", "':memory:'", 10, "a file of this machine", "data/"),
    ],
)
def test_breach_of_connectors_yaml_is_named(
    folder: ProjectFolder, *, old: str, new: str, line: int, problem: str, fix: str
) -> None:
    assert PROJECT.count(old) >= 1
    folder.write("connectors.yaml", PROJECT.replace(old, new, 1))

    error = folder.refused()

    found = [one for one in lines(error) if problem in one]
    assert found[0].startswith(f"connectors.yaml:{line}: ")
    assert fix in str(error)


@pytest.mark.parametrize(
    "added",
    [
        "ledger: postgresql://me:hunter2@host/db",
        "ledger: [hunter2]",
        "artifacts: s3://key:hunter2@bucket/x",
        "alerts: {urls: ['mailtos://me:hunter2@mail.example']}",
        "alerts: {urls: ['https://x.example/?token=hunter2']}",
        "alerts: {rules: {team: {to: ['mailtos://me:hunter2@mail.example']}}}",
        "heartbeat: {url: 'https://x.example/?token=hunter2'}",
        "airflow: {url: 'https://me:hunter2@airflow.example'}",
        "airflow: {url: 'https://airflow.example', user: me, password: hunter2}",
        "  l2: {type: ducklake, catalog: 'postgresql://me:hunter2@h/d', data_path: x}",
        "  l3: {type: ducklake, catalog: hunter2, data_path: x}",
        "  l4: {type: ducklake, catalog: 'sqlite:///x', data_path: x, storage: {secret: hunter2}}",
        "  l5: {type: ducklake, catalog: 'sqlite:///x', data_path: x, secrets: {a: hunter2}}",
    ],
)
def test_secret_in_connectors_yaml_is_refused_and_not_repeated(
    folder: ProjectFolder, added: str
) -> None:
    folder.write("connectors.yaml", f"{PROJECT}{added}\n")

    error = folder.refused()

    assert str(error).startswith("connectors.yaml:11: ")
    assert "hunter2" not in shown(error)


def test_airflow_with_half_a_login_is_refused(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", f"{PROJECT}airflow: {{url: 'https://a.example', user: me}}\n")

    error = folder.refused()

    told = "the login of Airflow is half there: `user:` and `password:` belong together"
    assert lines(error) == [f"connectors.yaml:11: {told}"]


def test_airflow_of_the_surroundings_comes_before_the_file(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("connectors.yaml", f"{PROJECT}airflow: {{url: 'https://airflow.example'}}\n")
    assert folder.load().airflow == AirflowAccess(url="https://airflow.example")

    monkeypatch.setenv("CONNECTORS_AIRFLOW_URL", "http://127.0.0.1:8080")
    monkeypatch.setenv("CONNECTORS_AIRFLOW_USER", "admin")
    monkeypatch.setenv("CONNECTORS_AIRFLOW_PASSWORD", "hunter2")

    found = folder.load().airflow
    assert found is not None
    assert found.url == "http://127.0.0.1:8080"
    assert found.user == "env:CONNECTORS_AIRFLOW_USER"
    assert "hunter2" not in repr(found)


def test_secret_of_a_destination_is_referred_to(folder: ProjectFolder) -> None:
    lake = (
        "  pg:\n    type: ducklake\n    catalog: 'postgresql://me:${pw}@host/db'\n"
        "    data_path: s3://bucket/x\n    storage: {secret: '${key}'}\n"
    )
    folder.write("connectors.yaml", f"{PROJECT}{lake}    secrets: {{pw: 'env:PW'}}\n")

    error = folder.refused()

    assert lines(error) == ["connectors.yaml:15: `${key}` refers to no secret of this destination"]
    folder.write("connectors.yaml", f"{PROJECT}{lake}    secrets: {{pw: 'env:P', key: 'env:K'}}\n")
    assert folder.load().destination("pg").catalog == "postgresql://me:${pw}@host/db"


@pytest.mark.parametrize(
    ("asked", "variable", "default", "picked"),
    [
        (None, None, "dev", "dev"),
        (None, "prod", "dev", "prod"),
        ("dev", "prod", "prod", "dev"),
        ("", "", "prod", "prod"),
    ],
)
def test_environment_is_picked_from_the_nearest(
    folder: ProjectFolder,
    monkeypatch: pytest.MonkeyPatch,
    *,
    asked: str | None,
    variable: str | None,
    default: str,
    picked: str,
) -> None:
    folder.write("connectors.yaml", PROJECT.replace("ment: dev", f"ment: {default}"))
    if variable is not None:
        monkeypatch.setenv("CONNECTORS_ENV", variable)

    assert folder.load(asked).environment == picked


def test_only_environment_is_the_one(folder: ProjectFolder) -> None:
    text = PROJECT.replace("default_environment: dev\n", "")

    folder.write("connectors.yaml", text.replace("{dev: , prod: }", "{prod: }"))
    assert folder.load().environment == "prod"
    folder.write("connectors.yaml", text.replace("environments: {dev: , prod: }\n", ""))
    assert folder.load().environment == "dev"


def test_environment_that_nothing_says_is_asked_for(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", PROJECT.replace("default_environment: dev\n", ""))

    assert "connectors.yaml:3: nothing says which environment" in str(folder.refused())


def test_environment_that_is_not_declared_is_refused(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="'prd'") as asked:
        folder.load("prd")
    monkeypatch.setenv("CONNECTORS_ENV", "prod ")

    assert str(asked.value).startswith("--env: ")
    assert "Did you mean 'prod'?" in str(asked.value)
    assert str(folder.refused()).startswith("CONNECTORS_ENV: the environment 'prod '")


@pytest.mark.parametrize(
    ("name", "production"),
    [
        ("prod", True),
        ("production", True),
        ("prod_eu", True),
        ("dev", False),
        ("staging", False),
        ("preprod", False),
        ("non_prod", False),
        ("product", False),
    ],
)
def test_production_is_known_by_its_name(
    folder: ProjectFolder, name: str, production: bool
) -> None:
    text = PROJECT.replace("dev: , prod:", f"other: , {name}:").replace("ment: dev", "ment: other")
    folder.write("connectors.yaml", text)

    assert folder.load(name).production is production


def test_connector_is_known_by_its_name_and_not_by_its_file(folder: ProjectFolder) -> None:
    folder.write("connectors/zzz.yml", shop("alpha", "lake.a"))
    folder.write("connectors/aaa.YAML", shop("beta", "lake.b"))
    folder.write("connectors/.hidden.yaml", "nonsense")
    folder.write("connectors/notes.txt", "nonsense")

    project = folder.load()

    assert [one.name for one in project.connectors] == ["alpha", "beta"]
    assert project.connector("alpha").file == Path("connectors/zzz.yml")


def test_unknown_connector_and_destination_are_answered_with_near_ones(
    folder: ProjectFolder,
) -> None:
    with pytest.raises(ConfigError, match="no connector 'x'") as empty:
        folder.load().connector("x")
    folder.write("connectors/shop.yaml", SHOP)
    with pytest.raises(ConfigError) as near:
        folder.load().connector("shp")
    with pytest.raises(ConfigError) as destination:
        folder.load().destination("lak")

    assert "connectors new" in str(empty.value)
    assert "Did you mean 'shop'?" in str(near.value)
    assert "Did you mean 'lake'?" in str(destination.value)


def test_broken_file_takes_no_other_down(folder: ProjectFolder) -> None:
    folder.write("connectors/good.yaml", shop("good", "lake.good", "depends_on: [bad]\n"))
    folder.write("connectors/bad.yaml", shop("bad", "lak.bad", "owner2: x\n"))
    folder.write("connectors/list.yaml", "- a\n")
    (folder.root / "connectors/folder.yaml").mkdir()

    project = folder.load(tolerate=True)

    assert [one.name for one in project.connectors] == ["good"]
    assert [(one.file.name, one.name) for one in project.broken] == [
        ("bad.yaml", "bad"),
        ("folder.yaml", ""),
        ("list.yaml", ""),
    ]
    with pytest.raises(ConfigError, match="'owner2' is not known"):
        project.connector("bad")
    assert len(lines(folder.refused())) == 3


@pytest.mark.parametrize(
    ("files", "problem", "line"),
    [
        ({"a": shop("x", "lake.a"), "b": shop("x", "lake.b")}, "2 files declare", 1),
        ({"a": shop("x", "lake.a"), "b": shop("y", "lake.a")}, "load into one dataset", 6),
        ({"a": shop("x", "lake.a"), "b": shop("y", "same.a")}, "load into one dataset", 6),
        ({"a": shop("x", "lake.a", "depends_on: [y]\n"),
          "b": shop("y", "lake.b", "depends_on: [x]\n")}, "goes in a circle", 10),
    ],
    ids=["name", "dataset", "dataset by another name", "circle"],
)  # fmt: skip
def test_rule_between_files_is_held_by_each_of_them(
    folder: ProjectFolder, files: dict[str, str], problem: str, line: int
) -> None:
    same = "  same: {type: ducklake, catalog: 'sqlite:///data/./lake.sqlite', data_path: x}\n"
    folder.write("connectors.yaml", PROJECT + same)
    for name, text in files.items():
        folder.write(f"connectors/{name}.yaml", text)

    error = folder.refused()

    assert [one.partition(": ")[0] for one in lines(error)] == [
        f"connectors/a.yaml:{line}",
        f"connectors/b.yaml:{line}",
    ]
    assert str(error).count(problem) == 2
    assert folder.load(tolerate=True).connectors == ()


def test_dataset_where_dlt_stages_another_is_refused(folder: ProjectFolder) -> None:
    folder.write("connectors/a.yaml", shop("a", "lake.shop"))
    folder.write("connectors/b.yaml", shop("b", "lake.shop_staging"))
    folder.write("connectors/c.yaml", shop("c", "files.shop_staging"))

    error = folder.refused()

    assert lines(error) == [
        "connectors/b.yaml:6: lake.shop_staging is where dlt stages the merges of 'a'"
    ]


def test_lakes_in_one_postgresql_are_two(folder: ProjectFolder) -> None:
    lakes = [
        f"  {name}: {{type: ducklake, catalog: 'postgresql://host/db', data_path: {name}}}\n"
        for name in ("one", "two")
    ]
    folder.write("connectors.yaml", PROJECT + "".join(lakes))
    folder.write("connectors/a.yaml", shop("a", "one.shop"))
    folder.write("connectors/b.yaml", shop("b", "two.shop"))

    assert len(folder.load().connectors) == 2


def test_depends_on_a_broken_connector_is_no_second_error(folder: ProjectFolder) -> None:
    folder.write("connectors/a.yaml", shop("a", "lake.a", "depends_on: [b, c]\n"))
    folder.write("connectors/b.yaml", shop("b", "nowhere.b"))

    assert [one.partition(":")[0] for one in lines(folder.refused())] == [
        "connectors/a.yaml",
        "connectors/b.yaml",
    ]
    assert "names 'c'" in str(folder.refused())


def test_connectors_folder_that_is_none_is_refused(folder: ProjectFolder) -> None:
    assert folder.load().connectors == ()
    (folder.root / "connectors").symlink_to(folder.root / "connectors")

    assert "connectors: the folder cannot be read: Too many" in str(folder.refused())
    (folder.root / "connectors").unlink()
    folder.write("connectors", "a file")
    assert "connectors: the folder cannot be read: Not a directory" in str(folder.refused())


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_connectors_folder_without_permission_is_refused(folder: ProjectFolder) -> None:
    (folder.root / "connectors").mkdir(mode=0)

    assert "Permission denied" in str(folder.refused())


def test_project_is_found_from_below(folder: ProjectFolder) -> None:
    below = folder.root / "connectors" / "deep"
    below.mkdir(parents=True)

    assert find_project(below) == folder.root
    with pytest.raises(ConfigError, match=r"no connectors\.yaml here or in a folder above"):
        find_project(folder.root.parent)


def test_addresses_that_can_hold_tokens_are_not_shown(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", f"{PROJECT}alerts: {{urls: ['slack://hunter2']}}\n")
    folder.write("connectors/shop.yaml", SHOP)

    project = folder.load()

    assert project.alerts[0].to == ("slack://hunter2",)
    assert "hunter2" not in repr(project)
