"""The standard tests that the Singer SDK has for targets, all of them, into both destinations."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import IO, Any

import pytest
from singer_sdk import exceptions
from singer_sdk.testing import TargetTestRunner, get_target_test_class, target_test_streams
from singer_sdk.testing.suites import target_tests

from connector_assets.destinations.connect import connected
from connector_assets.naming import snake_case
from connector_assets.singer.settings import load_config
from connector_assets.singer.target import main

DUCKDB = {"destination": "duckdb:///x.duckdb"}
DUCKLAKE = {"destination": "ducklake:sqlite:///catalog.sqlite", "data_path": "files"}
#: The errors by which the suite knows a refusal: what ours say of the same.
REFUSALS: Mapping[str, type[Exception]] = {
    "before the SCHEMA": exceptions.RecordsWithoutSchemaException,
    "part of the key and is null or missing": exceptions.MissingKeyPropertiesError,
}
#: Streams of the SDK that a target is to refuse.
REFUSED = ("invalid_schema", "record_before_schema", "record_missing_key_property")
STREAMS = sorted(
    entry.name.removesuffix(".singer")
    for entry in resources.files(target_test_streams).iterdir()
    if entry.name.endswith(".singer") and not entry.name.startswith(REFUSED)
)


class ConnectorTarget:
    """What the suite takes for a target class: it hands each input to our own entry point.

    The suite drives classes of the SDK, and connector-target is an executable. So this one has the
    methods that the suite calls, and nothing else; what reads and loads is all ours. The suite
    also expects the SDK's own exceptions, which stand here for an exit code and a message.
    """

    def __init__(self, *, config: Mapping[str, Any], parse_env_config: bool) -> None:
        self._config = config

    def process_lines(self, lines: IO[str]) -> None:
        # The suite leaves its files open.
        with lines, tempfile.TemporaryFile() as held:
            held.write(lines.read().encode())
            held.seek(0)
            with standard_input(held):
                code = main(["--config", str(write_config(self._config))])
        if code:
            sys.stderr.seek(0)
            said = sys.stderr.read()
            known = (error for sign, error in REFUSALS.items() if sign in said)
            raise next(known, RuntimeError)(said)

    def process_endofpipe(self) -> None:
        """The end of the input was the end of the pipe."""

    @staticmethod
    def print_version() -> None:
        with pytest.raises(SystemExit, match=r"^0$"):
            main(["--version"])

    @staticmethod
    def print_about(output_format: str | None = None) -> None:
        assert main(["--about", *(["--format", output_format] if output_format else [])]) == 0


def write_config(config: Mapping[str, Any]) -> Path:
    """Write a configuration into the folder that it names; return its path."""
    path = Path(config["folder"]) / "config.json"
    content = {key: value for key, value in config.items() if key != "folder"}
    path.write_text(json.dumps({"dataset": "suite", **content}))
    return path


@contextmanager
def standard_input(file: IO[bytes]) -> Iterator[None]:
    """Have the process read ``file`` as its standard input, by number as a pipe is."""
    before = os.dup(0)
    os.dup2(file.fileno(), 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


_target: Any = ConnectorTarget
_Suite: Any = get_target_test_class(_target)


@pytest.mark.integration
class TestDuckDB(_Suite):  # type: ignore[misc] # made by a factory
    """The suite into a DuckDB file, a fresh one for each test."""

    @pytest.fixture
    def runner(self, tmp_path: Path) -> TargetTestRunner:
        return build_runner({**DUCKDB, "folder": str(tmp_path)})


@pytest.mark.integration
class TestDuckLake(_Suite):  # type: ignore[misc] # made by a factory
    """The suite into a DuckLake, a fresh one for each test."""

    @pytest.fixture
    def runner(self, tmp_path: Path) -> TargetTestRunner:
        return build_runner({**DUCKLAKE, "folder": str(tmp_path)})


def build_runner(config: Mapping[str, Any]) -> TargetTestRunner:
    runner: Any = TargetTestRunner
    made: TargetTestRunner = runner(ConnectorTarget, config=dict(config), parse_env_config=True)
    return made


def test_no_test_of_the_suite_is_left_out() -> None:
    names = {f"test_target_{test.name}" for test in target_tests.tests}

    for suite in (TestDuckDB, TestDuckLake):
        assert {name for name in dir(suite) if name.startswith("test_")} == names


@pytest.mark.integration
@pytest.mark.parametrize("kind", [DUCKDB, DUCKLAKE], ids=["duckdb", "ducklake"])
@pytest.mark.parametrize("name", STREAMS)
def test_what_the_suite_sends_is_in_the_tables(
    name: str, kind: Mapping[str, str], tmp_path: Path
) -> None:
    config = {**kind, "folder": str(tmp_path)}
    file = resources.files(target_test_streams).joinpath(f"{name}.singer")
    expected = expect_rows(file.read_text("utf-8"))

    target = ConnectorTarget(config=config, parse_env_config=True)
    target.process_lines(file.open(encoding="utf-8"))

    destination = load_config(tmp_path / "config.json").destination
    with connected(destination, secrets={}) as connection:
        for stream, records in expected.items():
            table = connection.sql(f'SELECT * FROM suite."{snake_case(stream)}"')
            found = [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]
            assert sort_rows(map(plain, found)) == sort_rows(records)


def expect_rows(text: str) -> dict[str, list[dict[str, Any]]]:
    """Return what a file of messages says that there is: per key the last record, no nulls."""
    keys: dict[str, list[str]] = {}
    rows: dict[str, dict[Any, dict[str, Any]]] = {}
    for number, message in enumerate(map(json.loads, text.splitlines())):
        if message["type"] == "SCHEMA":
            keys[message["stream"]] = message.get("key_properties") or []
            rows.setdefault(message["stream"], {})
        elif message["type"] == "RECORD":
            key = [message["record"][name] for name in keys[message["stream"]]] or number
            named = {snake_case(name): value for name, value in message["record"].items()}
            rows[message["stream"]][str(key)] = {k: v for k, v in named.items() if v is not None}
    return {stream: list(found.values()) for stream, found in rows.items()}


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table's row as a record has it: nested values from their JSON, no column of ours."""
    ours = ("_dlt_load_id", "_dlt_id", "_singer_sequence", "_singer_version", "_singer_deleted_at")
    return {
        name: json.loads(value) if isinstance(value, str) and value[:1] in "[{" and value else value
        for name, value in row.items()
        if value is not None and name not in ours
    }


def sort_rows(rows: Any) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))
