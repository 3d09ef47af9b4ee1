"""Tables of PostgreSQL by COPY: the same rows and types as row by row, or row by row."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector_assets.destinations.postgres_query import fetch_batches
from connector_assets.engines.postgres_copy import Copy, plan_copy, read_copy
from connector_assets.engines.sql_errors import explain_database
from connector_assets.engines.sql_source import build_table
from connector_assets.errors import BadRecord, TransientSyncError

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration

#: Column types, each with literals; a driver that reads row by row keeps them all.
KINDS: dict[str, tuple[str, ...]] = {
    "smallint": ("-32768", "0", "32767"),
    "integer": ("-2147483648", "2147483647"),
    "bigint": ("-9223372036854775808", "9007199254740993"),
    "numeric(12,2)": ("-9999999999.99", "0", "0.10", "1234567890.10"),
    "numeric(18)": ("999999999999999999", "-10000"),
    "numeric(38,38)": ("0.00000000000000000000000000000000000001", "-0.1"),
    "numeric(38,10)": ("1234567890123456789012345678.0123456789", "-0.0000000001"),
    "numeric": ("-0.000000001", "12345678901234567890123456789.5", "0", "1000000", "1.50"),
    "numeric(50,2)": ("'NaN'", "1e40"),
    "real": ("0.1", "'NaN'", "'-Infinity'", "16777217", "1e-45", "'-0'"),
    "double precision": ("0.1", "'NaN'", "'Infinity'", "5e-324", "1.7976931348623157e308", "'-0'"),
    "boolean": ("true", "false"),
    "timestamptz": ("'0001-01-01 00:00Z'", "'2024-07-01 12:00:00.123456+05:30'", "'9999-12-31Z'"),
    "timestamp": ("'0001-01-01'", "'2024-07-01 12:00:00.123456'", "'9999-12-31 23:59:59.999999'"),
    "timestamp(0)": ("'2024-07-01 12:00:01'",),
    "timestamp(3)": ("'2024-07-01 12:00:01.123'", "'1969-12-31 23:59:59.999'"),
    "date": ("'0001-01-01'", "'2024-02-29'", "'9999-12-31'"),
    "time": ("'00:00'", "'23:59:59.999999'"),
    "time(3)": ("'10:00:00.123'",),
    "timetz": ("'10:00:00.5+02'", "'24:00+00'"),
    "interval": ("'1 mon -3 days 04:05:06.7'", "'0'"),
    "text": ("''", "'hé € 😀 \"'", "'\\N'", "E'a\\n\\t\\r\\\\'", "' 007 '", "repeat('x', 70000)"),
    "varchar(9)": ("''", "'ab '"),
    "char(5)": ("''", "'ab'", "'héllo'"),
    '"char"': ("'c'", "'é'"),
    "name": ("'a name'",),
    "bytea": ("''", "'\\x00ff27'"),
    "uuid": ("'0D1F0A3C-0000-4000-8000-000000000001'",),
    "json": ("""'{"a": 9.12345678901234567, "a": null}'""", "'null'"),
    "jsonb": ("""'{"b": [1.50, 12345678901234567890]}'""", "'\"text\"'"),
    "numeric[]": ("'{1.10,NULL}'", "'{}'"),
    "text[]": ("""'{{a,""},{"b c",NULL}}'""",),
    "timestamptz[]": ("'{2024-07-01 12:00:00+02}'",),
    "inet": ("'10.0.0.1'", "'::1/64'"),
    "money": ("12.5",),
    "bit(3)": ("B'101'",),
    "oid": ("4294967295",),
    "int4range": ("'[1,5)'",),
    "mood": ("'happy'", "'so-so'"),
    "price": ("9.95",),
}
COLUMNS = [f"c{at} {kind if kind != 'mood' else 'mood'}" for at, kind in enumerate(KINDS)]
Row = tuple[str, ...]


@pytest.fixture(scope="module")
def server(new_postgres_database: Callable[[], str]) -> Iterator[sa.Engine]:
    """A database with the table ``things``: a column of each type."""
    url = new_postgres_database().replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url)
    execute(
        engine,
        "CREATE TYPE mood AS ENUM ('happy', 'so-so')",
        "CREATE DOMAIN price AS numeric(9,2)",
        f"CREATE TABLE things ({', '.join(COLUMNS)}, must integer NOT NULL DEFAULT 1)",
    )
    with pytest.MonkeyPatch.context() as patch:
        # Otherwise dlt asks Airflow, where it is installed, for each of its settings.
        patch.setenv("PROVIDERS__ENABLE_AIRFLOW_SECRETS", "false")
        yield engine
    engine.dispose()


def execute(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def read(engine: sa.Engine, *, row_by_row: bool = False, **options: Any) -> pa.Table:
    given = {"credentials": engine.url.render_as_string(hide_password=False), **options}
    if row_by_row:
        given["engine_kwargs"] = {}
    return pa.concat_tables(list(build_table(given)))


def plan(engine: sa.Engine, name: str, schema: pa.Schema) -> Copy:
    table = sa.Table(name, sa.MetaData(), autoload_with=engine)
    return plan_copy(table.select(), table, engine=engine, schema=schema, values=())


def is_same(one: pa.Table, other: pa.Table) -> bool:
    # By repr: NaN differs from itself, and -0.0 is not 0.0.
    same = one.schema.equals(other.schema, check_metadata=True)
    return same and repr(one.to_pylist()) == repr(other.to_pylist())


@given(
    rows=st.lists(
        st.tuples(*(st.sampled_from(("NULL", *literals)) for literals in KINDS.values())),
        max_size=5,
    )
)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_value_and_type_is_the_same_as_row_by_row(
    server: sa.Engine, capfd: pytest.CaptureFixture[str], rows: list[Row]
) -> None:
    execute(server, "TRUNCATE things")
    for row in rows:
        text = f"INSERT INTO things VALUES ({', '.join(row)})"
        with server.begin() as connection:
            connection.execute(sa.text(text.replace("\\", "\\\\").replace(":", "\\:")))

    copied = read(server, table="things")

    assert is_same(copied, read(server, table="things", row_by_row=True))
    assert copied.num_rows == len(rows)
    # Not by having been read row by row too.
    assert "row by row" not in capfd.readouterr().out


def test_each_literal_is_the_same_as_row_by_row(server: sa.Engine) -> None:
    execute(server, "TRUNCATE things")
    for at, literals in enumerate(KINDS.values()):
        execute(server, *(f"INSERT INTO things (c{at}) VALUES ({one})" for one in literals))

    copied = read(server, table="things")

    assert is_same(copied, read(server, table="things", row_by_row=True))
    assert copied.num_rows == sum(map(len, KINDS.values()))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bigint", ("1", "2", "9007199254740993")),
        ("numeric(30,5)", ("1.00001", "12345678901234567890.12345")),
        ("double precision", ("0.1", "0.30000000000000004")),
        ("date", ("'2024-02-28'", "'2024-02-29'")),
        ("timestamp", ("'2024-07-01 12:00:00.123456'", "'2024-07-01 12:00:00.123457'")),
        ("timestamptz", ("'2024-07-01 12:00+05:30'", "'2024-07-01 12:00:00.000001+05:30'")),
        ("text", ("'a'", """'it''s 100%, \\ %s :x "q"'""")),
        (
            "uuid",
            ("'0d1f0a3c-0000-4000-8000-000000000001'", "'f0000000-0000-0000-0000-000000000001'"),
        ),
    ],
)
def test_a_table_is_read_from_its_cursor_on_whatever_its_type(
    bench: Bench, server: sa.Engine, kind: str, values: tuple[str, ...]
) -> None:
    execute(server, "DROP TABLE IF EXISTS moving", f"CREATE TABLE moving (id int, at {kind})")
    rows = [f"INSERT INTO moving VALUES ({at}, {one})" for at, one in enumerate(values)]
    dsn = server.url.render_as_string(hide_password=False)
    declared = connector(
        "sql_database",
        {"credentials": "${dsn}"},
        stream("moving", cursor="at", primary_key=("id",)),
        secrets={"dsn": "env:DSN"},
    )
    execute(server, *(row.replace("%", "%%") for row in rows[:-1]))
    bench.stage(declared, dsn=dsn)
    execute(server, rows[-1].replace("%", "%%"))

    first = bench.stage(declared, dsn=dsn)["moving"]
    second = bench.stage(declared, dsn=dsn)["moving"]

    # The row on the boundary comes again and is dropped.
    assert (first.emitted, first.staged) == (2, 1)
    assert (second.emitted, second.staged) == (1, 0)


def test_columns_that_are_left_out_are_not_read(server: sa.Engine) -> None:
    execute(
        server,
        "DROP TABLE IF EXISTS wide",
        "CREATE TABLE wide (id int, odd numeric, nan_in int)",
        "INSERT INTO wide VALUES (1, 'NaN', 2)",
    )

    copied = read(server, table="wide", excluded_columns=["odd"])

    assert copied.to_pylist() == [{"id": 1, "nan_in": 2}]


def test_a_nan_among_decimals_is_refused_with_its_row(server: sa.Engine) -> None:
    execute(
        server,
        "DROP TABLE IF EXISTS prices",
        "CREATE TABLE prices (a numeric(9,2), b numeric(9,2))",
        "INSERT INTO prices SELECT 1, 2 FROM generate_series(1, 200000)",
        "INSERT INTO prices VALUES (1, 'NaN')",
    )
    kind = pa.decimal128(9, 2)

    with pytest.raises(BadRecord) as caught:
        list(read_copy(plan(server, "prices", pa.schema([("a", kind), ("b", kind)]))))

    assert caught.value.place == "row 200001"
    assert "column 'b' holds NaN" in caught.value.problem


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"backend_kwargs": {"tz": "UTC"}}, "int"), ({}, "numeric(5,-2)")],
    ids=["driver", "type"],
)
def test_what_is_not_exact_is_read_row_by_row_and_the_log_says_why(
    server: sa.Engine, capfd: pytest.CaptureFixture[str], options: dict[str, Any], kind: str
) -> None:
    execute(
        server,
        "DROP TABLE IF EXISTS odd",
        f"CREATE TABLE odd (n {kind})",
        "INSERT INTO odd VALUES (1200)",
    )

    rows = read(server, table="odd", **options)

    assert [int(row["n"]) for row in rows.to_pylist()] == [1200]
    line = json.loads(capfd.readouterr().out)
    assert line["event"].startswith("table 'odd' is read row by row, which is slower: ")


def test_a_server_that_cannot_be_reached_is_told_without_the_password() -> None:
    # Not in the line that a traceback shows of this test.
    unreachable = "host=127.0.0.1 port=9 password=s3cret"

    with pytest.raises(OSError, match="Connection refused") as caught:
        list(fetch_batches("SELECT 1", conninfo=unreachable))

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_text_of_another_encoding_arrives_as_what_it_says(
    server: sa.Engine, new_postgres_database: Callable[[], str]
) -> None:
    plain = server.execution_options(isolation_level="AUTOCOMMIT")
    execute(
        plain,
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    latin = sa.create_engine(server.url.set(database="latin"), poolclass=sa.NullPool)
    execute(latin, "CREATE TABLE names (n text)", "INSERT INTO names VALUES (U&'caf\\00e9')")

    assert read(latin, table="names").to_pylist() == [{"n": "café"}]


def test_a_server_that_goes_away_while_rows_come_is_worth_another_try(server: sa.Engine) -> None:
    execute(
        server,
        "DROP TABLE IF EXISTS long",
        "CREATE TABLE long AS SELECT repeat('x', 200) AS words FROM generate_series(1, 900000)",
    )
    tables = read_copy(plan(server, "long", pa.schema([("words", pa.string())])))
    next(tables)
    execute(
        server,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%%'",
    )

    with pytest.raises(sa.exc.DBAPIError) as caught:
        list(tables)

    error = explain_database(caught.value)
    assert type(error) is TransientSyncError
    # Which of both words are last depends on how far the server was.
    assert ("closed the connection" in error.problem) or ("terminating conn" in error.problem)
    assert "SELECT" not in str(error)


def test_a_query_that_fails_late_is_no_other_try(server: sa.Engine) -> None:
    execute(
        server,
        "DROP VIEW IF EXISTS late",
        "CREATE VIEW late AS SELECT 1 / (900000 - n) AS part FROM generate_series(1, 900000) n",
    )

    with pytest.raises(sa.exc.DBAPIError) as caught:
        list(read_copy(plan(server, "late", pa.schema([("part", pa.int64())]))))

    error = explain_database(caught.value)
    assert type(error) is BadRecord
    assert error.problem.endswith("unchanged: division by zero")
