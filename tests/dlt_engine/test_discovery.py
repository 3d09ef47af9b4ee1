"""What dlt sources offer: a database's tables without a row, of others a few rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector_assets.audit.drift import diff_streams
from connector_assets.audit.observe import introduce
from connector_assets.audit.profile import parse_profiles
from connector_assets.engines.batch import describe_batch
from connector_assets.engines.discovery import DiscoveredStream, build_lock, discover
from connector_assets.errors import ConfigError, CredentialError
from connector_assets.lock import Lock, LockedColumn, LockedStream
from connector_assets.model import Connector

from .bench import Bench, connector, stream
from .server import TOKEN, Shop

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("_impatient")]


def find(declared: Connector, scratch: Path, **secrets: str) -> dict[str, DiscoveredStream]:
    return discover(declared, root=scratch, environment="dev", secrets=secrets, scratch=scratch)


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        connection.execute(
            "CREATE TABLE orders "
            "(id INTEGER PRIMARY KEY, Total NUMERIC(12,2), at TIMESTAMP NOT NULL)"
        )
        connection.execute("INSERT INTO orders VALUES (1, 2.5, '2024-01-01 00:00:00')")
        connection.execute('CREATE TABLE stores ("Store Id" INTEGER PRIMARY KEY, name TEXT)')
        connection.execute("CREATE VIEW names AS SELECT name FROM stores")
    return f"sqlite:///{tmp_path / 'shop.sqlite'}"


def database(**options: object) -> Connector:
    orders = stream("orders", cursor="at", **options)
    return connector("sql_database", {"credentials": "${dsn}"}, orders, secrets={"dsn": "env:D"})


def test_tables_are_reflected_and_the_others_listed(tmp_path: Path, dsn: str) -> None:
    found = find(database(), tmp_path / "scratch", dsn=dsn)

    assert {name: each.declared for name, each in found.items()} == {
        "orders": True,
        "names": False,
        "stores": False,
    }
    assert found["orders"].structure == LockedStream(
        columns={
            "id": LockedColumn(type="bigint"),
            "total": LockedColumn(type="decimal(12,2)"),
            "at": LockedColumn(type="timestamp_ntz", nullable=False),
        },
        primary_key=("id",),
        cursor="at",
    )
    assert found["orders"].profile.rows == 0
    assert found["stores"].structure.primary_key == ("store_id",)
    assert sorted(found["stores"].structure.columns) == ["name", "store_id"]


def test_a_lock_is_the_structure_that_a_sync_then_shows(
    bench: Bench, tmp_path: Path, dsn: str
) -> None:
    declared = database(primary_key=("id",))
    lock = build_lock(declared, list(find(declared, tmp_path / "s", dsn=dsn).values()), old=None)

    bench.stage(declared, dsn=dsn)

    batch = describe_batch(declared, bench.folder, positions={})
    shown = {name: introduce(one) for name, one in parse_profiles(batch["profiles"]).items()}
    assert diff_streams(lock.streams, shown) == ()


def api(shop: Shop) -> Connector:
    client = {
        "base_url": shop.url,
        "auth": {"type": "bearer", "token": "${token}"},
        "paginator": {"type": "json_link", "next_url_path": "next"},
    }
    orders = stream(
        "orders",
        cursor="updated_at",
        primary_key=("id",),
        config={"path": "orders", "data_selector": "data", "params": {"since": "${cursor}"}},
    )
    stores = stream("stores", config={"path": "stores", "data_selector": "data"})
    return connector("rest_api", {"client": client}, orders, stores)


def fill(shop: Shop) -> None:
    shop.tables["stores"] = []
    shop.tables["orders"] = [
        {"id": n, "updated_at": f"2024-{n:04}", "items": [{"price": 1.5}], "by": {"name": "x"}}
        for n in range(500)
    ]


def test_of_an_api_a_few_pages_are_read_with_child_tables(shop: Shop, tmp_path: Path) -> None:
    fill(shop)

    found = find(api(shop), tmp_path / "scratch", token=TOKEN)

    assert len(shop.requests) == 4
    assert all(each.declared and each.sampled for each in found.values())
    assert sorted(found["orders"].structure.columns) == ["by__name", "id", "updated_at"]
    assert found["orders__items"].structure.columns == {"price": LockedColumn(type="double")}
    assert (found["stores"].structure.columns, found["stores"].profile.rows) == ({}, 0)


def test_a_sample_removes_nothing_from_a_lock(shop: Shop, tmp_path: Path) -> None:
    fill(shop)
    declared = api(shop)
    found = list(find(declared, tmp_path / "scratch", token=TOKEN).values())
    first = build_lock(declared, found, old=None)
    rare = {**first.streams["orders"].columns, "rare": LockedColumn(type="bool")}
    old = Lock(
        connector="shop",
        streams={
            **first.streams,
            "orders": replace(first.streams["orders"], columns=rare),
            "orders__notes": LockedStream(columns={"text": LockedColumn(type="text")}),
            "gone": LockedStream(),
        },
    )

    again = build_lock(declared, found, old=old)

    assert diff_streams(old.streams, again.streams)[0].stream == "gone"
    assert sorted(again.streams) == ["orders", "orders__items", "orders__notes", "stores"]
    assert again.streams["orders"].columns["rare"] == LockedColumn(type="bool")


def test_of_files_the_first_rows_are_read(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.csv").write_text("Id,name\n1,\n")
    for number in range(30):
        (files / f"{number:02}.jsonl").write_text('{"id": 1}\n')
    config = {"bucket_url": files.as_uri()}
    declared = connector(
        "filesystem",
        config,
        stream("people", config={"file_glob": "*.csv"}),
        stream("events", config={"file_glob": "*.jsonl", "format": "jsonl"}),
    )

    found = find(declared, tmp_path / "scratch")

    assert sorted(found["people"].structure.columns) == ["id", "name"]
    assert found["events"].profile.rows <= 10


def test_of_a_function_some_yields_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"endless_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(
        "import dlt\n@dlt.resource\ndef numbers():\n    n = 0\n    while True:\n"
        "        n += 1\n        yield {'n': n}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    declared = connector(f"python:{module}:numbers", {}, stream("numbers"))

    found = find(declared, tmp_path / "scratch")

    assert found["numbers"].profile.rows == 3


def test_descriptions_of_a_resource_are_in_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"described_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(
        "import dlt\n"
        "@dlt.resource(columns={'n': {'description': 'How many.'}})\n"
        "def numbers():\n    yield {'n': 1, 'm': 2}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    declared = connector(f"python:{module}:numbers", {}, stream("numbers"))

    lock = build_lock(declared, list(find(declared, tmp_path / "s").values()), old=None)

    told = {name: one.description for name, one in lock.streams["numbers"].columns.items()}
    assert told == {"n": "How many.", "m": ""}


def test_comments_of_a_database_are_the_descriptions_of_columns(
    tmp_path: Path, new_postgres_database: Callable[[], str]
) -> None:
    dsn = new_postgres_database().replace("postgresql://", "postgresql+psycopg://")
    with sa.create_engine(dsn, poolclass=sa.NullPool).begin() as connection:
        for table in ("orders", "stores"):
            connection.exec_driver_sql(
                f'CREATE TABLE {table} (id int PRIMARY KEY, "Total" numeric(12,2), at timestamptz)'
            )
            connection.exec_driver_sql(f"COMMENT ON COLUMN {table}.\"Total\" IS 'With\ntax.'")

    found = find(database(), tmp_path / "s", dsn=dsn)

    for name in ("orders", "stores"):
        columns = found[name].structure.columns
        assert columns["total"] == LockedColumn(type="decimal(12,2)")
        assert {key: one.description for key, one in columns.items()} == {
            "id": "",
            "total": "With tax.",
            "at": "",
        }


def test_an_api_that_refuses_the_token_is_a_credential_error(shop: Shop, tmp_path: Path) -> None:
    fill(shop)

    with pytest.raises(CredentialError, match="answered 401"):
        find(api(shop), tmp_path / "scratch", token="wrong")


def test_a_database_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unable to open") as caught:
        find(database(), tmp_path / "scratch", dsn=f"sqlite:///{tmp_path}/no/where.sqlite")

    assert (caught.value.connector, caught.value.stream) == ("shop", "orders")
