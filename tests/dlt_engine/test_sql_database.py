"""Tables of PostgreSQL and SQLite: each value exactly, or an error that names the column."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from connector_assets.errors import (
    BadRecord,
    ConfigError,
    ConnectorError,
    CredentialError,
    FatalSyncError,
    StreamMissing,
    TransientSyncError,
)
from connector_assets.model import Connector, Stream

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration

#: Column type, literal, what arrives, as what.
TYPES: dict[str, tuple[str, str, Any, pa.DataType]] = {
    "whole": ("bigint", "9223372036854775807", 2**63 - 1, pa.int64()),
    "money": ("numeric(12,2)", "1234567890.10", Decimal("1234567890.10"), pa.decimal128(12, 2)),
    "wide": (
        "numeric(38,10)",
        "1234567890123456789012345678.0123456789",
        Decimal("1234567890123456789012345678.0123456789"),
        pa.decimal128(38, 10),
    ),
    "wider": ("numeric(50,2)", f"{10**40}.10", f"{10**40}.10", pa.string()),
    "loose": ("numeric", "-0.000000001", Decimal("-0.000000001"), pa.decimal128(38, 9)),
    "nan": ("double precision", "'Infinity'", float("inf"), pa.float64()),
    "moment": (
        "timestamptz",
        "'2024-07-01 12:00:00.123456+02'",
        datetime(2024, 7, 1, 10, 0, 0, 123456, tzinfo=UTC),
        pa.timestamp("us", "UTC"),
    ),
    "local": (
        "timestamp",
        "'2024-07-01 12:00:00.123456'",
        datetime(2024, 7, 1, 12, 0, 0, 123456),
        pa.timestamp("us"),
    ),
    "day": ("date", "'0044-02-29'", date(44, 2, 29), pa.date32()),
    "clock": ("time", "'23:59:59.999999'", time(23, 59, 59, 999999), pa.time64("us")),
    "zoned": ("timetz", "'10:00:00.5+02'", "10:00:00.5+02", pa.string()),
    "span": ("interval", "'1 mon -3 days'", "1 mon -3 days", pa.string()),
    "text": ("text", "'hé € 😀 \"'", 'hé € 😀 "', pa.string()),
    "blank": ("text", "''", "", pa.string()),
    "padded": ("char(5)", "'ab'", "ab   ", pa.string()),
    "flag": ("boolean", "false", False, pa.bool_()),
    "bytes": ("bytea", "''", b"", pa.binary()),
    "uuid": (
        "uuid",
        "'0D1F0A3C-0000-4000-8000-000000000001'",
        "0d1f0a3c-0000-4000-8000-000000000001",
        pa.string(),
    ),
    "doc": ("json", """'{"a": 9.12345678901234567}'""", '{"a": 9.12345678901234567}', pa.string()),
    "docb": ("jsonb", """'"text"'""", '"text"', pa.string()),
    "list": ("numeric[]", "'{1.10,NULL}'", "[1.10,null]", pa.string()),
    "nest": ("text[]", """'{{a,""},{"b c",NULL}}'""", '[["a",""],["b c",null]]', pa.string()),
    "host": ("inet", "'10.0.0.1'", "10.0.0.1/32", pa.string()),
}  # fmt: skip


def database(*streams: Stream, **config: Any) -> Connector:
    given = {"credentials": "${dsn}", **config}
    return connector("sql_database", given, *streams, secrets={"dsn": "env:DSN"})


@pytest.fixture
def dsn(new_postgres_database: Callable[[], str]) -> str:
    """The URL of an empty PostgreSQL database, with the driver written out."""
    return new_postgres_database().replace("postgresql://", "postgresql+psycopg://")


def execute(dsn: str, *statements: str) -> None:
    engine = sa.create_engine(dsn, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_every_type_of_postgresql_arrives_exactly(bench: Bench, dsn: str) -> None:
    columns = ", ".join(f"{name} {each[0]}" for name, each in TYPES.items())
    literals = ", ".join(each[1] for each in TYPES.values())
    execute(
        dsn,
        f"CREATE TABLE things (id int PRIMARY KEY, {columns})",
        f"INSERT INTO things VALUES (1, {literals}), (2{', NULL' * len(TYPES)})",
    )

    bench.stage(database(stream("things")), dsn=dsn)

    first, second = sorted(bench.rows("things"), key=lambda row: int(row["id"]))
    assert {name: first[name] for name in TYPES} == {name: each[2] for name, each in TYPES.items()}
    assert {second[name] for name in TYPES} == {None}
    schema = bench.table("things").schema
    assert {name: schema.field(name).type for name in TYPES} == {
        name: each[3] for name, each in TYPES.items()
    }


@pytest.mark.parametrize(
    ("kind", "literal"),
    [
        ("numeric", "0.12345678901234"),
        ("numeric", "1e40"),
        ("numeric(12,2)", "'NaN'"),
        ("timestamptz", "'infinity'"),
        ("date", "'0044-03-15 BC'"),
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_with_its_column_and_row(
    bench: Bench, dsn: str, kind: str, literal: str
) -> None:
    execute(
        dsn,
        f"CREATE TABLE things (id int, odd {kind})",
        f"INSERT INTO things VALUES (1, NULL), (2, {literal})",
    )

    error = bench.fail(database(stream("things", line=4)), dsn=dsn)

    assert type(error) is BadRecord
    assert (error.stream, error.place) == ("things", "row 2")
    assert "column 'odd'" in error.problem
    assert literal not in str(error)


def test_a_table_is_read_from_its_cursor_on(bench: Bench, dsn: str) -> None:
    rows = "SELECT n, timestamptz '2024-01-01Z' + n * interval '1 s' FROM generate_series({}, {}) n"
    execute(
        dsn,
        "CREATE TABLE things (id int, at timestamptz)",
        f"INSERT INTO things {rows.format(1, 120_000)}",
    )
    declared = database(stream("things", cursor="at", primary_key=("id",)))
    first = bench.stage(declared, dsn=dsn)["things"]
    execute(dsn, f"INSERT INTO things {rows.format(120_001, 120_010)}")

    second = bench.stage(declared, dsn=dsn)["things"]

    assert (first.emitted, first.staged) == (120_000, 120_000)
    # The row on the boundary comes again and is dropped.
    assert (second.emitted, second.staged) == (11, 10)
    assert sorted(row["id"] for row in bench.rows("things")) == list(range(120_001, 120_011))


@pytest.mark.parametrize("cursor", ["", "at"])
def test_an_empty_table_is_staged_with_its_columns(bench: Bench, dsn: str, cursor: str) -> None:
    execute(dsn, "CREATE TABLE things (id int, at timestamptz, doc jsonb)")

    staged = bench.stage(database(stream("things", cursor=cursor)), dsn=dsn)["things"]

    assert (staged.emitted, staged.staged) == (0, 0)
    assert bench.table("things").column_names == ["id", "at", "doc"]


def test_a_view_and_a_table_of_another_name_and_schema_are_read(bench: Bench, dsn: str) -> None:
    execute(
        dsn,
        "CREATE SCHEMA other",
        "CREATE TABLE other.things (id int)",
        "INSERT INTO other.things VALUES (1), (2)",
        "CREATE VIEW few AS SELECT * FROM other.things WHERE id > 1",
    )
    items = stream("items", config={"table": "things", "schema": "other"})

    staged = bench.stage(database(items, stream("few")), dsn=dsn)

    assert {name: each.staged for name, each in staged.items()} == {"items": 2, "few": 1}


def sqlite(tmp_path: Path, *statements: str) -> str:
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    return f"sqlite:///{tmp_path / 'shop.sqlite'}"


def test_values_of_sqlite_arrive_as_declared(bench: Bench, tmp_path: Path) -> None:
    dsn = sqlite(
        tmp_path,
        "CREATE TABLE things (id INTEGER, n NUMERIC(12,2), f REAL, t TEXT, d DATE, j JSON, b BLOB)",
        "INSERT INTO things VALUES (1, 2.5, 0.1, '007', '2024-02-29', '{\"a\": 1.50}', x'00ff')",
        "INSERT INTO things VALUES (2, 3, NULL, '', NULL, NULL, x'')",
    )

    bench.stage(database(stream("things")), dsn=dsn)

    assert [tuple(row.values()) for row in bench.rows("things")] == [
        (1, Decimal("2.50"), 0.1, "007", date(2024, 2, 29), '{"a": 1.50}', b"\0\xff"),
        (2, Decimal("3.00"), None, "", None, None, b""),
    ]


@pytest.mark.parametrize(
    ("kind", "literal"),
    [("INTEGER", "1.5"), ("INTEGER", "'many'"), ("NUMERIC(12,2)", "1.005"), ("NUMERIC", "'x'")],
)
def test_what_sqlite_holds_against_its_declared_type_is_refused(
    bench: Bench, tmp_path: Path, kind: str, literal: str
) -> None:
    dsn = sqlite(tmp_path, f"CREATE TABLE t (n {kind})", f"INSERT INTO t VALUES ({literal})")

    error = bench.fail(database(stream("t")), dsn=dsn)

    assert type(error) is BadRecord
    assert "column 'n'" in error.problem
    assert error.stream == "t"


def failures(tmp_path: Path, dsn: str) -> dict[str, tuple[str, type[ConnectorError], str]]:
    """Return URL, class and words by what goes wrong."""
    url = sa.make_url(dsn)
    shown = {
        "refused": (url.set(query={}, host="127.0.0.1", port=9), TransientSyncError, "not answer"),
        "database": (url.set(database="nowhere"), ConfigError, '"nowhere" does not exist'),
        "role": (url.set(username="nobody", password="s3cret"), CredentialError, "nobody"),
    }
    plain = {
        "no url": ("s3cret", ConfigError, "no database URL"),
        "dialect": ("nosql://u:s3cret@h/d", ConfigError, "is not known"),
        "driver": ("mysql+pymysql://u:s3cret@h/d", ConfigError, "'pymysql'"),
        "file": (f"sqlite:///{tmp_path}/no/x.sqlite", ConfigError, "unable to open"),
    }
    rendered = {
        name: (each[0].render_as_string(hide_password=False), each[1], each[2])
        for name, each in shown.items()
    }
    return {**rendered, **plain}


@pytest.mark.parametrize(
    "what", ["refused", "database", "role", "no url", "dialect", "driver", "file"]
)
def test_a_database_that_cannot_be_read_has_its_class(
    bench: Bench, tmp_path: Path, dsn: str, what: str
) -> None:
    url, kind, words = failures(tmp_path, dsn)[what]

    error = bench.fail(database(stream("things", line=4)), dsn=url)

    assert type(error) is kind
    assert words in error.problem
    assert (error.stream, error.place) == ("things", "connectors/shop.yaml:4")
    assert "s3cret" not in str(error)


def test_a_table_that_is_not_there_is_named(bench: Bench, dsn: str) -> None:
    error = bench.fail(database(stream("thinks")), dsn=dsn)

    assert type(error) is StreamMissing
    assert (error.stream, "no table or view 'thinks'" in error.problem) == ("thinks", True)


def test_a_table_that_may_not_be_read_is_a_credential_error(bench: Bench, dsn: str) -> None:
    execute(
        dsn,
        "CREATE TABLE things (id int)",
        "CREATE ROLE guest LOGIN",
        "GRANT USAGE ON SCHEMA public TO guest",
    )
    url = sa.make_url(dsn).set(username="guest").render_as_string(hide_password=False)

    error = bench.fail(database(stream("things")), dsn=url)

    assert type(error) is CredentialError
    assert "permission denied for table things" in error.problem


def test_a_cursor_that_is_no_column_is_named(bench: Bench, dsn: str) -> None:
    execute(dsn, "CREATE TABLE things (id int)")

    error = bench.fail(database(stream("things", cursor="at")), dsn=dsn)

    assert type(error) is ConfigError
    assert "no column 'at'" in error.problem


def test_a_null_in_the_cursor_is_told(bench: Bench, dsn: str) -> None:
    execute(dsn, "CREATE TABLE things (id int, at date)", "INSERT INTO things VALUES (1, NULL)")

    error = bench.fail(database(stream("things", cursor="at")), dsn=dsn)

    assert type(error) is FatalSyncError
    assert "no value in 'at'" in error.problem
