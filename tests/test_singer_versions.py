"""ACTIVATE_VERSION: what becomes of the rows of older versions, in the transaction of the load."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.errors import BadRecord
from connector_assets.singer.settings import Settings, load_config
from connector_assets.singer.standalone import load_stream

KINDS = {
    "duckdb": {"destination": "duckdb:///x.duckdb"},
    "ducklake": {"destination": "ducklake:sqlite:///catalog.sqlite", "data_path": "files"},
}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "s",
    "schema": {"properties": {"id": {"type": "integer"}}},
    "key_properties": ["id"],
}


def record(key: int, version: Any = None) -> dict[str, Any]:
    message = {"type": "RECORD", "stream": "s", "record": {"id": key}}
    return message if version is None else {**message, "version": version}


def activate(version: int) -> dict[str, Any]:
    return {"type": "ACTIVATE_VERSION", "stream": "s", "version": version}


def load(settings: Settings, *messages: Any) -> None:
    text = "\n".join(map(json.dumps, (SCHEMA, *messages)))
    load_stream(io.BytesIO(text.encode()), settings=settings)


def read(settings: Settings, columns: str) -> Sequence[Any]:
    with connected(settings.destination, secrets={}) as connection:
        return connection.sql(f"SELECT {columns} FROM shop.s ORDER BY ALL").fetchall()


def settle(folder: Path, **config: Any) -> Settings:
    path = folder / "config.json"
    path.write_text(json.dumps({"dataset": "shop", **KINDS["duckdb"], **config}))
    return load_config(path)


@pytest.mark.integration
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", ["append", "merge"])
def test_rows_of_an_older_version_are_deleted(tmp_path: Path, kind: str, write: str) -> None:
    settings = settle(tmp_path, **KINDS[kind], default_write=write, old_versions="delete")
    load(settings, record(1, 10), record(2, 10), activate(10))

    load(settings, record(2, 11), record(3, 11), activate(11))

    assert read(settings, "id, _singer_version") == [(2, 11), (3, 11)]


@pytest.mark.integration
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", ["append", "merge"])
def test_rows_of_an_older_version_are_marked_once(tmp_path: Path, kind: str, write: str) -> None:
    settings = settle(tmp_path, **KINDS[kind], default_write=write)
    load(settings, record(1, 10), record(2, 10), activate(10))
    load(settings, record(3, 11), activate(11))
    marked = read(settings, "id, epoch_us(_singer_deleted_at)")

    load(settings, record(4, 12), activate(12))

    assert [when is None for _, when in marked] == [False, False, True]
    again = read(settings, "id, epoch_us(_singer_deleted_at)")
    assert again[:2] == marked[:2]
    assert [when is None for _, when in again] == [False, False, False, True]


@pytest.mark.integration
def test_a_marked_row_that_comes_again_is_not_marked_any_more(tmp_path: Path) -> None:
    settings = settle(tmp_path)
    load(settings, record(1, 10), activate(10))
    load(settings, activate(11))
    assert read(settings, "_singer_deleted_at IS NULL") == [(False,)]

    load(settings, record(1, 11), activate(11))

    assert read(settings, "id, _singer_version, _singer_deleted_at") == [(1, 11, None)]


@pytest.mark.integration
def test_deleting_after_marking_and_marking_after_deleting_work(tmp_path: Path) -> None:
    deleting = settle(tmp_path, old_versions="delete")
    load(deleting, record(1, 10), record(2, 10), activate(10))

    marking = settle(tmp_path)
    load(marking, activate(11))
    assert read(marking, "id, _singer_deleted_at IS NULL") == [(1, False), (2, False)]
    load(marking, record(3, 11))

    load(settle(tmp_path, old_versions="delete"), activate(11))
    assert read(marking, "id") == [(3,)]


@pytest.mark.integration
def test_rows_without_a_version_and_versions_that_are_not_activated_stay(tmp_path: Path) -> None:
    settings = settle(tmp_path, old_versions="delete")
    load(settings, record(1))

    load(settings, record(2, 10))
    load(settings, record(3, 11))

    load(settings, activate(11))
    assert read(settings, "id, _singer_version") == [(1, None), (3, 11)]


@pytest.mark.integration
@pytest.mark.parametrize("write", ["append", "replace"])
def test_rows_that_are_kept_or_replaced_have_no_version(tmp_path: Path, write: str) -> None:
    rule = {"write": write, "old_versions": "keep" if write == "append" else "delete"}
    settings = settle(tmp_path, streams={"s": rule})
    load(settings, record(1, 10), activate(10))

    load(settings, record(2, 11), activate(11))

    assert (
        read(settings, "* EXCLUDE (_dlt_load_id)")
        == {
            "append": [(1,), (2,)],
            "replace": [(2,)],
        }[write]
    )


@pytest.mark.integration
def test_two_versions_for_a_table_that_is_replaced_are_refused(tmp_path: Path) -> None:
    settings = settle(tmp_path, default_write="replace")
    load(settings, record(1, 10), activate(10))

    with pytest.raises(BadRecord, match="records of 2 versions"):
        load(settings, record(2, 11), SCHEMA, record(3, 12), activate(12))

    assert read(settings, "id") == [(1,)]


def test_a_version_that_is_no_whole_number_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="no whole number") as caught:
        load(settle(tmp_path), record(1, 10), record(2, 10.5))

    assert (caught.value.place, caught.value.stream) == ("line 3", "s")


@pytest.mark.integration
def test_many_versioned_records_are_read_as_a_whole_with_the_same_result(tmp_path: Path) -> None:
    settings = settle(tmp_path, old_versions="delete")
    load(settings, *(record(key, 10) for key in range(1000)), activate(10))

    load(settings, *(record(key, 11) for key in range(500, 1000)), activate(11))

    assert read(settings, "count(*), min(id), min(_singer_version)") == [(500, 500, 11)]
