"""Reading a destination: exact values, no writes, a bounded wait."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.destinations.locks import file_lock
from connector_assets.project import load_project
from tests.cli.conftest import Run

pytestmark = pytest.mark.integration
# What a query must print of each value in JSON.
VALUES = {
    "1": 1,
    "9007199254740992": 9007199254740992,
    "9007199254740993": "9007199254740993",
    "sum(170141183460469231731687303715884105727)": "170141183460469231731687303715884105727",
    "count(*)": 1,
    "1.50::DECIMAL(12, 2)": "1.50",
    "1.5::DOUBLE": 1.5,
    "1.1::FLOAT": 1.1,
    "'NaN'::DOUBLE": "nan",
    "true": True,
    "NULL": None,
    "'text'": "text",
    "DATE '2026-11-22'": "2026-11-22",
    "TIME '01:58:03.5'": "01:58:03.5",
    "TIMESTAMP '2026-11-22 01:58:03'": "2026-11-22T01:58:03",
    "TIMESTAMPTZ '2026-11-22 01:58:03.25+02'": "2026-11-21T23:58:03.25+00:00",
    "'infinity'::TIMESTAMPTZ": "infinity",
    "TIMETZ '01:58:03+02'": "01:58:03+02",
    "INTERVAL '1 month 2 days'": "1 month 2 days",
    "'\\xAA\\x00'::BLOB": "qgA=",
    "UUID '123e4567-e89b-12d3-a456-426614174000'": "123e4567-e89b-12d3-a456-426614174000",
    "'a'::ENUM('a', 'b')": "a",
    "[1, NULL]": [1, None],
    "{'a': {'b': 9007199254740993}}": {"a": {"b": "9007199254740993"}},
    "MAP {'k': 1.5}": {"k": 1.5},
    "340282366920938463463374607431768211455::UHUGEINT": "340282366920938463463374607431768211455",
}


@pytest.fixture
def loaded(project: Path) -> Path:
    """The project, with a table of 250 rows in each destination."""
    rows = "SELECT i AS id, 'row ' || i AS name FROM range(250) AS numbers(i)"
    for destination in load_project(project).destinations.values():
        with connected(destination, secrets={}) as connection:
            connection.execute("CREATE SCHEMA shop")
            connection.execute(f"CREATE TABLE shop.orders AS {rows}")
    return project


@pytest.fixture
def holder(loaded: Path) -> Iterator[int]:
    """The pid of a process that has the DuckDB file open for writing."""
    code = (
        "import duckdb, sys\n"
        "duckdb.connect('data/file.duckdb')\n"
        "connection = duckdb.connect('data/file.duckdb')\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=loaded, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process.pid
        process.kill()


@pytest.mark.parametrize("destination", ["lake", "file"])
def test_query_returns_objects(run: Run, loaded: Path, destination: str) -> None:
    ran = run("query", destination, "SELECT * FROM shop.orders ORDER BY id LIMIT 2", "--json")

    assert ran.json == [{"id": 0, "name": "row 0"}, {"id": 1, "name": "row 1"}]


def test_every_value_is_exact_or_its_text(run: Run, loaded: Path) -> None:
    columns = ", ".join(f"{value} AS c{number}" for number, value in enumerate(VALUES))

    (row,) = run("query", "file", f"SELECT {columns}", "--json").json

    assert dict(zip(VALUES, row.values(), strict=True)) == VALUES


def test_names_that_come_twice_are_told_apart(run: Run, loaded: Path) -> None:
    assert run("query", "file", "SELECT 1 AS a, 2 AS a", "--json").json == [{"a": 1, "a_2": 2}]


def test_table_is_cut_at_100_rows_and_says_so(run: Run, loaded: Path) -> None:
    lines = run("query", "lake", "FROM shop.orders ORDER BY id").out.splitlines()

    assert len(lines) == 102
    assert lines[0].split() == ["id", "name"]
    assert lines[-1] == "the first 100 rows, there are more: --limit N"


def test_json_and_csv_are_not_cut(run: Run, loaded: Path) -> None:
    sql = "SELECT id, name, id % 2 = 0 AS even FROM shop.orders ORDER BY id"

    listed = run("query", "lake", sql, "--json").json
    rows = list(csv.reader(io.StringIO(run("query", "lake", sql, "--csv").out)))

    assert len(listed) == 250
    assert rows[:2] == [["id", "name", "even"], ["0", "row 0", "true"]]
    assert len(rows) == 251


def test_limit_counts_everywhere(run: Run, loaded: Path) -> None:
    assert len(run("query", "lake", "FROM shop.orders", "--limit", 7, "--json").json) == 7


@pytest.mark.parametrize(
    ("rows", "shown"), [(2, "c19  9"), (9, "more columns: select fewer")], ids=["few", "many"]
)
def test_wide_answer_fits_the_terminal(
    run: Run, loaded: Path, monkeypatch: pytest.MonkeyPatch, rows: int, shown: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    columns = ", ".join(f"'{number % 10}'::VARCHAR AS c{number}" for number in range(10, 40))

    ran = run("query", "file", f"SELECT {columns} FROM shop.orders LIMIT {rows}")

    assert shown in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE shop.orders",
        "INSERT INTO shop.orders VALUES (1, 'x')",
        "COPY (SELECT 1) TO 'stolen.csv'",
        "ATTACH 'other.duckdb'",
        "CREATE TABLE shop.x AS SELECT 1",
        "SET threads = 1",
        "CALL ducklake_snapshots('lake')",
        "SELECT 1; DROP TABLE shop.orders",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'stolen.csv'",
        "",
    ],
)
@pytest.mark.parametrize("destination", ["lake", "file"])
def test_what_is_no_select_is_not_run(run: Run, loaded: Path, destination: str, sql: str) -> None:
    ran = run("query", destination, sql, "--json")

    assert ran.code == 3
    assert ran.error["problem"].startswith("a query is one SELECT")
    assert not (loaded / "stolen.csv").exists()
    counted = run("query", destination, "SELECT count(*) AS n FROM shop.orders", "--json").json
    assert counted == [{"n": 250}]


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT * FROM shop.ordres", "Table with name ordres does not exist"),
        ("SELEC 1", "LINE 1: SELEC 1"),
        ("SELECT name::INTEGER FROM shop.orders", "Could not convert string"),
    ],
    ids=["table", "syntax", "value"],
)
def test_wrong_sql_is_duckdb_s_message(run: Run, loaded: Path, sql: str, problem: str) -> None:
    ran = run("query", "file", sql, "--json")

    assert ran.code == 3
    assert problem in ran.error["problem"]
    assert "#1" not in ran.error["problem"]


@pytest.mark.parametrize("destination", ["lake", "file"])
def test_destination_that_is_not_there_is_not_made(
    run: Run, project: Path, destination: str
) -> None:
    ran = run("query", destination, "SELECT 1")

    assert ran.code == 3
    assert "nothing was ever loaded" in ran.err
    assert not (project / "data").exists()


def test_unknown_destination_has_a_near_one(run: Run, project: Path) -> None:
    assert "Did you mean 'lake'?" in run("query", "lak", "SELECT 1").err


def test_file_open_elsewhere_is_waited_for_and_its_holder_named(run: Run, holder: int) -> None:
    began = time.monotonic()

    ran = run("query", "file", "SELECT 1", "--wait", 0.6, "--json")

    assert ran.code == 7
    assert f"process {holder}" in ran.error["problem"]
    assert 0.5 < time.monotonic() - began < 5


def test_file_that_a_sync_is_loading_is_waited_for(run: Run, loaded: Path) -> None:
    destination = load_project(loaded).destination("file")

    with file_lock(destination, purpose="sync 7f3a of shop"):
        ran = run("query", "file", "SELECT 1", "--wait", 0.3, "--json")

    assert ran.code == 7
    assert "sync 7f3a of shop" in ran.error["problem"]
    assert "--wait" in ran.error["fix"]


def test_missing_secret_of_a_destination_is_a_credential_error(run: Run, project: Path) -> None:
    file = project / "connectors.yaml"
    lake = '  far: {type: ducklake, catalog: "postgresql://u:${p}@h/d", data_path: x, '
    text = file.read_text().replace(
        "destinations:\n", f"destinations:\n{lake}secrets: {{p: env:NO_SUCH}}}}\n"
    )
    file.write_text(text)

    assert run("query", "far", "SELECT 1").code == 4


def test_lake_on_postgresql_is_read_and_never_made(
    run: Run, project: Path, new_postgres_database: Callable[[], str]
) -> None:
    url = new_postgres_database()
    file = project / "connectors.yaml"
    far = f'  far: {{type: ducklake, catalog: "{url}", data_path: data/far}}\n'
    file.write_text(file.read_text().replace("destinations:\n", f"destinations:\n{far}"))

    missing = run("query", "far", "SELECT 1 AS one", "--json")
    with connected(load_project(project).destination("far"), secrets={}) as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute("CREATE TABLE shop.orders AS SELECT 1 AS id")
    found = run("query", "far", "FROM shop.orders", "--json")

    assert (missing.code, missing.error["problem"]) == (3, "nothing was ever loaded into far")
    assert found.json == [{"id": 1}]


def test_file_that_a_killed_writer_left_is_read(run: Run, loaded: Path) -> None:
    code = (
        "import duckdb, os, signal\n"
        "connection = duckdb.connect('data/file.duckdb')\n"
        "connection.execute('INSERT INTO shop.orders VALUES (1000, NULL)')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=loaded, check=False)
    assert list((loaded / "data").glob("*.wal"))

    ran = run("query", "file", "SELECT max(id) AS last FROM shop.orders", "--json")

    assert ran.json == [{"last": 1000}]
