"""The executable, as a process: what it stages arrives in DuckDB; what it refuses, nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connector_assets.engines.profile import profile_tables
from connector_assets.errors import BadRecord, ConfigError, ConnectorError

TYPES: dict[str, Any] = {
    "id": {"type": "integer"},
    "price": {"type": "number", "multipleOf": 0.01, "maximum": 9_999_999_999},
    "ratio": {"type": ["number", "null"]},
    "at": {"type": ["string", "null"], "format": "date-time"},
    "day": {"type": ["string", "null"], "format": "date"},
    "clock": {"type": ["string", "null"], "format": "time"},
    "flag": {"type": ["boolean", "null"]},
    "doc": {"type": ["object", "null"]},
    "userName": {"type": ["string", "null"]},
    "never": {"type": ["string", "null"]},
}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "Orders",
    "schema": {"properties": TYPES},
    "key_properties": ["id"],
}
STATE = {"type": "STATE", "value": {"bookmarks": {"Orders": {"at": "2024-01-01"}}}}
COLUMNS = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'shop' AND table_name = 'orders' ORDER BY ordinal_position
"""


@pytest.fixture(autouse=True)
def _quiet_dlt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORE_FROM_DESTINATION", "false")
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("PROVIDERS__ENABLE_AIRFLOW_SECRETS", "false")


def record(**values: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": "Orders", "record": values}


def run_target(
    folder: Path, messages: Sequence[Any], *, write: str = "append", kind: str = "duckdb"
) -> tuple[int, dict[str, Any], str]:
    """Stage ``messages`` into ``folder``; return the exit code, the manifest and what was said."""
    stream = {"name": "Orders", "table": "orders", "write": write}
    spec = {
        "connector": "shop",
        "dataset": "shop",
        "destination": kind,
        "pipelines_dir": str(folder / "pipelines"),
        "manifest": str(folder / "manifest.json"),
        "progress": str(folder / "progress.jsonl"),
        "streams": [stream],
    }
    stage_file = folder / "stage.json"
    stage_file.write_text(json.dumps(spec))
    lines = (line if isinstance(line, str) else json.dumps(line) for line in messages)
    done = subprocess.run(
        [sys.executable, "-m", "connector_assets.singer.target", "--config", "ignored.json"],
        input="\n".join(lines),
        env={**os.environ, "CONNECTOR_TARGET_STAGE": str(stage_file)},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout == ""
    return done.returncode, json.loads((folder / "manifest.json").read_text()), done.stderr


def load(folder: Path) -> Any:
    """Load what was staged, by plain dlt, and return a connection to the file."""
    import dlt
    import duckdb

    destination = dlt.destinations.duckdb(str(folder / "x.duckdb"))
    pipeline = dlt.pipeline(
        "shop",
        pipelines_dir=str(folder / "pipelines"),
        destination=destination,
        dataset_name="shop",
    )
    pipeline.load(workers=1)
    return duckdb.connect(str(folder / "x.duckdb"))


@pytest.mark.integration
def test_every_type_arrives_as_the_column_type_of_the_contract(tmp_path: Path) -> None:
    code, manifest, _ = run_target(tmp_path, [SCHEMA, record(id=1, price=1.10), STATE])

    types = dict(load(tmp_path).sql(COLUMNS).fetchall())

    assert code == 0
    assert manifest["streams"]["Orders"]["emitted"] == 1
    assert types == {
        "id": "BIGINT",
        "price": "DECIMAL(12,2)",
        "ratio": "DOUBLE",
        "at": "TIMESTAMP WITH TIME ZONE",
        "day": "DATE",
        "clock": "TIME",
        "flag": "BOOLEAN",
        "doc": "JSON",
        "user_name": "VARCHAR",
        "never": "VARCHAR",
        "_dlt_load_id": "VARCHAR",
    }


@pytest.mark.integration
def test_values_arrive_unchanged(tmp_path: Path) -> None:
    row = record(
        id=2**63 - 1,
        price=1234567890.10,
        ratio=0.1,
        at="2024-01-01T12:00:00.123456+02:00",
        day="2024-02-29",
        clock="23:59:59.999999",
        flag=False,
        doc={"a": [1.5, "\0", None]},
        userName="hé\0",
    )
    run_target(tmp_path, [SCHEMA, row])

    found = load(tmp_path).sql(
        'SELECT id, price::VARCHAR, ratio, epoch_us("at"), day::VARCHAR, clock::VARCHAR, flag, '
        "doc::VARCHAR, user_name FROM shop.orders"
    )

    micros = 1_704_103_200_123_456
    assert found.fetchall() == [
        (
            2**63 - 1,
            "1234567890.10",
            0.1,
            micros,
            "2024-02-29",
            "23:59:59.999999",
            False,
            '{"a":[1.5,"\\u0000",null]}',
            "hé\0",
        )
    ]


@pytest.mark.integration
def test_of_two_records_with_one_key_a_merge_keeps_the_later(tmp_path: Path) -> None:
    rows = [record(id=n % 1_000, price=n) for n in range(45_000)]

    run_target(tmp_path, [SCHEMA, *rows], write="merge")

    found = load(tmp_path).sql("SELECT count(*), min(price), max(price) FROM shop.orders")
    assert found.fetchall() == [(1_000, 44_000, 44_999)]


@pytest.mark.integration
@pytest.mark.parametrize("write", ["append", "replace", "merge"])
def test_a_stream_without_records_still_has_its_table(tmp_path: Path, write: str) -> None:
    _, manifest, _ = run_target(tmp_path, [SCHEMA, STATE], write=write)

    connection = load(tmp_path)

    assert manifest["streams"]["Orders"]["emitted"] == 0
    assert connection.sql("SELECT count(*) FROM shop.orders").fetchall() == [(0,)]


@pytest.mark.integration
def test_columns_that_come_later_are_null_before(tmp_path: Path) -> None:
    wider = {**SCHEMA, "schema": {"properties": {**TYPES, "late": {"type": "string"}}}}
    messages = [SCHEMA, record(id=1, price=1), wider, record(id=2, price=2, late="x", odd=True)]

    run_target(tmp_path, messages)

    found = load(tmp_path).sql("SELECT id, late, _undeclared::VARCHAR FROM shop.orders ORDER BY id")
    assert found.fetchall() == [(1, None, None), (2, "x", '{"odd":true}')]


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["duckdb", "ducklake"])
def test_the_state_is_in_the_package_with_the_rows(tmp_path: Path, kind: str) -> None:
    messages = [SCHEMA, {**STATE, "value": {"old": 1}}, record(id=1, price=1), STATE]

    code, manifest, _ = run_target(tmp_path, messages, kind=kind)

    assert (code, manifest["state_seen"]) == (0, True)
    (job,) = (tmp_path / "pipelines").glob("shop/load/normalized/*/new_jobs/orders.*.parquet")
    assert job.stat().st_size > 0
    state = json.loads((tmp_path / "pipelines/shop/state.json").read_text())
    assert state["sources"]["singer"]["singer_state"] == STATE["value"]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        pytest.param([record(id=1)], BadRecord, id="record before schema"),
        pytest.param([SCHEMA, record(id=1), "Traceback: secret"], BadRecord, id="garbage"),
        pytest.param([SCHEMA, record(id=1.5)], BadRecord, id="value"),
        pytest.param([{**SCHEMA, "stream": "Unknown"}], ConfigError, id="unknown stream"),
    ],
)
def test_what_cannot_be_loaded_leaves_an_error_and_no_package(
    tmp_path: Path, messages: list[Any], kind: type[ConnectorError]
) -> None:
    code, manifest, said = run_target(tmp_path, messages)

    error = ConnectorError.from_record(manifest["error"])
    assert type(error) is kind
    assert (code, error.connector) == (kind.exit_code, "shop")
    assert error.problem in said
    assert "secret" not in said
    assert not list((tmp_path / "pipelines").glob("shop/load/normalized/*/new_jobs/*"))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("change", "values", "kind"),
    [
        ({"id": {"type": "number"}}, {"id": 1.5}, "double"),
        ({"price": {"type": "number", "multipleOf": 0.001}}, {"id": 1}, "decimal(38,3)"),
        ({"doc": {"type": "string"}}, {"id": 1}, "text"),
    ],
    ids=["would be rounded", "decimal", "json to text"],
)
def test_a_type_that_changed_since_the_last_sync_is_staged_for_the_gate_to_see(
    tmp_path: Path, change: dict[str, Any], values: dict[str, Any], kind: str
) -> None:
    run_target(tmp_path, [SCHEMA, record(id=1, price=1)])
    load(tmp_path).close()
    changed = {**SCHEMA, "schema": {"properties": {**TYPES, **change}}}

    code, _, said = run_target(tmp_path, [changed, record(**values)])

    profile = profile_tables(tmp_path / "pipelines")["orders"]
    assert (code, said) == (0, "")
    assert profile.columns[next(iter(change))].type == kind


@pytest.mark.integration
def test_a_second_sync_with_the_same_types_is_staged(tmp_path: Path) -> None:
    for _ in range(2):
        code, _, said = run_target(tmp_path, [SCHEMA, record(id=1, price=1, odd=1), STATE])
        connection = load(tmp_path)
        rows = connection.sql("SELECT count(*) FROM shop.orders").fetchall()
        connection.close()

    assert (code, said, rows) == (0, "", [(2,)])


@pytest.mark.integration
def test_progress_ends_with_the_rows_of_each_stream(tmp_path: Path) -> None:
    run_target(tmp_path, [SCHEMA, *(record(id=n, price=1) for n in range(25_000))])

    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    extracted = [line for line in lines if line["phase"] == "extract"]
    assert (extracted[-1]["stream"], extracted[-1]["rows"]) == ("Orders", 25_000)
    assert lines[-1]["phase"] == "normalize"


@pytest.mark.parametrize("option", ["--version", "--about", "--help"])
def test_an_option_that_only_prints_loads_no_engine(option: str) -> None:
    code = (
        "import sys; from connector_assets.singer.target import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "sys.exit(' '.join({'dlt', 'duckdb', 'pyarrow', 'sqlalchemy'} & set(sys.modules)) or 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, option],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "connector-target" in done.stdout
