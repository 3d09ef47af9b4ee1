"""A person's own pipe: it loads as the platform loads, and says its STATE after the commit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.errors import BadRecord, ConfigError, FileLocked
from connector_assets.model import Destination, DestinationKind, WriteDisposition
from connector_assets.singer.settings import Settings, load_config

ROOT = Path(__file__).parents[1]
PROPERTIES = {"id": {"type": "integer"}, "price": {"type": "number"}}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "public-orders",
    "schema": {"properties": PROPERTIES},
    "key_properties": ["id"],
}
STATE = {"type": "STATE", "value": {"bookmarks": {"public-orders": 3}}}
CONFIGS = {
    DestinationKind.DUCKDB: {"destination": "duckdb:///data/x.duckdb", "dataset": "shop"},
    DestinationKind.DUCKLAKE: {
        "destination": "ducklake:sqlite:///data/catalog.sqlite",
        "data_path": "data/files",
        "dataset": "shop",
    },
}


def record(**values: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": "public-orders", "record": values}


def pipe(config: Path, *messages: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "connector_assets.singer.target", "--config", str(config)],
        input="\n".join(json.dumps(message) for message in messages),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def rows(destination: Destination) -> list[Any]:
    with connected(destination, secrets={}) as connection:
        found: list[Any] = connection.sql(
            "SELECT id, price FROM shop.public_orders ORDER BY ALL"
        ).fetchall()
        return found


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[[Any], Path]:
    """A function that writes a configuration and returns its path."""

    def write(config: Any) -> Path:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(config))
        return path

    return write


@pytest.mark.integration
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_pipe_run_twice_merges_and_prints_its_state(
    write_config: Callable[[Any], Path], kind: DestinationKind
) -> None:
    config = write_config(CONFIGS[kind])
    messages = [SCHEMA, record(id=1, price=0.1), record(id=2, price=5), STATE]

    first = pipe(config, *messages)
    second = pipe(config, *messages, record(id=2, price=6))

    assert (first.returncode, first.stderr, json.loads(first.stdout)) == (0, "", STATE["value"])
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert rows(load_config(config).destination) == [(1, 0.1), (2, 6.0)]


@pytest.mark.integration
def test_a_bad_record_loads_nothing_and_prints_no_state(
    write_config: Callable[[Any], Path],
) -> None:
    config = write_config({**CONFIGS[DestinationKind.DUCKDB], "default_write": "append"})
    pipe(config, SCHEMA, record(id=1, price=1))

    done = pipe(config, SCHEMA, record(id=2, price=2), STATE, record(id="x", price=3))

    assert (done.returncode, done.stdout) == (BadRecord.exit_code, "")
    assert "'public-orders': line 4: property 'id'" in done.stderr
    assert rows(load_config(config).destination) == [(1, 1.0)]


@pytest.mark.integration
def test_a_locked_file_is_refused_with_its_holder(write_config: Callable[[Any], Path]) -> None:
    config = write_config(CONFIGS[DestinationKind.DUCKDB])

    with connected(load_config(config).destination, secrets={}):
        done = pipe(config, SCHEMA, record(id=1), STATE)

    assert (done.returncode, done.stdout) == (FileLocked.exit_code, "")
    assert "is open in process" in done.stderr


@pytest.mark.integration
def test_an_input_without_messages_loads_nothing(write_config: Callable[[Any], Path]) -> None:
    done = pipe(write_config(CONFIGS[DestinationKind.DUCKDB]))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"dataset": None}, "`dataset` is missing", id="no dataset"),
        pytest.param({"destination": "postgresql://x"}, "neither a DuckDB", id="destination"),
        pytest.param({"destination": "ducklake:sqlite:///c"}, "data_path", id="no data_path"),
        pytest.param({"dataste": "x"}, "unknown key 'dataste'", id="unknown key"),
        pytest.param({"default_write": "upsert"}, "'upsert'", id="write"),
        pytest.param({"old_versions": "drop"}, "'drop'", id="old versions"),
        pytest.param(
            {"streams": {"a": {"old_versions": None}}}, "old_versions", id="a stream's old versions"
        ),
        pytest.param({"streams": {"a": {"key": "id"}}}, "unknown key 'key'", id="stream key"),
        pytest.param({"streams": ["a"]}, "`streams`", id="streams"),
    ],
)
def test_a_bad_configuration_is_refused_with_its_place(
    write_config: Callable[[Any], Path], changes: dict[str, Any], problem: str
) -> None:
    config = write_config({**CONFIGS[DestinationKind.DUCKDB], **changes})

    with pytest.raises(ConfigError, match=problem) as caught:
        load_config(config)

    assert caught.value.place.startswith(str(config))


def test_relative_paths_start_at_the_configuration(write_config: Callable[[Any], Path]) -> None:
    config = write_config(CONFIGS[DestinationKind.DUCKLAKE])

    destination = load_config(config).destination

    assert destination.catalog == f"sqlite:///{config.parent / 'data/catalog.sqlite'}"
    assert destination.data_path == str(config.parent / "data/files")


@pytest.mark.parametrize(
    ("override", "key_properties", "write"),
    [
        pytest.param({}, ("id",), WriteDisposition.MERGE, id="the tap names a key"),
        pytest.param({}, (), WriteDisposition.APPEND, id="no key"),
        pytest.param({"primary_key": "id"}, (), WriteDisposition.MERGE, id="key is configured"),
        pytest.param({"write": "replace"}, ("id",), WriteDisposition.REPLACE, id="override"),
    ],
)
def test_a_stream_is_merged_where_it_has_a_key(
    override: dict[str, Any], key_properties: tuple[str, ...], write: WriteDisposition
) -> None:
    settings = Settings(
        destination=Destination(name="d", kind=DestinationKind.DUCKDB),
        dataset="shop",
        default_write=WriteDisposition.MERGE,
        streams={"s": override},
    )

    assert settings.resolve("s", key_properties, normalize=str).write is write
