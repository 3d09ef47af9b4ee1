"""A catalog is read as taps of all ages write it, and compared with what a connector asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector_assets.engines.meltano_catalog import check_rules, load_catalog, parse_catalog
from connector_assets.errors import ConfigError, DriftBlocked
from connector_assets.model import DriftKind, WriteDisposition

from .bench import connector, stream


def entry(metadata: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    plain = {"tap_stream_id": "orders", "schema": {"properties": {"id": {}, "at": {}}}}
    root = [{"breadcrumb": [], "metadata": metadata}] if metadata is not None else []
    return {**plain, "metadata": [*root, {"breadcrumb": ["properties", "id"]}], **fields}


def parse(*entries: dict[str, Any]) -> Any:
    return {each.name: each for each in parse_catalog({"streams": entries})}


@pytest.mark.parametrize(
    ("metadata", "fields", "key", "cursor"),
    [
        ({}, {"key_properties": ["id"], "replication_key": "at"}, ("id",), "at"),
        ({"table-key-properties": ["id"], "replication-key": "at"}, {}, ("id",), "at"),
        ({"valid-replication-keys": ["at"]}, {"key_properties": None}, (), "at"),
        ({"valid-replication-keys": ["at", "id"]}, {}, (), ""),
        (None, {}, (), ""),
    ],
)
def test_key_and_cursor_come_from_fields_or_metadata(
    metadata: dict[str, Any] | None, fields: dict[str, Any], key: tuple[str, ...], cursor: str
) -> None:
    found = parse(entry(metadata, **fields))["orders"]

    assert (found.primary_key, found.cursor) == (key, cursor)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"streams": [{}]}', '{"streams": 5}'])
def test_a_file_that_is_no_catalog_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "catalog.json").write_text(content)

    assert load_catalog(tmp_path / "catalog.json") is None
    assert load_catalog(tmp_path / "missing.json") is None


def test_a_catalog_file_has_its_streams_by_name(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text(json.dumps({"streams": [entry({})]}))

    catalog = load_catalog(tmp_path / "catalog.json")

    assert catalog is not None
    assert catalog["orders"].properties == ("id", "at")


FULL = {"selected": True, "replication-method": "FULL_TABLE"}
BY_ID = {"selected": True, "replication-method": "INCREMENTAL", "replication-key": "id"}


def test_a_catalog_that_says_what_the_connector_says_passes() -> None:
    old = entry({"replication-method": "FULL_TABLE"}, schema={"selected": True})

    check_rules(connector("tap-x"), catalog=parse(entry(FULL)))
    check_rules(connector("tap-x"), catalog=parse(old))
    check_rules(connector("tap-x", stream("orders", cursor="id")), catalog=parse(entry(BY_ID)))


@pytest.mark.parametrize(
    ("cursor", "metadata", "problem"),
    [
        pytest.param("", {"replication-method": "FULL_TABLE"}, "excludes", id="not selected"),
        pytest.param("no", BY_ID, "'no' is no property", id="unknown cursor"),
        pytest.param("at", BY_ID, "another replication-key", id="another cursor"),
        pytest.param("", BY_ID, "another replication-method", id="another method"),
    ],
)
def test_a_catalog_that_says_something_else_is_refused(
    cursor: str, metadata: dict[str, Any], problem: str
) -> None:
    declared = connector("tap-x", stream("orders", cursor=cursor, line=7))

    with pytest.raises(ConfigError, match=problem) as caught:
        check_rules(declared, catalog=parse(entry(metadata)))

    error = caught.value
    assert (error.place, error.stream, error.connector) == (
        "connectors/shop.yaml:7",
        "orders",
        "shop",
    )


def test_what_a_stream_had_before_is_left_to_the_gate() -> None:
    followed = connector("tap-x", stream("orders", cursor="no"))
    metadata = {**BY_ID, "replication-key": "no"}

    check_rules(followed, catalog=parse(entry(metadata)), known={"orders"})
    check_rules(followed, catalog={}, known={"orders"})


@pytest.mark.parametrize("key", [("no",), ()], ids=["its field", "the tap's word"])
def test_a_merged_stream_that_lost_its_key_is_blocked(key: tuple[str, ...]) -> None:
    merged = stream("orders", write=WriteDisposition.MERGE, primary_key=key)
    catalog = parse({**entry(FULL), "key_properties": []})

    check_rules(connector("tap-x", merged), catalog=catalog)
    with pytest.raises(DriftBlocked) as caught:
        check_rules(connector("tap-x", merged), catalog=catalog, known={"orders"})

    (found,) = caught.value.found
    assert (found.stream, found.kind) == ("orders", DriftKind.KEY_REMOVED)


def test_a_source_that_offers_nothing_says_so() -> None:
    with pytest.raises(ConfigError, match="offers no stream 'orders'") as caught:
        check_rules(connector("tap-x"), catalog={})

    assert "none at all" in caught.value.fix
