"""An environment's overlay: mappings merge, the rest is replaced, lines follow the values."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.alerting import AlertRule
from connector_assets.yaml_marks import Document, parse_document

from .folder import PROJECT, SHOP, ProjectFolder, lines

KEYS = st.sampled_from("abc")
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda below: st.dictionaries(KEYS, below, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=3)


def overlaid(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    document = Document(label="x.yaml", values={**base, "environments": {"dev": overlay}})
    values = document.overlaid(("environments", "dev")).values
    return {key: value for key, value in values.items() if key != "environments"}


@settings(max_examples=25, deadline=None)
@given(MAPPINGS, MAPPINGS)
def test_overlay_wins_and_leaves_the_rest(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    once = overlaid(base, overlay)

    assert overlaid(once, overlay) == once
    assert overlaid(base, {}) == base
    assert set(once) == set(base) | set(overlay)
    for key, value in overlay.items():
        below = base.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        assert once[key] == (overlaid(below, value) if isinstance(below, dict) and both else value)


def test_overlay_leaves_the_document_as_it_was() -> None:
    document = parse_document("a: {b: 1}\nenvironments: {dev: {a: {b: 2}}}\n", label="x.yaml")

    merged = document.overlaid(("environments", "dev"))

    assert (merged.values["a"], document.values["a"]) == ({"b": 2}, {"b": 1})


def test_connector_overlay_is_of_its_environment_alone(folder: ProjectFolder) -> None:
    text = f"""{SHOP}timeout: 1h
schedule: {{cron: "0 2 * * *"}}
environments:
  dev:
    schedule:
    timeout: 5m
    config: {{client: {{verify: false}}}}
    streams: {{orders: {{cursor: created_at}}, extra: {{write: append}}}}
"""
    dev, prod = folder.connector(text), folder.connector(text, "prod")

    assert (dev.timeout, dev.schedule) == (300, None)
    assert dev.config["client"] == {"base_url": "https://api.shop.example/v1", "verify": False}
    assert [stream.name for stream in dev.streams] == ["orders", "stores", "extra"]
    assert (dev.streams[0].cursor, dev.streams[0].primary_key) == ("created_at", ("id",))
    assert (prod.timeout, prod.streams[0].cursor) == (3600, "updated_at")
    assert prod.schedule is not None


def test_breach_in_an_overlay_has_the_line_of_the_overlay(folder: ProjectFolder) -> None:
    error = folder.refused(
        f"{SHOP}environments:\n  dev:\n    streams:\n      stores:\n        cursor: id\n"
        "    destination: lak.shop\n    name: other\n"
    )

    problem = "the stream 'stores' is replaced by each sync, and cannot follow the cursor 'id'"
    assert lines(error) == [
        f"connectors/one.yaml:14: {problem}",
        "connectors/one.yaml:15: connectors.yaml has no destination 'lak'",
        "connectors/one.yaml:16: the key 'name' cannot be different in an environment",
    ]


def test_project_overlay_changes_destinations_ledger_and_defaults(folder: ProjectFolder) -> None:
    overlay = """\
environments:
  dev:
  prod:
    destinations:
      lake: {catalog: "postgresql://db/lake", data_path: "s3://bucket/lake"}
      files: {path: /srv/files.duckdb}
    ledger: env:LEDGER_URL
    artifacts: s3://bucket/logs
    defaults: {timeout: 10m}
    alerts: {urls: ["env:PAGER"]}
"""
    text = PROJECT.replace("environments: {dev: , prod: }\n", overlay)
    folder.write("connectors.yaml", f"{text}defaults: {{timeout: 1m, max_wait: 2m}}\n")
    folder.write("connectors/shop.yaml", SHOP)

    prod, dev = folder.load("prod"), folder.load("dev")

    shop = prod.connectors[0]
    assert prod.destination("lake").catalog == "postgresql://db/lake"
    assert prod.destination("files").path == "/srv/files.duckdb"
    assert (prod.ledger_url, prod.artifacts) == ("env:LEDGER_URL", "s3://bucket/logs")
    assert (shop.timeout, shop.max_wait) == (600, 120)
    assert shop.alerts == (AlertRule(name="urls", to=("env:PAGER",)),)
    assert dev.connectors[0].timeout == 60
    assert dev.destination("lake").catalog.startswith("sqlite:///")


def test_destination_of_another_type_takes_nothing_from_the_one_below(
    folder: ProjectFolder,
) -> None:
    overlay = "environments: {dev: {destinations: {lake: {type: duckdb, path: x.duckdb}}}, prod: }"
    folder.write("connectors.yaml", PROJECT.replace("environments: {dev: , prod: }", overlay))

    lake = folder.load().destination("lake")

    assert (lake.kind, lake.catalog, lake.path) == ("duckdb", "", f"{folder.root}/x.duckdb")
    assert folder.load("prod").destination("lake").kind == "ducklake"


def test_breach_of_another_environment_of_the_project_is_found(folder: ProjectFolder) -> None:
    overlay = (
        "environments:\n  dev: \n  prod:\n    destinations:\n      lake: {catalog: 'mysql://x'}\n"
    )
    folder.write("connectors.yaml", PROJECT.replace("environments: {dev: , prod: }\n", overlay))

    assert lines(folder.refused()) == ["connectors.yaml:7: this is no catalog of a DuckLake"]


def test_key_of_an_overlay_that_the_project_lacks_is_refused(folder: ProjectFolder) -> None:
    overlay = "environments: {dev: {project_id: x}, prod: {artefacts: y}}"
    folder.write("connectors.yaml", PROJECT.replace("environments: {dev: , prod: }", overlay))

    error = folder.refused()

    assert lines(error) == [
        "connectors.yaml:3: the key 'project_id' is not known",
        "connectors.yaml:3: the key 'artefacts' is not known",
    ]
    assert "Did you mean 'artifacts'?" in str(error)
