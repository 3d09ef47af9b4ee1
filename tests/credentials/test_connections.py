"""Airflow connections as sources: both forms of the variable, and where they can be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connector_assets.cli.validate_secrets import check_places
from connector_assets.credentials.connections import list_connections, render_connection
from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import CredentialError
from tests.config.folder import PROJECT, SHOP, ProjectFolder, lines

URL = "http://me%40x:p%2Fw%3Aq@Shop.Example:8443/main%20db?app=42&region=eu"
FIELDS = {
    "login": "me@x",
    "password": "p/w:q",
    "host": "Shop.Example",
    "port": "8443",
    "schema": "main db",
    "extra.app": "42",
    "extra.region": "eu",
}
RECORD = {
    "conn_type": "http",
    "login": "me@x",
    "password": "p/w:q",
    "host": "Shop.Example",
    "port": 8443,
    "schema": "main db",
    "extra": {"app": 42, "region": "eu"},
}
FORMS = {
    "URL": URL,
    "JSON": json.dumps(RECORD),
    "extra as text": json.dumps({**RECORD, "extra": json.dumps(RECORD["extra"])}),
}


def resolve(source: str, root: Path) -> str:
    return resolve_secrets({"token": source}, of="connector shop", root=root)["token"]


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("field", FIELDS)
def test_each_field_is_read_from_each_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, field: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", text)

    assert resolve(f"airflow-connection:shop_api.{field}", tmp_path) == FIELDS[field]


def test_without_a_field_it_is_the_password(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"AIRFLOW_CONN_SHOP='{URL}'\n")

    assert resolve("airflow-connection:shop", tmp_path) == "p/w:q"


@pytest.mark.parametrize(
    ("text", "source", "reason"),
    [
        (None, "shop.password", "Airflow's connections cannot be read here"),
        ("http://host", "shop.password", "the connection has no password"),
        ("http://u:hunter2@host", "shop.extra.key", "the connection has no extra.key"),
        ("{hunter2", "shop.login", "the connection cannot be read"),
        ("hunter2", "shop.login", "the connection cannot be read"),
        ("http://u:hunter2@[host", "shop.login", "the connection cannot be read"),
        ("http://u:p@host:hunter2", "shop.login", "the connection cannot be read"),
    ],
)
def test_connection_without_the_field_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, source: str, reason: str
) -> None:
    if text:
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", text)

    with pytest.raises(CredentialError) as caught:
        resolve(f"airflow-connection:{source}", tmp_path)

    assert reason in caught.value.problem
    assert "hunter2" not in str(caught.value)


def test_connection_of_airflows_is_handed_over_as_it_is() -> None:
    from types import SimpleNamespace

    given = {**RECORD, "extra": json.dumps(RECORD["extra"])}

    assert json.loads(render_connection(SimpleNamespace(**given))) == given


def test_connections_are_listed_once() -> None:
    sources = [
        "env:A",
        "airflow-connection:b.login",
        "airflow-connection:a",
        "airflow-connection:b",
    ]

    assert list_connections(sources) == ("a", "b")


@pytest.mark.parametrize("source", ["shop.passwd", "my.shop.password", "", "shop.extra", "a b"])
def test_source_that_names_no_field_is_refused(folder: ProjectFolder, source: str) -> None:
    secrets = f'secrets: {{token: "airflow-connection:{source}"}}\n'

    error = folder.refused(SHOP + secrets)

    assert "airflow-connection:ID.FIELD" in str(error)


def refuse_places(folder: ProjectFolder, *, airflow: str = "", destination: str = "") -> list[str]:
    project = PROJECT.replace("data_path: data/lake", f"data_path: data/lake\n{destination}")
    folder.write("connectors.yaml", project + airflow)
    folder.write("connectors/shop.yaml", SHOP + 'secrets: {token: "airflow-connection:shop"}\n')
    return [line for error in check_places(folder.load()) for line in lines(error)]


AIRFLOW = 'airflow: {url: "http://127.0.0.1:8080"}\n'
OF_DESTINATION = '    secrets: {token: "airflow-connection:lake"}'


def test_connection_is_refused_where_nothing_says_that_airflow_runs_the_connector(
    folder: ProjectFolder,
) -> None:
    (line,) = refuse_places(folder)

    assert line.startswith("connectors/shop.yaml: the secret 'token' cannot be read everywhere")


def test_connection_is_taken_where_airflow_runs_the_connector(folder: ProjectFolder) -> None:
    assert refuse_places(folder, airflow=AIRFLOW) == []


def test_connection_is_taken_where_its_variable_is_set(folder: ProjectFolder) -> None:
    folder.write(".env", f"AIRFLOW_CONN_SHOP='{URL}'\n")

    assert refuse_places(folder) == []


def test_connection_of_a_destination_must_be_readable_here_too(folder: ProjectFolder) -> None:
    (line,) = refuse_places(folder, airflow=AIRFLOW, destination=OF_DESTINATION)

    assert line.startswith("connectors.yaml, destination lake: the secret 'token' cannot be read")
