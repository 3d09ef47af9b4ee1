"""Files: CSV is text unless it is declared, Parquet keeps its types, JSON lines their structure."""

from __future__ import annotations

import csv
import gzip
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from connector_assets.errors import BadRecord, ConfigError
from connector_assets.model import Connector

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "some files"
    files.mkdir()
    return files


def files(folder: Path, *, cursor: str = "", **config: Any) -> Connector:
    items = stream("items", cursor=cursor, config=config, line=8)
    return connector("filesystem", {"bucket_url": folder.as_uri()}, items)


def test_csv_is_text_and_an_empty_field_is_null(bench: Bench, folder: Path) -> None:
    (folder / "a.csv").write_text('\ufeffid,name\n007,NA\n8,""\n"9",\n1e5,"a\n""b"""\n')

    staged = bench.stage(files(folder, file_glob="*.csv"))["items"]

    assert (staged.emitted, staged.staged) == (4, 4)
    assert [tuple(row.values()) for row in bench.rows("items")] == [
        ("007", "NA"),
        ("8", ""),
        ("9", None),
        ("1e5", 'a\n"b"'),
    ]


def test_csv_has_the_types_that_the_stream_declares(bench: Bench, folder: Path) -> None:
    head = "id;price;at;local;flag;doc\n"
    (folder / "a.csv").write_bytes(
        (head + '1;1.10;2024-07-01T12:00:00+02:00;2024-07-01 12:00:00;true;{"ü": 1.50}\n2;-;;;;\n')
        .encode("latin-1")
    )  # fmt: skip
    types = {
        "id": "bigint",
        "price": "decimal(12,2)",
        "at": "timestamp",
        "local": "timestamp_ntz",
        "flag": "bool",
        "doc": "json",
    }
    config: dict[str, Any] = {
        "delimiter": ";",
        "encoding": "latin-1",
        "null_values": ["", "-"],
        "types": types,
    }

    bench.stage(files(folder, file_glob="*.csv", **config))

    assert [tuple(row.values()) for row in bench.rows("items")] == [
        (
            1,
            Decimal("1.10"),
            datetime(2024, 7, 1, 10, tzinfo=UTC),
            datetime(2024, 7, 1, 12),
            True,
            '{"ü": 1.50}',
        ),
        (2, None, None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("n\nabc-secret\n", "bigint"),
        ("n\n1.5\n", "bigint"),
        ("n\n1.234\n", "decimal(12,2)"),
        ("n\n99999999999.1\n", "decimal(12,2)"),
        ("n\n2024-07-01T12:00:00\n", "timestamp"),
        ("n\n2024-07-01T12:00:00.1234567Z\n", "timestamp"),
        ("n,n\n1,2\n", "text"),
        ("m\n1\n", "text"),
        ("n\n1,2\n", "text"),
        ("", "text"),
    ],
)
def test_a_csv_file_that_does_not_fit_is_refused_without_its_values(
    bench: Bench, folder: Path, content: str, word: str
) -> None:
    (folder / "a.csv").write_text(content)

    error = bench.fail(files(folder, file_glob="*.csv", types={"n": word}))

    assert type(error) is BadRecord
    assert (error.stream, error.place) == ("items", "a.csv")
    assert "secret" not in str(error)


def test_a_csv_file_that_is_not_in_its_encoding_is_refused(bench: Bench, folder: Path) -> None:
    (folder / "a.csv").write_bytes(b"n\n\xff\n")

    assert type(bench.fail(files(folder, file_glob="*.csv"))) is BadRecord


def test_files_without_rows_are_staged_with_their_columns(bench: Bench, folder: Path) -> None:
    (folder / "a.csv").write_text("id,name\n")

    staged = bench.stage(files(folder, file_glob="*.csv"))["items"]

    assert (staged.emitted, staged.staged) == (0, 0)
    assert bench.table("items").column_names == ["id", "name"]


def test_a_file_of_many_batches_arrives_value_for_value(bench: Bench, folder: Path) -> None:
    values = ["", "007", "1e400", str(2**70), "NA", "a\nb", 'say "x"', "日本 😀", "  ", "null"]
    rows = [[str(at), values[at % 10], values[at % 7] * 9] for at in range(150_000)]
    with gzip.open(folder / "a.csv.gz", "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([["id", "odd", "long"], *rows])

    staged = bench.stage(files(folder, file_glob="*.csv.gz", types={"id": "bigint"}))["items"]

    assert (staged.emitted, staged.staged) == (150_000, 150_000)
    found = bench.table("items").to_pydict()
    assert [*found["id"]] == [int(row[0]) for row in rows]
    assert [*zip(found["odd"], found["long"], strict=True)] == [(one, two) for _, one, two in rows]


def test_a_csv_line_that_is_too_long_is_refused(bench: Bench, folder: Path) -> None:
    (folder / "a.csv").write_text(f"id,text\n1,{'x' * 1_000_000}\n2,{'x' * 5_000_000}\n")

    error = bench.fail(files(folder, file_glob="*.csv"))

    assert (type(error), error.place) == (BadRecord, "a.csv")
    assert "block" in error.problem


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_with_other_columns_are_staged_into_one_table(
    bench: Bench, folder: Path, kind: str
) -> None:
    first = pa.table({"id": ["1", "2"], "old": ["a", "b"]})
    second = pa.table({"new": ["x"], "id": ["3"]})
    for name, table in (("a", first), ("b", second)):
        path = folder / f"{name}.{kind}"
        pq.write_table(table, path) if kind == "parquet" else arrow_csv.write_csv(table, path)

    staged = bench.stage(files(folder, format=kind, file_glob=f"*.{kind}"))["items"]

    assert (staged.emitted, staged.staged) == (3, 3)
    assert sorted(tuple(sorted(row.items(), key=str)) for row in bench.full_rows("items")) == [
        (("id", "1"), ("new", None), ("old", "a")),
        (("id", "2"), ("new", None), ("old", "b")),
        (("id", "3"), ("new", "x"), ("old", None)),
    ]


def test_an_error_in_a_later_file_is_of_that_file(bench: Bench, folder: Path) -> None:
    (folder / "a.csv").write_text("id\n1\n")
    (folder / "b.csv").write_text("id\nx\n")

    error = bench.fail(files(folder, file_glob="*.csv", types={"id": "bigint"}))

    assert (type(error), error.stream, error.place) == (BadRecord, "items", "b.csv")


def test_jsonl_is_staged_with_its_structure(bench: Bench, folder: Path) -> None:
    (folder / "a.jsonl").write_text('{"id": 1, "tags": ["a"]}\n{"id": 2, "at": {"x": 1.5}}\n')

    staged = bench.stage(files(folder, format="jsonl", file_glob="*.jsonl"))["items"]

    assert staged.staged == 2
    assert bench.rows("items")[1]["at__x"] == 1.5
    assert [row["value"] for row in bench.rows("items__tags")] == ["a"]


@pytest.mark.parametrize(
    "line",
    ["[1]", "{", '{"n": NaN}', '{"n": 18446744073709551616}', '{"n": [0.12345678901234567890123]}'],
)
def test_jsonl_that_cannot_be_kept_is_refused_with_its_line(
    bench: Bench, folder: Path, line: str
) -> None:
    (folder / "a.jsonl").write_text(f'{{"id": 1}}\n\n{line}\n')

    error = bench.fail(files(folder, format="jsonl", file_glob="*.jsonl"))

    assert type(error) is BadRecord
    assert (error.stream, error.place) == ("items", "a.jsonl:3")


def test_parquet_keeps_its_types(bench: Bench, folder: Path) -> None:
    columns = {
        "id": pa.array([1, 2]),
        "f": pa.array([float("inf"), None]),
        "b": pa.array([b"", None]),
        "d": pa.array([Decimal("0.10"), None], pa.decimal128(20, 2)),
        "at": pa.array([datetime(2024, 1, 1, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        "local": pa.array([datetime(2024, 1, 1), None], pa.timestamp("us")),
    }
    pq.write_table(pa.table(columns), folder / "a.parquet")

    bench.stage(files(folder, format="parquet", file_glob="*.parquet"))

    assert bench.table("items").to_pydict() == pa.table(columns).to_pydict()
    assert bench.table("items").schema.types == pa.table(columns).schema.types


def test_parquet_finer_than_a_microsecond_is_refused(bench: Bench, folder: Path) -> None:
    table = pa.table({"at": pa.array([1_704_067_200_123_456_789], pa.timestamp("ns"))})
    pq.write_table(table, folder / "a.parquet")

    error = bench.fail(files(folder, format="parquet", file_glob="*.parquet"))

    assert type(error) is BadRecord
    assert "1704067200123456789" not in str(error)


def test_parquet_with_decimals_too_wide_for_duckdb_is_refused(bench: Bench, folder: Path) -> None:
    table = pa.table({"wide": pa.array([Decimal(10**40)], pa.decimal256(45, 0))})
    pq.write_table(table, folder / "a.parquet")

    error = bench.fail(files(folder, format="parquet", file_glob="*.parquet"))

    assert type(error) is BadRecord
    assert "column 'wide' is decimal256(45, 0)" in error.problem


def test_only_new_files_are_read_where_the_cursor_is_their_date(bench: Bench, folder: Path) -> None:
    declared = files(folder, cursor="modification_date", file_glob="*.csv")
    (folder / "a.csv").write_text("id\n1\n2\n")
    first = bench.stage(declared)["items"]
    time.sleep(0.05)
    (folder / "b.csv").write_text("id\n3\n")

    second = bench.stage(declared)["items"]

    assert (first.staged, second.staged) == (2, 1)
    assert [row["id"] for row in bench.rows("items")] == ["3"]


@pytest.mark.parametrize(
    ("config", "problem", "fix"),
    [
        ({"file_glob": "*.tsv"}, "no file matches '*.tsv'", "Correct `bucket_url`"),
        ({"format": "cvs"}, "'cvs' is no file format", "Did you mean 'csv'?"),
        ({"file_glob": "*.csv", "types": {"id": "bigin"}}, "'bigin' is no column type", "bigint"),
    ],
)
def test_a_config_that_cannot_work_is_told_with_its_line(
    bench: Bench, folder: Path, config: dict[str, Any], problem: str, fix: str
) -> None:
    (folder / "a.csv").write_text("id\n1\n")

    error = bench.fail(files(folder, **config))

    assert type(error) is ConfigError
    assert (error.stream, error.place) == ("items", "connectors/shop.yaml:8")
    assert problem in error.problem
    assert fix in error.fix
