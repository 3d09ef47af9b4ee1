"""A real third-party tap from a real PostgreSQL: 100,000 rows of many types, then what is new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from connector_assets.destinations.connect import connected, quoted
from connector_assets.errors import BadRecord
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Connector, Verdict
from connector_assets.project import Project, load_project

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration

ROWS = 100_000
_MICROS = "'YYYY-MM-DD\"T\"HH24:MI:SS.US'"


def plain(value: Any) -> str:
    return format(Decimal(value).normalize(), "f")


def moment(value: Any) -> str:
    return str(value.strftime("%Y-%m-%dT%H:%M:%S.%f"))


def document(text: str) -> str:
    return json.dumps(json.loads(text, parse_float=plain), sort_keys=True)


@dataclass(frozen=True)
class Column:
    """A column: its type, its value in row ``g``, and the text of it there and of what is staged.

    ``staged`` makes a text of a staged value, ``source`` one of what ``text`` selects.
    """

    kind: str
    value: str
    staged: Callable[[Any], str] = str
    text: str = "{}::text"
    source: Callable[[str], str] = str


COLUMNS = {
    "id": Column("bigint PRIMARY KEY", "g + 9000000000000000000"),
    "price": Column("numeric(12,2)", "CASE WHEN mod(g, 7) > 0 THEN g * 12345.67 END"),
    "loose": Column("numeric", "g / 7.0 * 1e10", plain, source=plain),
    "ratio": Column("double precision", "sqrt(g)", repr, source=lambda text: repr(float(text))),
    "updated_at": Column(
        "timestamptz",
        "timestamptz '2024-03-31 01:00+02' + g * interval '1.000001 s'",
        moment,
        f"to_char({{}} AT TIME ZONE 'UTC', {_MICROS})",
    ),
    "local": Column(
        "timestamp",
        "timestamp '1970-01-01' + g * interval '1 hour'",
        moment,
        f"to_char({{}}, {_MICROS})",
    ),
    "day": Column("date", "CASE WHEN mod(g, 3) > 0 THEN date '0900-02-27' + mod(g, 100000) END"),
    "clock": Column(
        "time",
        "time '00:00' + g * interval '1.5 s'",
        lambda value: str(value.strftime("%H:%M:%S.%f")),
        "to_char({}, 'HH24:MI:SS.US')",
    ),
    "words": Column("text", "CASE mod(g, 4) WHEN 0 THEN '' WHEN 1 THEN 'hé € 😀 \\ \" ' || g END"),
    "flag": Column("boolean", "mod(g, 2) = 0", lambda value: str(value).lower()),
    "uid": Column("uuid", "md5(g::text)::uuid"),
    "list": Column("bigint[]", "ARRAY[g, NULL, -g]", document, "to_json({})::text", document),
    "nest": Column(
        "text[]",
        "ARRAY[ARRAY['a,b', ''], ARRAY[g::text, NULL]]",
        document,
        "to_json({})::text",
        document,
    ),
    "doc": Column(
        "json",
        "json_build_object('n', g / 8.0, 's', 'ü\"', 'deep', json_build_array(g, NULL))",
        document,
        source=document,
    ),
    "docb": Column(
        "jsonb", "CASE WHEN mod(g, 5) > 0 THEN to_jsonb(g::text) END", document, source=document
    ),
}
SELECT = ", ".join(f"{each.value} AS {name}" for name, each in COLUMNS.items())
TEXT_OR_NULL = {"type": ["string", "null"]}
PROJECT = """\
version: 1
project_id: things
defaults: {owner: team, retries: {max: 0}}
destinations:
  lake: {%s}
"""
DESTINATIONS = {
    "duckdb": "type: duckdb, path: data/things.duckdb",
    "ducklake": 'type: ducklake, catalog: "sqlite:///data/c.sqlite", data_path: data/files',
}
CONNECTOR = """\
name: things
engine: meltano
source: tap-postgres
secrets: {sqlalchemy_url: "env:TEST_THINGS_URL"}
destination: lake.pg
streams:
  public-things: {write: merge, primary_key: id, cursor: updated_at}
"""
# What the tap cannot say: its numbers have no digits after the point, and a double is none.
SCHEMA = {
    "public-things": {
        "price": {"type": ["number", "null"], "multipleOf": 0.01, "maximum": 9_999_999_999},
        "loose": TEXT_OR_NULL,
    }
}


@dataclass(frozen=True)
class Source:
    """A database with a table, and the project that reads it through tap-postgres."""

    bench: Bench
    url: str
    tap_url: str

    def execute(self, *statements: str) -> None:
        with self._connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def insert(self, first: int, last: int) -> None:
        self.execute(f"INSERT INTO things SELECT {SELECT} FROM generate_series({first}, {last}) g")

    def stage(self, declared: Connector, *, state: Path | None = None) -> dict[str, Any]:
        secrets = {"sqlalchemy_url": self.tap_url}
        return self.bench.stage(declared, secrets=secrets, state=state)

    def checksums(self) -> dict[str, str]:
        """Return a checksum per column of the table's rows, in the order of their keys."""
        texts = ", ".join(each.text.format(name) for name, each in COLUMNS.items())
        query = f"SELECT {texts} FROM things ORDER BY id"
        with self._connect() as connection:
            rows = connection.exec_driver_sql(query).fetchall()
        makers = [each.source for each in COLUMNS.values()]
        return dict(zip(COLUMNS, _checksum(rows, makers), strict=True))

    def write_project(self, kind: str) -> Project:
        """Write the platform's files beside meltano.yml: one connector, incremental, merged."""
        root = self.bench.root
        (root / "connectors").mkdir()
        (root / "connectors.yaml").write_text(PROJECT % DESTINATIONS[kind])
        (root / "connectors" / "things.yaml").write_text(CONNECTOR)
        return load_project(root)

    def loaded(self, project: Project, *, table: str) -> dict[str, str]:
        """Return a checksum per column of the destination's table."""
        query = f"SELECT {', '.join(map(quoted, COLUMNS))} FROM lake.pg.{table} ORDER BY id"
        with connected(project.destination("lake"), secrets={}) as connection:
            rows = connection.execute(query).to_arrow_table().to_pylist()
        makers = [each.staged for each in COLUMNS.values()]
        return dict(zip(COLUMNS, _checksum((row.values() for row in rows), makers), strict=True))

    def _connect(self) -> Any:
        return sa.create_engine(self.url, poolclass=sa.NullPool).begin()


def _checksum(rows: Iterable[Any], makers: list[Callable[[Any], str]]) -> list[str]:
    sums = [hashlib.sha256() for _ in makers]
    for row in rows:
        for digest, make, value in zip(sums, makers, row, strict=True):
            digest.update((b"NULL" if value is None else make(value).encode()) + b"\n")
    return [digest.hexdigest() for digest in sums]


@pytest.fixture
def source(
    tmp_path: Path,
    declare_tap_postgres: Callable[..., None],
    tap_postgres_url: Callable[[str], str],
    new_postgres_database: Callable[[], str],
) -> Source:
    root = tmp_path / "my project"
    root.mkdir()
    declare_tap_postgres(root, schema=SCHEMA, config={"filter_schemas": ["public"]})
    url = new_postgres_database()
    driver = url.replace("postgresql://", "postgresql+psycopg://")
    made = Source(Bench(root), url=driver, tap_url=tap_postgres_url(url))
    made.execute(f"CREATE TABLE things ({', '.join(f'{n} {c.kind}' for n, c in COLUMNS.items())})")
    return made


@pytest.mark.parametrize("kind", ["duckdb", pytest.param("ducklake", marks=pytest.mark.full)])
def test_tap_postgres_arrives_whole_and_then_only_what_is_new(
    source: Source, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_THINGS_URL", source.tap_url)
    project = source.write_project(kind)
    item = project.connector("things").streams[0]
    with Ledger.open(project.ledger_url) as ledger:

        def sync() -> SyncRow:
            request = StartRequest(root_run_id=uuid4().hex)
            setting = Setting(project=project, ledger=ledger)
            return run_sync(setting, project.connector("things"), request=request)

        source.insert(1, ROWS)
        full = sync()
        after_full = source.loaded(project, table=item.table), source.checksums()
        source.insert(ROWS + 1, ROWS + 1_000)
        new = sync()

    assert (full.verdict, new.verdict) == (Verdict.SUCCEEDED, Verdict.SUCCEEDED), new.cause
    assert after_full[0] == after_full[1]
    assert source.loaded(project, table=item.table) == source.checksums()
    counts = [row.result["streams"][0] for row in (full, new)]
    assert [one["emitted"] for one in counts] == [ROWS, 1_001]
    assert counts[1]["total"] == ROWS + 1_000


@pytest.mark.parametrize(
    ("kind", "literal"),
    [
        pytest.param("numeric", "0.12345678901234567890", id="digits beyond a double"),
        pytest.param("timetz", "'10:00+02'", id="time with an offset"),
    ],
)
def test_what_the_taps_schema_cannot_hold_is_refused(
    source: Source, kind: str, literal: str
) -> None:
    source.execute(f"CREATE TABLE odd (id int PRIMARY KEY, value {kind})")
    source.execute(f"INSERT INTO odd VALUES (1, {literal})")
    item = stream("public-odd", table="odd")
    declared = connector("tap-postgres", item, secrets={"sqlalchemy_url": "env:URL"})

    with pytest.raises(BadRecord, match="'value'") as caught:
        source.stage(declared)

    assert caught.value.stream == "public-odd"
    assert caught.value.place == "tap-postgres, line 2 of its output"
    assert literal.strip("'") not in str(caught.value)
